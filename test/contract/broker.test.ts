import assert from 'node:assert/strict';
import { BrokerUnavailableError, UnroutableError } from '../../src/broker/port.ts';
import type { Broker, DeadLetter, LiveDelivery } from '../../src/broker/port.ts';
import { eventIdOf, outgoingEvent, recordingHandlers } from '../support/amqp-broker.ts';
import type { Recorded } from '../support/amqp-broker.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { BrokerChoices, BrokerPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';

function idsIn(deliveries: readonly LiveDelivery[]): string[] {
  return deliveries.map((delivery) => (delivery.kind === 'event' ? eventIdOf(delivery.body) : 'heartbeat'));
}

async function received(recorded: Recorded, count: number): Promise<readonly LiveDelivery[]> {
  return eventually(() => {
    assert.ok(recorded.deliveries.length >= count, `${recorded.deliveries.length} of ${count} deliveries`);
    return recorded.deliveries;
  });
}

const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => outgoingEvent(from + at));

describeForEachBackend('a broker', (backend) => {
  let place: BrokerPlace;
  let broker: Broker;

  beforeEach(() => openPlace());
  afterEach(() => place.remove());

  async function openPlace(choices?: BrokerChoices): Promise<void> {
    place = backend.broker();
    broker = place.instance(choices);
    await broker.open();
  }

  async function restarted(): Promise<void> {
    await broker.close();
    broker = place.instance();
    await broker.open();
  }

  describe('when events are published', () => {
    it('delivers them in order, bodies untouched, positions growing, never within the call', async () => {
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 100 }, recorded);
      const published = broker.publish(events(1, 20));
      assert.equal(recorded.deliveries.length, 0);
      await published;
      const deliveries = await received(recorded, 20);
      assert.deepEqual(
        recorded.events().map(({ body }) => Buffer.from(body)),
        events(1, 20).map(({ body }) => body),
      );
      const positions = deliveries.map(({ position }) => position);
      assert.deepEqual(
        positions,
        positions.map((_, at) => (positions[0] ?? 0) + at),
      );
      assert.ok(deliveries.every(({ redeliveries }) => redeliveries === 0));
    });

    it('keeps them until someone consumes', async () => {
      await broker.publish(events(1, 3));
      await eventually(async () => assert.equal(await broker.queueDepth(), 3));
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      assert.deepEqual(idsIn(await received(recorded, 3)), ['o-1-1', 'o-1-2', 'o-1-3']);
      await eventually(async () => assert.equal(await broker.queueDepth(), 0));
    });

    it('takes aliases and unknown types under order.', async () => {
      await broker.publish([outgoingEvent(1, 'o-1', 'OrderPaid'), outgoingEvent(2, 'o-1', 'order.wrapped.v9')]);
      await eventually(async () => assert.equal(await broker.queueDepth(), 2));
    });

    it('refuses what no queue is bound for', async () => {
      await assert.rejects(broker.publish([outgoingEvent(1, 'o-1', 'invoice.sent.v1')]), UnroutableError);
      assert.equal(await broker.queueDepth(), 0);
    });
  });

  describe('when its queues are bound by other keys', () => {
    const TYPES = [
      ...['order.placed.v2', 'order.payment_captured.v1', 'OrderPaid', 'order.return.asked.v1', 'order.return.v1'],
      ...['order', 'order.', 'order..asked', 'orders.placed.v1', 'return.asked.v1', 'return', 'Order.placed.v2', '.v1'],
    ];

    /** Of those types, the ones that are taken. */
    async function taken(bindingKeys: readonly string[]): Promise<readonly string[]> {
      await place.remove();
      await openPlace({ bindingKeys });
      const outcomes = await Promise.allSettled(
        TYPES.map((type, at) => broker.publish([outgoingEvent(at, 'o-1', type)])),
      );
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof UnroutableError, String(outcome.reason));
      const types = TYPES.filter((_, at) => outcomes[at]?.status === 'fulfilled');
      await eventually(async () => assert.equal(await broker.queueDepth(), types.length));
      return types;
    }

    for (const [bindingKeys, types] of [
      [['order.placed'], ['order.placed.v2']],
      [
        ['order.payment_captured', 'return.#'],
        ['order.payment_captured.v1', 'OrderPaid', 'return.asked.v1', 'return'],
      ],
      [['order.*'], ['order.placed.v2', 'order.payment_captured.v1', 'OrderPaid', 'order.return.v1', 'order.']],
      [['*.*.asked'], ['order.return.asked.v1', 'order..asked']],
      [
        ['#.asked', 'order.#.asked'],
        ['order.return.asked.v1', 'order..asked', 'return.asked.v1'],
      ],
      [['order.#.return.#'], ['order.return.asked.v1', 'order.return.v1']],
      [['*'], ['order', 'return']],
      [['#'], TYPES],
      [['order.p*', 'order.#x'], []],
    ] as const) {
      it(`takes what they match: ${bindingKeys.join(', ')}`, async () => {
        assert.deepEqual(await taken(bindingKeys), types);
      });
    }
  });

  describe('when deliveries are settled or given back', () => {
    it('never has more unsettled than the prefetch', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 3 }, recorded);
      await broker.publish(events(1, 8));
      const first = await received(recorded, 3);
      await eventually(async () => assert.equal(await broker.queueDepth(), 5));
      assert.equal(recorded.deliveries.length, 3);
      subscription.settle(first.slice(0, 2));
      assert.deepEqual(idsIn(await received(recorded, 5)).slice(3), ['o-1-4', 'o-1-5']);
      await eventually(async () => assert.equal(await broker.queueDepth(), 3));
      assert.equal(recorded.deliveries.length, 5);
    });

    it('delivers what is given back again, before what waits, and counts it', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 2 }, recorded);
      await broker.publish(events(1, 3));
      const [first, second] = await received(recorded, 2);
      assert.ok(first && second);
      subscription.requeue([first, second]);
      const again = (await received(recorded, 4)).slice(2, 4);
      assert.deepEqual(idsIn(again), ['o-1-1', 'o-1-2']);
      assert.deepEqual(
        again.map(({ redeliveries }) => redeliveries),
        [1, 1],
      );
      subscription.settle(again);
      assert.deepEqual(idsIn(await received(recorded, 5)).slice(4), ['o-1-3']);
    });

    it('ignores what was settled before', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 5 }, recorded);
      await broker.publish(events(1, 2));
      const deliveries = await received(recorded, 2);
      subscription.settle(deliveries);
      subscription.settle(deliveries);
      subscription.requeue(deliveries);
      await broker.publish([outgoingEvent(3)]);
      assert.deepEqual(idsIn(await received(recorded, 3)), ['o-1-1', 'o-1-2', 'o-1-3']);
    });

    it('sends a message that came back too often to the dead letters', async () => {
      await place.remove();
      await openPlace({ deliveryLimit: 2 });
      const counts: number[] = [];
      const recorded = recordingHandlers((delivery) => {
        if (idsIn([delivery])[0] !== 'o-1-1') return;
        counts.push(delivery.redeliveries);
        queueMicrotask(() => subscription.requeue([delivery]));
      });
      const subscription = await broker.consume({ prefetch: 1 }, recorded);
      await broker.publish(events(1, 2));
      assert.deepEqual(await place.deadLetters(1), [outgoingEvent(1).body.toString()]);
      assert.deepEqual(counts, [0, 1, 2]);
      await eventually(() => assert.equal(idsIn(recorded.deliveries).at(-1), 'o-1-2'));
    });
  });

  describe('when a consumer cancels', () => {
    it('delivers no more, but may be told of what it has', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 2 }, recorded);
      await broker.publish(events(1, 4));
      const [first, second] = await received(recorded, 2);
      assert.ok(first && second);
      await subscription.cancel();
      subscription.settle([first]);
      subscription.requeue([second]);
      await eventually(async () => assert.equal(await broker.queueDepth(), 3));
      assert.equal(recorded.deliveries.length, 2);
      const next = recordingHandlers();
      await broker.consume({ prefetch: 10 }, next);
      assert.deepEqual(idsIn(await received(next, 3)), ['o-1-2', 'o-1-3', 'o-1-4']);
    });
  });

  describe('when heartbeats are published', () => {
    it('delivers them in the order of the queue, with their time', async () => {
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish(events(1, 2));
      const publishedAt = new Date('2026-02-03T04:05:06.789Z');
      await broker.publishHeartbeat(publishedAt);
      await broker.publish([outgoingEvent(3)]);
      const deliveries = await received(recorded, 4);
      assert.deepEqual(idsIn(deliveries), ['o-1-1', 'o-1-2', 'heartbeat', 'o-1-3']);
      const heartbeat = deliveries[2];
      assert.equal(heartbeat?.kind === 'heartbeat' && heartbeat.publishedAt, publishedAt.getTime());
    });
  });

  describe('when a message is dead-lettered', () => {
    it('keeps its body as it was, whatever it is', async () => {
      const letter: DeadLetter = {
        body: Buffer.from('{"no": event'),
        refusal: { reason: 'unparseable', path: '', message: 'the message is not JSON' },
        orderId: 'Bestellung-ß',
        sequence: 3,
        attempts: 1,
        firstFailedAt: '2026-01-02T03:04:05.678Z',
        lastFailedAt: '2026-01-02T03:04:05.678Z',
      };
      await broker.deadLetter(letter);
      assert.deepEqual(await place.deadLetters(1), ['{"no": event']);
    });
  });

  describe('when the process starts again', () => {
    it('delivers what was not settled once more, and only that', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish(events(1, 4));
      const deliveries = await received(recorded, 4);
      subscription.settle([deliveries[0], deliveries[2]].flatMap((delivery) => delivery ?? []));
      await restarted();
      const again = recordingHandlers();
      await broker.consume({ prefetch: 10 }, again);
      assert.deepEqual(idsIn(await received(again, 2)), ['o-1-2', 'o-1-4']);
      assert.ok(again.deliveries.every(({ redeliveries }) => redeliveries === 1));
      await broker.publish([outgoingEvent(5)]);
      assert.deepEqual(idsIn(await received(again, 3)).slice(2), ['o-1-5']);
    });

    it('takes no notice of deliveries from before', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish(events(1, 1));
      const deliveries = await received(recorded, 1);
      await restarted();
      subscription.settle(deliveries);
      subscription.requeue(deliveries);
      const again = recordingHandlers();
      await broker.consume({ prefetch: 10 }, again);
      assert.deepEqual(idsIn(await received(again, 1)), ['o-1-1']);
    });
  });

  describe('when it is asked how it is', () => {
    it('is up while it is open, and refuses what is asked of it once it is closed', async () => {
      assert.equal(broker.health().state, 'up');
      await broker.close();
      assert.notEqual(broker.health().state, 'up');
      await assert.rejects(broker.publish(events(1, 1)), BrokerUnavailableError);
    });
  });
});
