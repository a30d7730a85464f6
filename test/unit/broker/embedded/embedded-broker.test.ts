import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBroker } from '../../../../src/broker/embedded/index.ts';
import type { EmbeddedBrokerOptions } from '../../../../src/broker/embedded/index.ts';
import { UnroutableError } from '../../../../src/broker/port.ts';
import type { Broker, DeadLetter, LiveDelivery } from '../../../../src/broker/port.ts';
import { eventIdOf, outgoingEvent, recordingHandlers, recordingLog } from '../../../support/amqp-broker.ts';
import { eventually } from '../../../support/eventually.ts';
import { readWholeHistory } from '../../../support/read-whole-history.ts';
import { takenDeadLetters } from '../../../support/taken-dead-letters.ts';

describe('the embedded broker', () => {
  let dataDir: string;
  let broker: Broker;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-broker-'));
    broker = await opened();
  });
  afterEach(async () => {
    await broker.close();
    rmSync(dataDir, { recursive: true });
  });

  async function opened(options: Partial<EmbeddedBrokerOptions> = {}): Promise<Broker> {
    const created = createEmbeddedBroker({
      dataDir,
      prefix: 'orders',
      deliveryLimit: 50,
      log: recordingLog(),
      ...options,
    });
    await created.open();
    return created;
  }

  const historyIds = async () => (await readWholeHistory(broker)).map(({ body }) => eventIdOf(body));

  describe('when messages of megabytes are waiting', () => {
    const events = 6;
    beforeEach(async () => {
      const ballast = Buffer.alloc(3 * 1024 * 1024, ' ');
      for (let n = 1; n <= events; n++) {
        const event = outgoingEvent(n);
        await broker.publish([{ ...event, body: Buffer.concat([event.body, ballast]) }]);
      }
    });

    it('hands over few at once, so that a consumer that has enough is soon left alone', async () => {
      const taken: LiveDelivery[] = [];
      const subscription = await broker.consume(
        { prefetch: 100 },
        {
          onDelivery: (delivery) => {
            taken.push(delivery);
            void subscription.cancel();
          },
          onLost: (reason) => assert.fail(reason),
        },
      );
      await eventually(() => assert.ok(taken.length > 0));
      assert.equal(taken.length, 3);
      subscription.requeue(taken);
      assert.equal(await broker.queueDepth(), events);
    });

    it('reads all of the history', async () => {
      assert.equal((await historyIds()).length, events);
    });
  });

  describe('when events are published', () => {
    it('keeps them in the history, in order, also once they are settled', async () => {
      await broker.publish([outgoingEvent(1), outgoingEvent(2)]);
      await broker.publishHeartbeat(new Date());
      await broker.publish([outgoingEvent(3)]);
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 4));
      subscription.settle(recorded.deliveries);
      await broker.close();
      broker = await opened();
      assert.equal(await broker.queueDepth(), 0);
      assert.deepEqual(await historyIds(), ['o-1-1', 'o-1-2', 'o-1-3']);
    });

    it('keeps none of them where one cannot be routed', async () => {
      await assert.rejects(broker.publish([outgoingEvent(1), outgoingEvent(2, 'o-1', 'orders.v1')]), UnroutableError);
      assert.equal(await broker.queueDepth(), 0);
      assert.deepEqual(await historyIds(), []);
    });

    it('forgets the history by its age, and nothing that waits', async () => {
      await broker.publish([outgoingEvent(1)]);
      await broker.close();
      broker = await opened({ historyMaxAgeMs: -1_000 });
      assert.deepEqual(await historyIds(), []);
      assert.equal(await broker.queueDepth(), 1);
    });

    it('never uses a place in the queue twice', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 1 }, recorded);
      for (let sequence = 1; sequence <= 5; sequence++) {
        await broker.publish([outgoingEvent(sequence)]);
        await eventually(() => assert.equal(recorded.deliveries.length, sequence));
        subscription.settle(recorded.deliveries);
      }
      assert.deepEqual(
        recorded.events().map(({ body }) => eventIdOf(body)),
        [1, 2, 3, 4, 5].map((sequence) => `o-1-${sequence}`),
      );
    });
  });

  describe('when many messages wait', () => {
    it('hands all of them on in order, whatever comes back meanwhile', async () => {
      const events = Array.from({ length: 1_500 }, (_, at) => outgoingEvent(at + 1));
      await broker.publish(events);
      const settled: number[] = [];
      const recorded = recordingHandlers((delivery) => {
        if (delivery.redeliveries === 0 && delivery.position % 7 === 0) subscription.requeue([delivery]);
        else {
          settled.push(delivery.position);
          subscription.settle([delivery]);
        }
      });
      const subscription = await broker.consume({ prefetch: 100 }, recorded);
      await eventually(() => assert.equal(settled.length, 1_500));
      const firsts = recorded.events().filter(({ redeliveries }) => redeliveries === 0);
      assert.deepEqual(
        firsts.map(({ body }) => eventIdOf(body)),
        events.map(({ id }) => id),
      );
      assert.equal(new Set(recorded.events().map(({ body }) => eventIdOf(body))).size, 1_500);
      await broker.close();
      broker = await opened();
      assert.equal(await broker.queueDepth(), 0);
    });
  });

  describe('when heartbeats come back too often', () => {
    it('drops them', async () => {
      await broker.close();
      broker = await opened({ deliveryLimit: 1 });
      await broker.publishHeartbeat(new Date());
      const recorded = recordingHandlers((delivery) => {
        if (delivery.kind === 'heartbeat') subscription.requeue([delivery]);
      });
      const letters: DeadLetter[] = [];
      await broker.consumeDeadLetters((letter) => Promise.resolve(void letters.push(letter)));
      const subscription = await broker.consume({ prefetch: 5 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      await eventually(async () => assert.equal(await broker.queueDepth(), 0));
      await broker.publish([outgoingEvent(1)]);
      await eventually(() => assert.equal(recorded.deliveries.length, 3));
      assert.deepEqual(letters, []);
    });
  });

  describe('when messages are dead-lettered', () => {
    it('hands them over as they were given, in their order, also after a restart', async () => {
      const letter: DeadLetter = {
        body: new Uint8Array([0, 255, 1]),
        refusal: { reason: 'invalid', path: 'data.items[3].quantity', message: 'is less than 1' },
        orderId: 'o-1',
        sequence: 7,
        eventId: 'o-1-7',
        attempts: 2,
        firstFailedAt: '2026-01-01T00:00:00.000Z',
        lastFailedAt: '2026-01-01T00:01:00.000Z',
      };
      const { orderId: _, sequence: __, eventId: ___, ...unknown } = letter;
      await broker.deadLetter(letter);
      await broker.deadLetter(unknown);
      await broker.close();
      broker = await opened();
      assert.deepEqual(await takenDeadLetters(broker, 2), [letter, unknown]);
    });
  });

  describe('when a second consumer comes', () => {
    it('is refused until the first has cancelled', async () => {
      const first = await broker.consume({ prefetch: 1 }, recordingHandlers());
      await assert.rejects(broker.consume({ prefetch: 1 }, recordingHandlers()), /being consumed already/);
      await first.cancel();
      await broker.consume({ prefetch: 1 }, recordingHandlers());
    });
  });
});
