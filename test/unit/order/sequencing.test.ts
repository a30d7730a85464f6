import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { OrderEvent } from '../../../src/order/event.ts';
import { newOrder, type OrderState } from '../../../src/order/fold.ts';
import { OWN_SOURCE, sequence, type Placement } from '../../../src/order/sequencing.ts';
import { expectedOutcome, type CloudEventJson } from '../../support/oracle.ts';
import { deliver, emptyProjection } from './in-memory-projection.ts';
import { foldOf, offer, parsed } from './parsed-events.ts';
import { cloudEvent, PLACED, SNAPSHOT } from './sample-events.ts';

const LIMITS = { maxEvents: 1_000, maxBytes: 1_048_576 };

const placed = cloudEvent(1, 'order.placed.v2', PLACED);
const at = (sequenceNumber: number, type = 'order.payment_captured.v1', attributes = {}): CloudEventJson =>
  cloudEvent(sequenceNumber, type, dataOf(type), attributes);

function dataOf(type: string): unknown {
  if (type === 'order.snapshot.v1') return SNAPSHOT;
  return type === 'order.payment_captured.v1' ? { amountCents: 1 } : {};
}

function offerTo(state: OrderState, ...raw: CloudEventJson[]) {
  const { state: next, placements } = offer(state, parsed(raw));
  return { version: next.version, kinds: placements.map(kindOf), state: next, placements };
}

const sourceOf = (type: string) => (type === 'order.snapshot.v1' ? '/archive' : '/order-service');

/** `applied`, `duplicate`, `early`, or the reason of a refusal. */
function kindOf(placement: Placement): string {
  return placement.kind === 'refused' ? placement.refusal.reason : placement.kind;
}

const stateAt = (version: number) =>
  foldOf(parsed([placed, ...Array.from({ length: version - 1 }, (_, index) => at(index + 2))]));

describe('sequencing', () => {
  describe('when events follow the version', () => {
    it('applies them in sequence, whatever the order of arrival', () => {
      const { version, kinds } = offerTo(newOrder('o-1'), at(3), placed, at(2));
      assert.deepEqual([version, kinds], [3, ['applied', 'applied', 'applied']]);
    });

    it('gives each offered event its own placement, two copies too', () => {
      const { version, kinds } = offerTo(newOrder('o-1'), placed, placed, at(2), placed);
      assert.deepEqual([version, kinds], [2, ['applied', 'duplicate', 'applied', 'duplicate']]);
    });
  });

  describe('when an event is at or below the version', () => {
    it('is a duplicate and leaves the very state', () => {
      const state = stateAt(3);
      const { state: after, kinds } = offerTo(state, at(2), placed);
      assert.deepEqual(kinds, ['duplicate', 'duplicate']);
      assert.equal(after, state);
    });

    it('is a duplicate although a copy has another time or content: the first copy stands', () => {
      assert.deepEqual(offerTo(stateAt(3), at(2, 'order.shipped.v1', { time: '2020-01-01T00:00:00Z' })).kinds, [
        'duplicate',
      ]);
    });
  });

  describe('when an erasure comes after a snapshot that was sent later', () => {
    const snapshot = at(4, 'order.snapshot.v1', { source: '/archive' });

    it('is refused, for it must never pass for a duplicate', () => {
      const { state } = offerTo(stateAt(2), snapshot);
      const { kinds, placements } = offerTo(state, at(3, 'order.erased.v1'));
      assert.deepEqual(kinds, ['sequence_conflict']);
      const [placement] = placements;
      assert.match(
        placement?.kind === 'refused' ? placement.refusal.message : '',
        /send an erasure with a sequence above 4/,
      );
    });

    it('is a duplicate where the order is erased', () => {
      const { state } = offerTo(stateAt(2), at(3, 'order.erased.v1'));
      assert.deepEqual(offerTo(state, at(3, 'order.erased.v1'), at(2)).kinds, ['duplicate', 'duplicate']);
    });
  });

  describe('when a sum of money would lose its cents', () => {
    it('refuses the capture or the refund that makes it', () => {
      const huge = { amountCents: Number.MAX_SAFE_INTEGER };
      const { state } = offerTo(newOrder('o-1'), placed, cloudEvent(2, 'order.payment_captured.v1', huge));
      assert.deepEqual(offerTo(state, at(3)).kinds, ['invalid']);
      const { state: refunded } = offerTo(state, cloudEvent(3, 'order.refunded.v1', { refundId: 'r-1', ...huge }));
      const more = cloudEvent(4, 'order.refunded.v1', { refundId: 'r-2', amountCents: 1 });
      assert.deepEqual(offerTo(refunded, more).kinds, ['invalid']);
    });
  });

  describe('when there is a hole', () => {
    it('leaves what is behind it early', () => {
      const { version, kinds } = offerTo(stateAt(1), at(3), at(4), at(6));
      assert.deepEqual([version, kinds], [1, ['early', 'early', 'early']]);
    });

    it('applies up to the hole', () => {
      const { version, kinds } = offerTo(stateAt(1), at(5), at(2), at(3));
      assert.deepEqual([version, kinds], [3, ['early', 'applied', 'applied']]);
    });

    it('is filled by what was declared missing', () => {
      const { version, kinds } = offerTo(stateAt(1), at(3), at(2, 'order.skipped.v1'));
      assert.deepEqual([version, kinds], [3, ['applied', 'applied']]);
    });

    for (const type of ['order.snapshot.v1', 'order.erased.v1']) {
      it(`is filled by ${type} at any later sequence; what waited below it is a duplicate`, () => {
        const { version, kinds } = offerTo(stateAt(1), at(4), at(9, type), at(10), at(12));
        assert.deepEqual([version, kinds], [10, ['duplicate', 'applied', 'applied', 'early']]);
      });

      it(`takes ${type} as the first that is known of an order`, () => {
        assert.deepEqual(offerTo(newOrder('o-1'), at(7, type)).version, 7);
      });

      it(`drops ${type} below the version as a duplicate`, () => {
        assert.deepEqual(offerTo(offerTo(newOrder('o-1'), at(9, type)).state, at(5, type)).kinds, ['duplicate']);
      });
    }

    it('is jumped to the nearest of several snapshots, so that what stands between them is folded', () => {
      const { state, kinds } = offerTo(
        stateAt(1),
        at(8, 'order.snapshot.v1'),
        at(5, 'order.snapshot.v1'),
        at(6),
        at(7),
      );
      assert.deepEqual(kinds, ['applied', 'applied', 'applied', 'applied']);
      assert.equal(state.version, 8);
    });

    it('reaches to the end of what is safe', () => {
      const last = Number.MAX_SAFE_INTEGER;
      assert.deepEqual(offerTo(stateAt(1), at(last)).kinds, ['early']);
      assert.equal(offerTo(stateAt(1), at(last, 'order.snapshot.v1')).version, last);
    });
  });

  describe('when two different events claim one sequence', () => {
    const rival = at(2, 'order.shipped.v1', { id: 'rival' });

    it('lets the one that was folded stand and refuses the other', () => {
      const { placements, version } = offerTo(stateAt(2), rival);
      assert.deepEqual(
        [version, placements],
        [
          2,
          [
            {
              kind: 'refused',
              refusal: {
                reason: 'sequence_conflict',
                path: 'sequence',
                message: 'sequence 2 is taken by event e-2 of /order-service',
              },
            },
          ],
        ],
      );
    });

    it('lets the one that was offered first stand where both come at once', () => {
      assert.deepEqual(offerTo(stateAt(1), rival, at(2)).kinds, ['applied', 'sequence_conflict']);
      assert.deepEqual(offerTo(stateAt(1), at(2), rival).kinds, ['applied', 'sequence_conflict']);
    });

    it('tells the same id of another source apart', () => {
      const { kinds } = offerTo(stateAt(2), at(2, 'order.shipped.v1', { source: '/elsewhere' }));
      assert.deepEqual(kinds, ['sequence_conflict']);
    });

    it('takes what compaction has made of events before anything was placed for no declaration', () => {
      for (const [type, expected] of [
        ['order.payment_captured.v1', 'sequence_conflict'],
        ['order.skipped.v1', 'declared_missing'],
      ] as const) {
        const source = type === 'order.skipped.v1' ? OWN_SOURCE : '/order-service';
        const events = Array.from({ length: 9 }, (_, index) => at(index + 1, type, { source }));
        const state = foldOf(parsed(events), { maxEvents: 4, maxBytes: 100_000 });
        const { type: stored, sequence: last } = state.events[0]!;
        assert.deepEqual([stored, last > 1], ['order.skipped.v1', true]);
        const { kinds } = offerTo(state, at(last, 'order.shipped.v1', { id: 'another' }));
        assert.deepEqual(kinds, [expected]);
      }
    });

    it('presumes a copy below a snapshot, where the stored event is gone', () => {
      assert.deepEqual(offerTo(offerTo(stateAt(2), at(3, 'order.snapshot.v1')).state, rival).kinds, ['duplicate']);
    });
  });

  describe('when a sequence was declared missing', () => {
    const skipped = cloudEvent(2, 'order.skipped.v1', {}, { id: 'skip-2' });

    it('refuses the event that comes for it after all', () => {
      assert.deepEqual(offerTo(offerTo(stateAt(1), skipped).state, at(2)).kinds, ['declared_missing']);
    });

    it('refuses the declaration where the event had come before', () => {
      assert.deepEqual(offerTo(stateAt(2), skipped).kinds, ['sequence_conflict']);
    });

    it('takes a second copy of the declaration for a duplicate', () => {
      assert.deepEqual(offerTo(stateAt(1), skipped, skipped).kinds, ['applied', 'duplicate']);
    });
  });

  describe('when an event comes at another sequence of its order', () => {
    it('is refused, and its place stays free', () => {
      const again = at(3, undefined, { id: 'e-2' });
      const { kinds, version } = offerTo(stateAt(2), again, at(4));
      assert.deepEqual([kinds, version], [['duplicate_id', 'early'], 2]);
      assert.deepEqual(offerTo(stateAt(2), again, at(3), at(4)).kinds, ['duplicate_id', 'applied', 'applied']);
    });

    it('is refused as a snapshot over a hole too, without an end of trying', () => {
      const { kinds, version } = offerTo(stateAt(2), at(7, 'order.snapshot.v1', { id: 'e-2' }), at(8));
      assert.deepEqual([kinds, version], [['duplicate_id', 'early'], 2]);
    });

    it('is another event where the source is another', () => {
      assert.deepEqual(offerTo(stateAt(2), at(3, undefined, { id: 'e-2', source: '/b' })).kinds, ['applied']);
    });
  });

  describe('when a correction breaks the placed data', () => {
    // Whatever the parser lets through gives valid placed data; an event that went round it, an older log's say, must not.
    const broken = {
      ...parsed([at(2)])[0]!,
      type: 'order.corrected.v1',
      data: { patch: { items: [] }, reason: 'r' },
    } as OrderEvent;

    it('is refused with the field, and its place stays free', () => {
      const { state, placements } = offer(stateAt(1), [broken, ...parsed([at(3)])]);
      assert.equal(state.version, 1);
      assert.equal(placements[1]?.kind, 'early');
      assert(placements[0]?.kind === 'refused');
      const { reason, path } = placements[0].refusal;
      assert.deepEqual([reason, path], ['invalid_correction', 'data.patch.items']);
    });

    it('has no effect before anything was placed', () => {
      assert.equal(offer(offer(newOrder('o-1'), parsed([at(1)])).state, [broken]).state.version, 2);
    });
  });

  describe('when nothing is offered', () => {
    it('gives the very state back', () => {
      const state = stateAt(2);
      assert.equal(sequence(state, [], LIMITS).state, state);
    });
  });

  describe('whatever is offered, in one batch', () => {
    const claims = fc.array(
      fc.record({
        sequence: fc.integer({ min: 1, max: 7 }),
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
        type: fc.constantFrom(
          ...['order.payment_captured.v1', 'order.payment_captured.v1', 'order.tagged.v9'],
          // No erasures: a tombstone forgets which ids it has seen, so what is a duplicate_id then is not determined.
          ...['order.skipped.v1', 'order.snapshot.v1'],
        ),
      }),
      { minLength: 1, maxLength: 14 },
    );

    it('places every event, and ends where the oracle ends', () => {
      fc.assert(
        fc.property(claims, (claimed) => {
          // One (source, id) is one event: a snapshot's is no other event's.
          const raw = claimed.map(({ sequence: place, id, type }) => at(place, type, { id, source: sourceOf(type) }));
          const { state, placements } = offer(newOrder('o-1'), parsed(raw));
          assert.equal(placements.length, raw.length);
          const { documents, parked } = expectedOutcome(raw);
          assert.equal(state.version, documents.get('o-1')?.version ?? 0);
          const early = raw.filter((_, index) => placements[index]?.kind === 'early').map((event) => event['sequence']);
          assert.equal(new Set(early).size, parked.get('o-1') ?? 0);
        }),
        { numRuns: 500 },
      );
    });

    it('ends at the same version when it comes in several batches and no two events claim one place', () => {
      const places = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
      fc.assert(
        fc.property(places, fc.integer({ min: 1, max: 4 }), (present, size) => {
          const events = parsed(present.map((place) => (place === 1 ? placed : at(place))));
          const projection = emptyProjection();
          for (let start = 0; start < events.length; start += size) {
            deliver(projection, events.slice(start, start + size), LIMITS, () => undefined);
          }
          const sorted = [...present].sort((a, b) => a - b);
          const run = sorted.filter((place, index) => place === index + 1).length;
          assert.equal(projection.document?.version ?? 0, run);
          assert.deepEqual(
            [...projection.parked.keys()].sort((a, b) => a - b),
            sorted.slice(run),
          );
        }),
        { numRuns: 300 },
      );
    });
  });
});
