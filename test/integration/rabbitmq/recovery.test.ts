import assert from 'node:assert/strict';
import type { PartHealth } from '../../../src/observability/health.ts';
import { QueueGoneError, type Broker } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  amqpAddress,
  amqpUrlVia,
  blockedFrame,
  deleteTopology,
  eventIdOf,
  openOnce,
  outgoingEvent,
  rabbitMqOptions,
  recordingHandlers,
  recordingLog,
  takeFrom,
  unblockedFrame,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';

describe('recovering from a lost RabbitMQ', () => {
  let prefix: string;
  let exchange: string;
  let proxy: TcpProxy;
  let broker: Broker;
  let log: ReturnType<typeof recordingLog>;

  beforeEach(async () => {
    prefix = uniquePrefix();
    ({ exchange } = rabbitMqOptions(prefix));
    proxy = await startTcpProxy(amqpAddress());
    log = recordingLog();
    broker = createRabbitMqBroker(rabbitMqOptions(prefix, { urls: [amqpUrlVia(proxy)], log }));
    await broker.open();
  });

  afterEach(async () => {
    await broker.close();
    await proxy.close();
    await deleteTopology(prefix);
  });

  /**
   * With the shortest heartbeats that there are, since the test is about their missing. On a busy machine some may be late by themselves.
   */
  async function reopenWithHeartbeats(): Promise<void> {
    await broker.close();
    broker = createRabbitMqBroker(rabbitMqOptions(prefix, { urls: [amqpUrlVia(proxy, 'heartbeat=1')], log }));
    await broker.open();
  }

  async function publishUntilConfirmed(sequence: number): Promise<void> {
    await eventually(() => broker.publish([outgoingEvent(sequence)]));
  }

  async function inState(state: PartHealth['state']): Promise<void> {
    await eventually(() => assert.equal(broker.health().state, state));
  }

  /** That it was gone as an error, once, and then that it is there again. */
  function expectLossLogged(part: string): void {
    const said = log.entries.map(({ level, message }) => [level, message.slice(0, message.indexOf(' is '))]);
    assert.deepEqual(said, [
      ['error', part],
      ['info', part],
    ]);
    const [gone, back] = log.entries.map(({ message }) => message);
    assert.match(gone ?? '', / is gone, and .* declare/);
    assert.match(back ?? '', / is there again; /);
  }

  async function expectRoutedToBoth(): Promise<void> {
    const historyBefore = await broker.historySize();
    await broker.publish([outgoingEvent(1)]);
    await eventually(async () => assert.equal(await broker.queueDepth(), 1));
    await eventually(async () => assert.equal(await broker.historySize(), historyBefore + 1));
  }

  describe('when somebody has deleted the history', () => {
    it('says so in its health once it is looked at, until it is there again', async () => {
      assert.equal(await broker.historySize(), 0);
      await inState('up');
      await withChannel((channel) => channel.deleteQueue(`${prefix}.history`));
      await assert.rejects(broker.historySize(), QueueGoneError);
      await inState('degraded');
      assert.match(broker.health().reason ?? '', /\.history is gone.*start the service anew/);
      assert.equal(await broker.queueDepth(), 0);
      await inState('degraded');
      await openOnce(prefix);
      assert.equal(await broker.historySize(), 0);
      await inState('up');
    });

    it('logs once that it is gone, and that it is there again', async () => {
      await withChannel((channel) => channel.deleteQueue(`${prefix}.history`));
      for (let look = 0; look < 2; look++) await assert.rejects(broker.historySize(), QueueGoneError);
      await openOnce(prefix);
      for (let look = 0; look < 2; look++) await broker.historySize();
      const part = `the queue ${prefix}.history`;
      assert.deepEqual(log.entries, [
        {
          level: 'error',
          fields: { part },
          message: `${part} is gone, and what is published is not in it: start the service anew, which declares it`,
        },
        {
          level: 'info',
          fields: { part },
          message: `${part} is there again; what was in it and what was published meanwhile is not`,
        },
      ]);
    });
  });

  describe('keeping what it declared', () => {
    it('changes and says nothing while all of it is there', async () => {
      for (let look = 0; look < 2; look++) await broker.keepTopology();
      assert.deepEqual(log.entries, []);
      await expectRoutedToBoth();
    });

    it('declares a deleted exchange anew, binds to it, and says so', async () => {
      await withChannel((channel) => channel.deleteExchange(exchange));
      await broker.keepTopology();
      expectLossLogged(`the exchange ${exchange}`);
      await inState('up');
      await expectRoutedToBoth();
    });

    it('binds to an exchange that its producer has made anew', async () => {
      await withChannel(async (channel) => {
        await channel.deleteExchange(exchange);
        await channel.assertExchange(exchange, 'topic', { durable: true });
      });
      await broker.keepTopology();
      await expectRoutedToBoth();
    });

    it('binds again what somebody has unbound', async () => {
      const { bindingKeys } = rabbitMqOptions(prefix);
      await withChannel(async (channel) => {
        for (const queue of ['projector', 'history']) {
          for (const key of bindingKeys) await channel.unbindQueue(`${prefix}.${queue}`, exchange, key);
        }
      });
      await assert.rejects(broker.publish([outgoingEvent(1)]), { code: 'UNROUTABLE' });
      await broker.keepTopology();
      await expectRoutedToBoth();
    });

    for (const name of ['projector', 'dead-letters']) {
      it(`declares a deleted queue anew, binds it, and says so: ${name}`, async () => {
        await withChannel((channel) => channel.deleteQueue(`${prefix}.${name}`));
        await broker.keepTopology();
        expectLossLogged(`the queue ${prefix}.${name}`);
        await inState('up');
        await expectRoutedToBoth();
      });
    }

    it('leaves a deleted history as it is, which would be empty, and says so until it is there again', async () => {
      await withChannel((channel) => channel.deleteQueue(`${prefix}.history`));
      for (let look = 0; look < 2; look++) await broker.keepTopology();
      await inState('degraded');
      assert.match(broker.health().reason ?? '', /\.history is gone.*start the service anew/);
      await assert.rejects(broker.historySize(), QueueGoneError);
      await openOnce(prefix);
      await broker.keepTopology();
      await inState('up');
      expectLossLogged(`the queue ${prefix}.history`);
    });

    it('tells by its health, and once in the log, what it cannot declare, until it can', async () => {
      await withChannel(async (channel) => {
        await channel.deleteExchange(exchange);
        await channel.assertExchange(exchange, 'direct', { durable: true });
      });
      for (let look = 0; look < 2; look++) await broker.keepTopology();
      await inState('degraded');
      assert.match(broker.health().reason ?? '', /declared differently: type is 'direct' in RabbitMQ/);
      assert.deepEqual(
        log.entries.map(({ level }) => level),
        ['error'],
      );
      await withChannel((channel) => channel.deleteExchange(exchange));
      await broker.keepTopology();
      await inState('up');
      await expectRoutedToBoth();
    });

    it('warns once of a queue that is declared differently, while something else cannot be', async () => {
      await withChannel(async (channel) => {
        await channel.deleteQueue(`${prefix}.dead-letters`);
        await channel.assertQueue(`${prefix}.dead-letters`, { arguments: { 'x-queue-type': 'quorum' } });
        await channel.deleteQueue(`${prefix}.projector`);
        await channel.assertQueue(`${prefix}.projector`);
        await channel.deleteExchange(exchange);
      });
      for (let look = 0; look < 3; look++) {
        await broker.keepTopology();
        await withChannel((channel) => channel.deleteExchange(exchange));
      }
      await inState('degraded');
      assert.equal(log.entries.filter(({ level }) => level === 'warn').length, 1);
    });

    it('fails while there is no connection', async () => {
      await proxy.refuse();
      await inState('down');
      await assert.rejects(broker.keepTopology(), { code: 'BROKER_UNAVAILABLE' });
    });
  });

  describe('when the connection is cut', () => {
    it('consumes again; what was unsettled comes again, and is lost once', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish([outgoingEvent(1), outgoingEvent(2)]);
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      proxy.cut();
      await eventually(() => assert.equal(recorded.deliveries.length, 4));
      assert.equal(recorded.lost.length, 1);
      const redelivered = recorded.events().slice(2);
      assert.deepEqual(
        redelivered.map(({ body }) => eventIdOf(body)),
        ['o-1-1', 'o-1-2'],
      );
      assert.ok(redelivered.every(({ redeliveries }) => redeliveries >= 1));
      subscription.settle(redelivered);
      await publishUntilConfirmed(3);
      await eventually(() => assert.equal(recorded.deliveries.length, 5));
    });

    it('ignores a late acknowledgement of a delivery of the dead channel', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish([outgoingEvent(1)]);
      await eventually(() => assert.equal(recorded.deliveries.length, 1));
      proxy.cut();
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      // The tags of the two are the same number.
      subscription.settle(recorded.deliveries.slice(0, 1));
      subscription.requeue(recorded.deliveries.slice(0, 1));
      await broker.close();
      const kept = await takeFrom(`${prefix}.projector`);
      assert.equal(eventIdOf(kept.content), 'o-1-1');
    });

    it('fails what is in flight, and says why in its health', async () => {
      proxy.halt();
      const published = assert.rejects(broker.publish([outgoingEvent(1)]), { code: 'BROKER_UNAVAILABLE' });
      await proxy.refuse();
      proxy.resume();
      await published;
      await eventually(() => assert.match(broker.health().reason ?? '', /RabbitMQ cannot be reached: .*ECONNREFUSED/));
      assert.equal(broker.health().state, 'down');
      await assert.rejects(broker.publish([outgoingEvent(1)]), { code: 'BROKER_UNAVAILABLE' });
      await proxy.accept();
      await inState('up');
      await broker.publish([outgoingEvent(1)]);
    });

    it('tells a cancelled subscription of its loss, and does not take it up again', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 1 }, recorded);
      await broker.publish([outgoingEvent(1), outgoingEvent(2)]);
      await eventually(() => assert.equal(recorded.deliveries.length, 1));
      await subscription.cancel();
      proxy.cut();
      await eventually(() => assert.equal(recorded.lost.length, 1));
      await inState('up');
      await eventually(async () => assert.equal(await broker.queueDepth(), 2));
      assert.equal(recorded.deliveries.length, 1);
    });
  });

  describe('when the network is silent', () => {
    it('notices by the missing heartbeats', async () => {
      await reopenWithHeartbeats();
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      proxy.halt();
      await inState('down');
      await eventually(() => assert.ok(recorded.lost.length > 0));
      proxy.resume();
      await inState('up');
      await publishUntilConfirmed(1);
      await eventually(() => assert.ok(recorded.deliveries.length > 0));
    });
  });

  describe('when confirms do not come', () => {
    it('gives up what is in flight and takes a new connection', async () => {
      const urls = [amqpUrlVia(proxy, 'heartbeat=0')];
      const impatient = createRabbitMqBroker(rabbitMqOptions(prefix, { urls, confirmTimeoutMs: 200 }));
      try {
        await impatient.open();
        proxy.halt();
        await assert.rejects(impatient.publish([outgoingEvent(1)]), {
          code: 'BROKER_UNAVAILABLE',
          message: /nothing was confirmed for 200 ms/,
        });
        assert.equal(impatient.health().state, 'down');
        proxy.resume();
        await eventually(() => impatient.publish([outgoingEvent(1)]));
      } finally {
        await impatient.close();
      }
    });
  });

  describe('when RabbitMQ takes no messages because of an alarm', () => {
    it('says so in its health and refuses at once, until the alarm is over', async () => {
      proxy.sayToClients(blockedFrame('low on memory'));
      await inState('degraded');
      assert.equal(broker.health().reason, 'RabbitMQ takes no messages: low on memory');
      const refused = { code: 'BROKER_UNAVAILABLE', message: 'RabbitMQ takes no messages: low on memory' };
      await assert.rejects(broker.publish([outgoingEvent(1)]), refused);
      await assert.rejects(broker.publishHeartbeat(new Date()), refused);
      await assert.rejects(broker.queueDepth(), refused);
      proxy.sayToClients(unblockedFrame());
      await inState('up');
      await broker.publish([outgoingEvent(1)]);
    });

    it('gives up what is in flight, and keeps the connection', async () => {
      const urls = [amqpUrlVia(proxy, 'heartbeat=0')];
      const impatient = createRabbitMqBroker(rabbitMqOptions(prefix, { urls, confirmTimeoutMs: 200 }));
      try {
        await impatient.open();
        proxy.halt();
        const published = assert.rejects(impatient.publish([outgoingEvent(1)]), { code: 'BROKER_UNAVAILABLE' });
        proxy.sayToClients(blockedFrame('low on disk'));
        await published;
        assert.equal(impatient.health().state, 'degraded');
        proxy.sayToClients(unblockedFrame());
        proxy.resume();
        await eventually(() => impatient.publish([outgoingEvent(1)]));
      } finally {
        await impatient.close();
      }
    });
  });

  describe('when the queue is deleted under the consumer', () => {
    it('declares it anew and consumes again', async () => {
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await withChannel((channel) => channel.deleteQueue(`${prefix}.projector`));
      await eventually(() => assert.equal(recorded.lost.length, 1));
      await inState('up');
      await publishUntilConfirmed(1);
      await eventually(() => assert.equal(recorded.deliveries.length, 1));
    });
  });

  describe('when the dead-letter queue is deleted', () => {
    it('fails the dead letter, declares the queue anew, and takes it the next time', async () => {
      const letter = {
        body: Buffer.from('?'),
        refusal: { reason: 'unparseable', path: '', message: 'not JSON' },
        attempts: 1,
        firstFailedAt: '2026-01-02T03:04:05.678Z',
        lastFailedAt: '2026-01-02T03:04:05.678Z',
      } as const;
      await withChannel((channel) => channel.deleteQueue(`${prefix}.dead-letters`));
      await assert.rejects(broker.deadLetter(letter), { code: 'BROKER_UNAVAILABLE' });
      await eventually(() => broker.deadLetter(letter));
      assert.equal((await takeFrom(`${prefix}.dead-letters`)).content.toString(), '?');
    });
  });

  describe('when the exchange is deleted', () => {
    it('fails the event, declares the exchange anew, and publishes it the next time', async () => {
      await withChannel((channel) => channel.deleteExchange(prefix));
      await assert.rejects(broker.publish([outgoingEvent(1)]), { code: 'BROKER_UNAVAILABLE' });
      await publishUntilConfirmed(1);
      assert.equal(await broker.queueDepth(), 1);
    });
  });

  describe('when something is declared differently after the loss', () => {
    it('says so loudly, and heals once that is repaired', async () => {
      await proxy.refuse();
      await withChannel(async (channel) => {
        await channel.deleteQueue(`${prefix}.projector`);
        await channel.assertQueue(`${prefix}.projector`, { durable: true });
      });
      await proxy.accept();
      await eventually(() => assert.match(broker.health().reason ?? '', /declared differently/));
      assert.ok(
        log.entries.some(
          ({ level, fields }) => level === 'error' && /declared differently/.test(JSON.stringify(fields)),
        ),
      );
      await withChannel((channel) => channel.deleteQueue(`${prefix}.projector`));
      await inState('up');
    });
  });

  describe('when the first try to consume fails', () => {
    it('rejects, and consumes at a later try', async () => {
      await proxy.refuse();
      const recorded = recordingHandlers();
      await assert.rejects(broker.consume({ prefetch: 1 }, recorded), { code: 'BROKER_UNAVAILABLE' });
      await proxy.accept();
      await eventually(() => broker.consume({ prefetch: 1 }, recorded));
      await publishUntilConfirmed(1);
      await eventually(() => assert.equal(recorded.deliveries.length, 1));
    });
  });

  describe('when it is closed while it reconnects', () => {
    it('stops trying', async () => {
      // The next connection is not answered.
      proxy.halt();
      proxy.cut();
      await inState('down');
      await broker.close();
      assert.match(broker.health().reason ?? '', /closed/);
    });
  });
});
