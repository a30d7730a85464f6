import assert from 'node:assert/strict';
import type { Broker, DeadLetter } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  amqpAddress,
  amqpUrlVia,
  deleteTopology,
  outgoingEvent,
  rabbitMqOptions,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';

describe('taking dead letters from RabbitMQ', () => {
  let prefix: string;
  let proxy: TcpProxy;
  let broker: Broker;
  let received: DeadLetter[];

  beforeEach(async () => {
    prefix = uniquePrefix();
    proxy = await startTcpProxy(amqpAddress());
    broker = createRabbitMqBroker(rabbitMqOptions(prefix, { urls: [amqpUrlVia(proxy)] }));
    await broker.open();
    received = [];
  });

  afterEach(async () => {
    await broker.close();
    await proxy.close();
    await deleteTopology(prefix);
  });

  /** Past the code under test. */
  async function send(body: string, headers: Record<string, unknown>, type?: string): Promise<void> {
    await withChannel((channel) => {
      channel.sendToQueue(`${prefix}.dead-letters`, Buffer.from(body), {
        headers,
        ...(type !== undefined && { type }),
      });
      return Promise.resolve();
    });
  }

  async function count(expected: number): Promise<void> {
    await eventually(() => assert.equal(received.length, expected));
  }

  async function waiting(): Promise<number> {
    return withChannel(async (channel) => (await channel.checkQueue(`${prefix}.dead-letters`)).messageCount);
  }

  describe('when the connection is cut', () => {
    it('takes them again, those that were under way once more', async () => {
      const first = Promise.withResolvers<void>();
      await broker.consumeDeadLetters(async (letter) => {
        received.push(letter);
        if (received.length === 1) await first.promise;
      });
      await send('1', {});
      await count(1);
      proxy.cut();
      await count(2);
      first.resolve();
      await send('2', {});
      await count(3);
      assert.deepEqual(
        received.map(({ body }) => Buffer.from(body).toString()),
        ['1', '1', '2'],
      );
      await eventually(async () => assert.equal(await waiting(), 0));
    });

    it('goes on trying what the handler did not take', async () => {
      let isCut = false;
      await broker.consumeDeadLetters(async (letter) => {
        received.push(letter);
        if (!isCut) throw new Error('not now');
      });
      await send('1', {});
      await eventually(() => assert.ok(received.length >= 2));
      proxy.cut();
      isCut = true;
      await eventually(() => assert.equal(broker.health().state, 'up'));
      await send('2', {});
      await eventually(() => assert.equal(Buffer.from(received.at(-1)?.body ?? []).toString(), '2'));
      await broker.close();
      assert.equal(await waiting(), 0);
    });
  });

  describe('when the queue is deleted', () => {
    it('makes it anew and goes on', async () => {
      await broker.consumeDeadLetters(async (letter) => void received.push(letter));
      await withChannel((channel) => channel.deleteQueue(`${prefix}.dead-letters`));
      await eventually(() => send('1', {}).then(() => assert.equal(received.length > 0, true)));
    });
  });

  describe('when a message is not one of ours', () => {
    it('says that someone has put it there, and reads what it can of it', async () => {
      await broker.consumeDeadLetters(async (letter) => void received.push(letter));
      const body = outgoingEvent(7).body.toString();
      // As an operator's shovel would, with a header of a producer's that looks like ours.
      await send(body, { 'x-reason': 'sequence_conflict', 'x-attempts': 99 });
      await count(1);
      const { refusal, orderId, sequence, eventId, attempts } = received[0] ?? assert.fail();
      assert.deepEqual(
        [refusal.reason, orderId, sequence, eventId, attempts],
        ['delivery_limit', 'o-1', 7, 'o-1-7', 1],
      );
      assert.match(refusal.message, /an operator/);
    });

    it('takes headers of any kind', async () => {
      await broker.consumeDeadLetters(async (letter) => void received.push(letter));
      const ours = 'order-search.dead-letter';
      await send(
        '1',
        { 'x-reason': 'of a later version', 'x-message': 'why', 'x-sequence': 'NaN', 'x-attempts': 1.5 },
        ours,
      );
      await send('2', { 'x-reason': 7, 'x-order-id': true, 'x-first-failed-at': 'never', 'x-last-failed-at': 0 }, ours);
      await send('3', { 'x-death': [{ reason: 'rejected', time: 'noon' }, 1] }, ours);
      await count(3);
      assert.deepEqual(
        received.map(({ refusal, attempts }) => [refusal.reason, refusal.message, attempts]),
        [
          ['invalid', 'of a later version: why', 1],
          ['invalid', ': ', 1],
          ['delivery_limit', 'was moved here by RabbitMQ or an operator (rejected)', 1],
        ],
      );
      for (const { lastFailedAt, firstFailedAt } of received) {
        assert.ok(Math.abs(Date.parse(lastFailedAt) - Date.now()) < 60_000);
        assert.equal(firstFailedAt, lastFailedAt);
      }
    });
  });
});
