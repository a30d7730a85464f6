import assert from 'node:assert/strict';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { GapMonitor, withGaps, type GapSummary } from '../../../src/projector/gap-monitor.ts';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { endlesslyParked } from '../../support/endlessly-parked.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { protocolInstance, worksOf } from '../../support/protocol.ts';

const NONE: GapSummary = {
  parkedEvents: 0,
  gappedOrders: 0,
  oldestParkedSeconds: 0,
  isAtLeast: false,
  example: undefined,
};
const PARKED_AT = new Date('2026-01-01T00:00:00.000Z');
const TEN_MINUTES_MS = 600_000;

describe('GapMonitor', () => {
  let index: MemoryIndex & { countParked: () => Promise<number> };
  let monitor: GapMonitor;
  let now: Date;
  const summaries: GapSummary[] = [];

  beforeEach(() => {
    index = Object.assign(new MemoryIndex(), { countParked: () => Promise.resolve(index.parked.size) });
    summaries.length = 0;
    now = PARKED_AT;
    const onSummary = (summary: GapSummary) => void summaries.push(summary);
    monitor = new GapMonitor({ index, graceMs: 0, now: () => now, intervalMs: 5, onSummary });
  });
  afterEach(() => monitor.stop());

  const park = (orderId: string) =>
    projectBatch(worksOf(orderId, [1, 3, 4]), protocolInstance(index, { now: () => now }).deps);

  describe('when orders are gapped', () => {
    it('counts them, again and again', async () => {
      await park('a');
      monitor.start();
      await eventually(() =>
        assert.deepEqual(monitor.summary(), { ...NONE, parkedEvents: 2, gappedOrders: 1, example: 'a' }),
      );
      await park('b');
      await eventually(() => assert.equal(monitor.summary()?.gappedOrders, 2));
      assert.deepEqual(summaries.at(-1), monitor.summary());
    });

    it('keeps the last number while the index is away', async () => {
      await park('a');
      monitor.start();
      await eventually(() => assert.equal(monitor.summary()?.gappedOrders, 1));
      let failures = 0;
      index.countParked = () => {
        failures += 1;
        return Promise.reject(new IndexUnavailableError('away'));
      };
      await eventually(() => assert.ok(failures >= 2));
      assert.equal(monitor.summary()?.gappedOrders, 1);
    });
  });

  describe('when events are parked', () => {
    it('says how long the first of them has waited, whichever they are', async () => {
      await park('b');
      now = new Date(PARKED_AT.getTime() + TEN_MINUTES_MS);
      await park('a');
      await park('c');
      monitor.start();
      await eventually(() => assert.equal(monitor.summary()?.oldestParkedSeconds, 600));
      now = new Date(PARKED_AT.getTime() + 2 * TEN_MINUTES_MS);
      await eventually(() => assert.equal(monitor.summary()?.oldestParkedSeconds, 1_200));
      await projectBatch(worksOf('b', [2]), protocolInstance(index).deps);
      await eventually(() => assert.equal(monitor.summary()?.oldestParkedSeconds, 600));
    });

    it('says 0 again when none is any more', async () => {
      await park('a');
      now = new Date(PARKED_AT.getTime() + TEN_MINUTES_MS);
      monitor.start();
      await eventually(() => assert.equal(monitor.summary()?.oldestParkedSeconds, 600));
      await projectBatch(worksOf('a', [2]), protocolInstance(index).deps);
      await eventually(() => assert.deepEqual(monitor.summary(), NONE));
    });

    it('counts those that wait within the grace', async () => {
      monitor = new GapMonitor({
        index,
        graceMs: TEN_MINUTES_MS,
        now: () => now,
        intervalMs: 5,
        onSummary: () => undefined,
      });
      await park('a');
      now = new Date(PARKED_AT.getTime() + 3_000);
      monitor.start();
      await eventually(() => assert.deepEqual(monitor.summary(), { ...NONE, parkedEvents: 2, oldestParkedSeconds: 3 }));
    });
  });

  describe('when it is stopped while it looks', () => {
    it('ends with the page that it is at, however many there are, and says nothing of what it has not seen', async () => {
      const parked = endlesslyParked();
      index.countParked = () => Promise.resolve(Infinity);
      index.listParkedPlaces = parked.listParkedPlaces;
      now = new Date(0);
      monitor.start();
      await eventually(() => assert.ok(parked.pages() > 2));
      await monitor.stop();
      assert.deepEqual([summaries, monitor.summary()], [[], undefined]);
    });
  });

  describe('when so many are gapped that it does not matter how many', () => {
    it('stops counting', async () => {
      const parkedAt = PARKED_AT.toISOString();
      const event = { id: 'e', source: '/s', type: 'order.tagged.v1', time: parkedAt, sequence: 2, data: {} };
      await index.park(Array.from({ length: 1_200 }, (_, at) => ({ orderId: `o-${at}`, event, parkedAt })));
      monitor.start();
      await eventually(() =>
        assert.deepEqual(monitor.summary(), {
          parkedEvents: 1_200,
          gappedOrders: 1_000,
          oldestParkedSeconds: 0,
          isAtLeast: true,
          example: 'o-0',
        }),
      );
    });
  });
});

describe('the health of a projector with gapped orders', () => {
  const gapped: GapSummary = { ...NONE, parkedEvents: 3, gappedOrders: 1, example: 'a' };

  describe('when the projector is up', () => {
    it('is degraded, with what to do about it', () => {
      const health = withGaps({ state: 'up', details: { inHand: 0 } }, gapped);
      assert.equal(health.state, 'degraded');
      assert.match(
        health.reason ?? '',
        /^1 order waits for events that have not come \(such as a\): see GET \/admin\/parked/,
      );
      assert.deepEqual(health.details, { inHand: 0, parkedEvents: 3, gappedOrders: 1 });
    });

    it('stays up where none is gapped, or nobody has looked yet', () => {
      assert.equal(withGaps({ state: 'up' }, NONE).state, 'up');
      assert.deepEqual(withGaps({ state: 'up' }, undefined), { state: 'up' });
    });
  });

  describe('when the projector has troubles of its own', () => {
    it('tells them first, stays down, and calls nothing lost that may be in hand', () => {
      const health = withGaps(
        { state: 'down', reason: 'it stands still;' },
        { ...gapped, gappedOrders: 5, isAtLeast: true },
      );
      assert.equal(health.state, 'down');
      assert.match(
        health.reason ?? '',
        /^it stands still; at least 5 orders wait .*: they may yet, once that is over$/,
      );
    });
  });
});
