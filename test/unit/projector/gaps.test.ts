import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { OrderEvent } from '../../../src/order/event.ts';
import type { ParkedEvent } from '../../../src/order-index/port.ts';
import { gapOf, gapOfOrder, listGaps, pageOfGaps, without, type OrderGap } from '../../../src/projector/gaps.ts';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { workOf } from '../../../src/projector/work.ts';
import { eventAt, jobOf, protocolInstance, worksOf } from '../../support/protocol.ts';

const NOW = new Date('2026-01-01T01:00:00.000Z');
const OPTIONS = { graceMs: 60_000, now: () => NOW };
const minutesAgo = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000).toISOString();
const place = (sequence: number, minutes = 10) => ({ sequence, parkedAt: minutesAgo(minutes) });

function parkedAt(orderId: string, sequence: number, minutes = 10): ParkedEvent {
  return { orderId, event: eventAt(sequence), parkedAt: minutesAgo(minutes) };
}

async function all(gaps: AsyncIterable<OrderGap>): Promise<OrderGap[]> {
  const found: OrderGap[] = [];
  for await (const gap of gaps) found.push(gap);
  return found;
}

describe('an erased order', () => {
  it('waits for nothing, though places of it are parked', async () => {
    const index = new MemoryIndex();
    const { deps } = protocolInstance(index);
    const erased: OrderEvent = { ...eventAt(6, 'erased'), type: 'order.erased.v1', data: {} };
    await projectBatch(worksOf('a', [1, 4, 9]), deps);
    await projectBatch(worksOf('b', [1, 4]), deps);
    await projectBatch(workOf([jobOf('a', erased)]), deps);
    assert.deepEqual(
      [...index.parked.values()].map(({ orderId, event }) => [orderId, event.sequence]),
      [
        ['a', 9],
        ['b', 4],
      ],
    );
    const gaps = await all(listGaps(index, OPTIONS));
    assert.deepEqual(
      gaps.map(({ orderId }) => orderId),
      ['b'],
    );
    assert.equal(await gapOfOrder('a', index, OPTIONS), undefined);
  });
});

describe('gapOf', () => {
  const missingOf = (version: number, sequences: readonly number[]) =>
    gapOf(
      'o',
      version,
      sequences.map((sequence) => place(sequence)),
      OPTIONS,
    ).missing;

  describe('when events are parked behind holes', () => {
    it('names every run that is neither in the document nor parked', () => {
      assert.deepEqual(missingOf(0, [2]), [[1, 1]]);
      assert.deepEqual(missingOf(3, [7, 8, 10, 12]), [
        [4, 6],
        [9, 9],
        [11, 11],
      ]);
      assert.deepEqual(missingOf(3, [4, 6]), [[5, 5]]);
    });

    it('does not count a hole sequence by sequence', () => {
      assert.deepEqual(missingOf(1, [Number.MAX_SAFE_INTEGER]), [[2, Number.MAX_SAFE_INTEGER - 1]]);
    });
  });

  describe('when nothing stands before the parked events', () => {
    it('has no hole, and is not gapped however long they wait', () => {
      const gap = gapOf('o', 3, [place(2, 100), place(3, 100), place(4, 100), place(5, 100)], OPTIONS);
      assert.deepEqual([gap.missing, gap.gapped, gap.parked], [[], false, 4]);
    });
  });

  describe('when they have waited', () => {
    it('is gapped once one behind a hole has waited as long as the grace', () => {
      assert.equal(gapOf('o', 1, [place(3, 0.9), place(4, 0.5)], OPTIONS).gapped, false);
      assert.equal(gapOf('o', 1, [place(3, 0.5), place(4, 1)], OPTIONS).gapped, true);
      assert.equal(gapOf('o', 1, [place(2, 5), place(4, 0.5)], OPTIONS).gapped, false);
    });

    it('tells the oldest', () => {
      assert.equal(gapOf('o', 1, [place(3, 2), place(4, 7), place(5, 3)], OPTIONS).oldestParkedAt, minutesAgo(7));
    });
  });
});

describe('without', () => {
  it('is the difference of sets, in runs', () => {
    const bounds = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 10 }));
    fc.assert(
      fc.property(bounds, fc.uniqueArray(fc.integer({ min: 1, max: 40 })), ([from, more], sequences) => {
        const left = without([[from, from + more]], new Set(sequences));
        const listed = left.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at));
        const expected = Array.from({ length: more + 1 }, (_, at) => from + at).filter((n) => !sequences.includes(n));
        assert.deepEqual(listed, expected);
        assert.ok(left.every(([first], at) => at === 0 || first > (left[at - 1]?.[1] ?? 0) + 1));
      }),
    );
  });
});

describe('listing the gaps', () => {
  async function indexWith(...parked: ParkedEvent[]): Promise<MemoryIndex> {
    const index = new MemoryIndex();
    await projectBatch(worksOf('b', [1, 2]), protocolInstance(index).deps);
    await index.park(parked);
    return index;
  }

  describe('when orders have parked events', () => {
    it('gives each once with its live version, in the order of their ids', async () => {
      const index = await indexWith(parkedAt('c', 2), parkedAt('a', 5), parkedAt('a', 3), parkedAt('b', 4, 0.1));
      const gaps = await all(listGaps(index, OPTIONS));
      assert.deepEqual(
        gaps.map(({ orderId, version, missing, gapped }) => [orderId, version, missing, gapped]),
        [
          [
            'a',
            0,
            [
              [1, 2],
              [4, 4],
            ],
            true,
          ],
          ['b', 2, [[3, 3]], false],
          ['c', 0, [[1, 1]], true],
        ],
      );
      assert.equal(gaps[1]?.lastEventAt, eventAt(2).time);
      assert.equal(gaps[0]?.lastEventAt, undefined);
    });

    it('reads none of the events, which may be megabytes long each', async () => {
      const index = await indexWith(parkedAt('a', 5));
      index.listParked = () => Promise.reject(new Error('their places are enough'));
      assert.equal((await all(listGaps(index, OPTIONS))).length, 1);
    });

    it('puts the pages of one order together', async () => {
      const sequences = Array.from({ length: 1_200 }, (_, at) => at + 2);
      const index = await indexWith(...sequences.map((n) => parkedAt('a', n)), parkedAt('b', 9));
      const gaps = await all(listGaps(index, OPTIONS));
      assert.deepEqual(
        gaps.map(({ orderId, parked }) => [orderId, parked]),
        [
          ['a', 1_200],
          ['b', 1],
        ],
      );
    });

    it('finds a single order, or nothing of it', async () => {
      const index = await indexWith(parkedAt('a', 3), parkedAt('c', 4));
      assert.deepEqual((await gapOfOrder('a', index, OPTIONS))?.missing, [[1, 2]]);
      assert.deepEqual((await gapOfOrder('c', index, OPTIONS))?.missing, [[1, 3]]);
      assert.equal(await gapOfOrder('b', index, OPTIONS), undefined);
      assert.equal(await gapOfOrder('d', index, OPTIONS), undefined);
    });
  });

  describe('when it is paged', () => {
    it('gives every order once, whatever the size of a page', async () => {
      const ids = ['a', 'b', 'c', 'd', 'e'];
      const index = await indexWith(...ids.flatMap((id) => [parkedAt(id, 4), parkedAt(id, 6)]));
      for (const size of [1, 2, 5, 6]) {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await pageOfGaps(index, OPTIONS, { size, ...(after !== undefined && { after }) });
          assert.ok(page.gaps.length <= size);
          seen.push(...page.gaps.map(({ orderId }) => orderId));
          after = page.next;
        } while (after !== undefined);
        assert.deepEqual(seen, ids);
      }
    });
  });
});
