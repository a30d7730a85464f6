import assert from 'node:assert/strict';
import type { EventDelivery } from '../../../src/broker/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { DeadLetterSender } from '../../../src/projector/dead-letter-sender.ts';
import { eventually } from '../../support/eventually.ts';
import { LETTER, MemoryBroker } from '../../support/memory-broker.ts';

const HOLD_MS = 500;

describe('DeadLetterSender', () => {
  let broker: MemoryBroker;
  let lines: string[];
  let failures: unknown[];
  let published: number[];
  let sender: DeadLetterSender;
  beforeEach(() => {
    [broker, lines, failures, published] = [new MemoryBroker(), [], [], []];
    sender = new DeadLetterSender(HOLD_MS, {
      broker,
      metrics: createMetrics(),
      log: createLogger('info', { write: (line) => void lines.push(line) }),
      reached: () => Promise.resolve(),
      failed: (error) => failures.push(error),
    });
  });
  afterEach(() => assert.deepEqual(failures, []));

  const add = (position: number): EventDelivery => {
    const delivery: EventDelivery = { kind: 'event', position, redeliveries: 0, body: new Uint8Array() };
    sender.add(delivery, { letter: LETTER }, () => published.push(position));
    return delivery;
  };
  const countLines = (words: string) => lines.filter((line) => line.includes(words)).length;

  describe('when the broker takes no letters for a while', () => {
    it('holds them, says so once, and publishes each once it does', async () => {
      broker.isThere = false;
      add(1);
      add(2);
      await eventually(() => assert.equal(sender.outage()?.letters, 2));
      assert.equal(sender.outage()?.reason, 'no broker');
      assert.deepEqual(published, []);
      broker.isThere = true;
      await sender.idle();
      assert.deepEqual([published.sort(), broker.letters.length, sender.count()], [[1, 2], 2, 0]);
      assert.equal(sender.outage(), undefined);
      assert.equal(countLines('dead letters cannot be published'), 1);
      assert.equal(countLines('dead letters are published again'), 1);
    });

    it('forgets what it is told to drop at once, and publishes what comes later', async () => {
      broker.isThere = false;
      add(1);
      await eventually(() => assert.ok(sender.outage()));
      sender.drop();
      await sender.idle();
      broker.isThere = true;
      add(2);
      await sender.idle();
      assert.deepEqual([published, broker.letters.length], [[2], 1]);
    });

    it('returns what it has held for long, and does not publish it any more', async () => {
      broker.isThere = false;
      const delivery = add(1);
      await eventually(() => assert.ok(sender.outage()));
      assert.deepEqual(sender.takeOld(), []);
      await eventually(() => assert.deepEqual(sender.takeOld(), [delivery]));
      assert.deepEqual([sender.count(), sender.outage()], [0, undefined]);
      broker.isThere = true;
      await sender.idle();
      assert.deepEqual([published, broker.letters], [[], []]);
    });
  });

  describe('when a letter is being published while it is dropped', () => {
    it('ends that first, and says so', async () => {
      const goOn = Promise.withResolvers<void>();
      broker.deadLetter = () => goOn.promise;
      add(1);
      sender.drop();
      goOn.resolve();
      await sender.idle();
      assert.deepEqual(published, [1]);
    });
  });

  describe('when a bug shows while a letter is published', () => {
    it('reports it', async () => {
      broker.deadLetter = () => Promise.reject(new TypeError('a bug'));
      add(1);
      await eventually(() => assert.equal(failures.length, 1));
      failures.splice(0);
    });
  });
});
