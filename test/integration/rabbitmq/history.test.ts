import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../../src/broker/port.ts';
import type { Broker, HistoryMessage } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  amqpAddress,
  amqpUrlVia,
  deleteTopology,
  rabbitMqOptions,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';
import { readWholeHistory } from '../../support/read-whole-history.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';

const COUNT = 5_000;
const PADDING_BYTES = 2_000;

describe('the history in RabbitMQ', function () {
  this.timeout(90_000);
  let prefix: string;
  let proxy: TcpProxy;
  let broker: Broker;

  beforeEach(async () => {
    prefix = uniquePrefix();
    proxy = await startTcpProxy(amqpAddress());
    await open();
  });

  /** By default few heartbeats: with short ones a busy machine loses the connection, and what was read is read again. */
  async function open({ historyGiveUpMs = 5_000, heartbeatSeconds = 60 } = {}): Promise<void> {
    const urls = [amqpUrlVia(proxy, `heartbeat=${heartbeatSeconds}`)];
    broker = createRabbitMqBroker(rabbitMqOptions(prefix, { urls, historyGiveUpMs }));
    await broker.open();
  }

  afterEach(async () => {
    await broker.close();
    await proxy.close();
    await deleteTopology(prefix);
  });

  /** Into the stream alone, past the exchange and the proxy, with a body that begins with its number. */
  async function publishStraight(count: number, padding = ''): Promise<void> {
    const already = (await readPast()).length;
    await withChannel(async (channel) => {
      for (let number = 0; number < count; number++) {
        channel.sendToQueue(`${prefix}.history`, Buffer.from(`${number} ${padding}`));
      }
    });
    await eventually(async () => assert.equal((await readPast()).length, already + count));
  }

  /** By a broker that does not go through the proxy. */
  async function readPast(): Promise<HistoryMessage[]> {
    const other = createRabbitMqBroker(rabbitMqOptions(prefix));
    await other.open();
    const messages = await readWholeHistory(other);
    await other.close();
    return messages;
  }

  function history(): AsyncIterable<HistoryMessage> {
    return broker.readHistory({ from: { kind: 'first' }, signal: new AbortController().signal });
  }

  const numberOf = ({ body }: HistoryMessage) => Number.parseInt(Buffer.from(body).toString(), 10);
  const numbers = Array.from({ length: COUNT }, (_, number) => number);

  describe('when the connection is cut in the middle', () => {
    it('goes on where it was: nothing twice, nothing left out', async () => {
      await publishStraight(COUNT);
      const seen: number[] = [];
      for await (const message of history()) {
        seen.push(numberOf(message));
        if (seen.length % 1_000 === 500) proxy.cut();
      }
      assert.deepEqual(seen, numbers);
    });
  });

  describe('when the connection is half open in the middle', () => {
    it('notices, and goes on with another one', async () => {
      await broker.close();
      await open({ heartbeatSeconds: 1 });
      await publishStraight(COUNT);
      const seen: number[] = [];
      for await (const message of history()) {
        seen.push(numberOf(message));
        // Not a byte goes through any more, for longer than the heartbeats bear it.
        if (seen.length === 600) proxy.halt();
        if (seen.length === 600) setTimeout(() => proxy.resume(), 2_500);
      }
      assert.deepEqual(seen, numbers);
    });
  });

  describe('when the stream is deleted in the middle, and declared anew', () => {
    /** Once some of it was read; so many other messages are in the next one before the reader comes back. */
    async function readAnew(count: number): Promise<void> {
      await publishStraight(COUNT);
      let read = 0;
      for await (const message of history()) {
        assert.equal(numberOf(message), read);
        read += 1;
        if (read !== 700) continue;
        proxy.halt();
        await withChannel((channel) => channel.deleteQueue(`${prefix}.history`).then(() => undefined));
        await publishStraight(count, 'of another stream');
        proxy.resume();
      }
    }

    it('does not end where there is less of it than was read', async () => {
      await assert.rejects(readAnew(100), BrokerUnavailableError);
    });

    it('reads nothing of it where there is more of it than was read', async () => {
      await broker.close();
      await open({ historyGiveUpMs: 60_000 });
      await assert.rejects(readAnew(2_000), /BrokerUnavailableError: the history was declared anew/);
    });
  });

  describe('when RabbitMQ stays away', () => {
    it('gives up with what was wrong', async () => {
      await publishStraight(COUNT);
      const reading = async () => {
        for await (const message of history()) if (numberOf(message) === 100) await proxy.refuse();
      };
      await assert.rejects(reading, BrokerUnavailableError);
    });

    it('says so at once where it was away before', async () => {
      await proxy.refuse();
      await assert.rejects(readWholeHistory(broker), BrokerUnavailableError);
    });
  });

  describe('when it is read slowly', () => {
    it('takes a small part of it from RabbitMQ', async () => {
      await publishStraight(COUNT, 'x'.repeat(PADDING_BYTES));
      const before = proxy.bytesReceived;
      const reader = history()[Symbol.asyncIterator]();
      for (let count = 0; count < 50; count++) await reader.next();
      await eventually(() => assert.ok(proxy.bytesReceived - before > 200 * PADDING_BYTES));
      // Time in which it could take more.
      await readPast();
      // RabbitMQ sends a chunk of the stream to its end, of however many messages that was made.
      assert.ok(proxy.bytesReceived - before < 1_500 * PADDING_BYTES, `${proxy.bytesReceived - before} bytes`);
      await reader.return?.();
    });
  });
});
