import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import type { RabbitMqOptions } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  deleteTopology,
  eventIdOf,
  outgoingEvent,
  rabbitMqOptions,
  recordingHandlers,
  takeFrom,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';

describe('consuming from RabbitMQ', () => {
  let prefix: string;
  let brokers: Broker[];

  beforeEach(() => {
    prefix = uniquePrefix();
    brokers = [];
  });

  afterEach(async () => {
    await Promise.all(brokers.map((broker) => broker.close()));
    await deleteTopology(prefix);
  });

  async function openBroker(changes: Partial<RabbitMqOptions> = {}): Promise<Broker> {
    const broker = createRabbitMqBroker(rabbitMqOptions(prefix, changes));
    brokers.push(broker);
    await broker.open();
    return broker;
  }

  /** All messages of the live queue, unacknowledged ones too. */
  async function messagesLeft(): Promise<number> {
    return withChannel(async (channel) => (await channel.deleteQueue(`${prefix}.projector`)).messageCount);
  }

  describe('when events are delivered', () => {
    it('hands them on in order, with growing positions and untouched bodies', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 100 }, recorded);
      const sent = Array.from({ length: 50 }, (_, index) => outgoingEvent(index + 1));
      await broker.publish(sent);
      await eventually(() => assert.equal(recorded.events().length, 50));
      assert.deepEqual(
        recorded.events().map(({ body }) => Buffer.from(body).toString()),
        sent.map(({ body }) => Buffer.from(body).toString()),
      );
      const positions = recorded.events().map(({ position }) => position);
      assert.deepEqual(
        positions,
        positions.map((_, index) => (positions[0] ?? 0) + index),
      );
      assert.ok(recorded.events().every(({ redeliveries }) => redeliveries === 0));
    });

    it('delivers at most the prefetch, and more once some are settled', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      await broker.publish(Array.from({ length: 10 }, (_, index) => outgoingEvent(index + 1)));
      const subscription = await broker.consume({ prefetch: 4 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 4));
      assert.equal(await broker.queueDepth(), 6);
      subscription.settle(recorded.deliveries.slice(0, 2));
      await eventually(() => assert.equal(recorded.deliveries.length, 6));
    });

    it('forgets none of those settled out of order, over overlapping batches', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 300 }, recorded);
      await broker.publish(Array.from({ length: 300 }, (_, index) => outgoingEvent(index + 1)));
      await eventually(() => assert.equal(recorded.deliveries.length, 300));
      const batch = (number: number) => recorded.deliveries.slice(number * 100, number * 100 + 100);
      subscription.settle(batch(2));
      subscription.settle(batch(0));
      subscription.settle(batch(1).filter((_, index) => index % 2 === 0));
      subscription.settle(batch(1));
      // Once more does no harm.
      subscription.settle(batch(0));
      await broker.close();
      assert.equal(await messagesLeft(), 0);
    });
  });

  describe('when what has come before is settled behind what is not', () => {
    it('acknowledges it at once', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      await broker.publish(Array.from({ length: 3 }, (_, index) => outgoingEvent(index + 1)));
      const subscription = await broker.consume({ prefetch: 2 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      subscription.requeue(recorded.deliveries.slice());
      await eventually(() => assert.equal(recorded.deliveries.length, 4));
      const behind = recorded.deliveries.at(-1);
      assert.ok(behind && behind.redeliveries > 0);
      subscription.settle([behind]);
      // Sooner than what is held behind the head goes out by itself.
      await eventually(() => assert.equal(recorded.deliveries.length, 5), 1_500);
    });
  });

  describe('when a delivery is given back', () => {
    it('comes again, with redeliveries counted', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish([outgoingEvent(1), outgoingEvent(2)]);
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      subscription.requeue(recorded.deliveries);
      await eventually(() => assert.equal(recorded.deliveries.length, 4));
      subscription.requeue(recorded.deliveries.slice(2));
      await eventually(() => assert.equal(recorded.deliveries.length, 6));
      assert.deepEqual(
        recorded.deliveries.map(({ redeliveries }) => redeliveries),
        [0, 0, 1, 1, 2, 2],
      );
      subscription.settle(recorded.deliveries);
      await broker.close();
      assert.equal(await messagesLeft(), 0);
    });
  });

  describe('when the subscription is cancelled', () => {
    it('takes no more, and what was delivered may still be settled or given back', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 3 }, recorded);
      await broker.publish([1, 2, 3, 4].map((sequence) => outgoingEvent(sequence)));
      await eventually(() => assert.equal(recorded.deliveries.length, 3));
      await subscription.cancel();
      subscription.settle(recorded.deliveries.slice(0, 1));
      subscription.requeue(recorded.deliveries.slice(1));
      await eventually(async () => assert.equal(await broker.queueDepth(), 3));
      assert.equal(recorded.deliveries.length, 3);
      assert.deepEqual(recorded.lost, []);
    });

    it('may be followed by another one', async () => {
      const broker = await openBroker();
      const first = recordingHandlers();
      await (await broker.consume({ prefetch: 3 }, first)).cancel();
      const second = recordingHandlers();
      await broker.consume({ prefetch: 3 }, second);
      await broker.publish([outgoingEvent(1)]);
      await eventually(() => assert.equal(second.deliveries.length, 1));
      assert.equal(first.deliveries.length, 0);
    });
  });

  describe('when two projectors consume', () => {
    it('gives the second one nothing until the first one cancels', async () => {
      const [one, other] = [await openBroker(), await openBroker()];
      const [active, standby] = [recordingHandlers(), recordingHandlers()];
      const subscription = await one.consume({ prefetch: 1 }, active);
      await other.consume({ prefetch: 10 }, standby);
      await one.publish([1, 2, 3].map((sequence) => outgoingEvent(sequence)));
      await eventually(() => assert.equal(active.deliveries.length, 1));
      assert.equal(await one.queueDepth(), 2);
      assert.equal(standby.deliveries.length, 0);
      await subscription.cancel();
      subscription.settle(active.deliveries);
      await eventually(() => assert.equal(standby.deliveries.length, 2));
      assert.deepEqual(
        standby.events().map(({ body }) => eventIdOf(body)),
        ['o-1-2', 'o-1-3'],
      );
    });

    it('shares the queue among them without a single active consumer', async () => {
      const changes = { singleActiveConsumer: false };
      const [one, other] = [await openBroker(changes), await openBroker(changes)];
      const [first, second] = [recordingHandlers(), recordingHandlers()];
      await one.consume({ prefetch: 1 }, first);
      await other.consume({ prefetch: 1 }, second);
      await one.publish([outgoingEvent(1), outgoingEvent(2)]);
      await eventually(() => assert.deepEqual([first.deliveries.length, second.deliveries.length], [1, 1]));
    });
  });

  describe('when a heartbeat is published', () => {
    it('comes back behind everything published before it', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish([outgoingEvent(1)]);
      await broker.publishHeartbeat(new Date(1_767_323_045_678));
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      const [event, heartbeat] = recorded.deliveries;
      assert.equal(event?.kind, 'event');
      assert.equal(heartbeat?.kind, 'heartbeat');
      assert.equal(heartbeat.publishedAt, 1_767_323_045_678);
      assert.ok(heartbeat.position > event.position);
    });

    it('is not published again as long as the queue stands still', async () => {
      const broker = await openBroker();
      for (const now of [1_000, 2_000, 3_000]) await broker.publishHeartbeat(new Date(now));
      assert.equal(await broker.queueDepth(), 1);
    });

    it('is not mistaken for one when a producer sends its type through the exchange', async () => {
      const broker = await openBroker();
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await withChannel(async (channel) => {
        channel.publish(prefix, 'order.placed', Buffer.from('1000'), { type: 'order-search.heartbeat' });
      });
      await eventually(() => assert.equal(recorded.deliveries.length, 1));
      assert.equal(recorded.deliveries[0]?.kind, 'event');
    });
  });

  describe('when something is dead-lettered', () => {
    it('keeps the untouched body and says in the headers why', async () => {
      const broker = await openBroker();
      const body = Buffer.from([0x7b, 0xff, 0x00, 0x0a]);
      await broker.deadLetter({
        body,
        refusal: { reason: 'invalid', path: 'data.items[3].quantity', message: `too small ${'x'.repeat(10_000)}` },
        orderId: 'ö-1',
        sequence: 2 ** 53 - 1,
        eventId: 'e-1',
        attempts: 3,
        firstFailedAt: '2026-01-02T03:04:05.678Z',
        lastFailedAt: '2026-01-02T03:04:06.678Z',
      });
      const letter = await takeFrom(`${prefix}.dead-letters`);
      assert.deepEqual(letter.content, body);
      assert.equal(letter.properties.deliveryMode, 2);
      const { 'x-message': message, 'x-delivery-count': _count, ...headers } = letter.properties.headers ?? {};
      assert.match(String(message), /^too small x+$/);
      assert.deepEqual(headers, {
        'x-reason': 'invalid',
        'x-path': 'data.items[3].quantity',
        'x-order-id': 'ö-1',
        'x-sequence': 2 ** 53 - 1,
        'x-event-id': 'e-1',
        'x-attempts': 3,
        'x-first-failed-at': '2026-01-02T03:04:05.678Z',
        'x-last-failed-at': '2026-01-02T03:04:06.678Z',
      });
    });
  });
});
