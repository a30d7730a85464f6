import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { OrderDocument } from '../../../src/order/document.ts';
import { documentOf } from '../../../src/order/flatten.ts';
import { DEFAULT_STORAGE_LIMITS, foldStored, newOrder } from '../../../src/order/fold.ts';
import { deliveriesOf, orderHistory } from '../../support/event-arbitraries.ts';
import { compareDocuments, expectedDocuments } from '../../support/oracle.ts';
import { deliver, emptyProjection } from './in-memory-projection.ts';
import { foldOf, offer, parsed, PROJECTED_AT, storedDocumentOf } from './parsed-events.ts';

const limitsArbitrary = fc.record({
  maxEvents: fc.integer({ min: 1, max: 8 }),
  maxBytes: fc.integer({ min: 200, max: 6_000 }),
});
/**
 * The keys of the aggregates aside: of events in a hole that a snapshot or an erasure has covered only those know that have seen them.
 */
const withoutKeys = (document: OrderDocument | undefined) =>
  document && Object.fromEntries(Object.entries(document).filter(([field]) => field !== 'aggregateKeys'));
const keysOf = ({ contributions = [], sales = [] }: OrderDocument) =>
  [...contributions, ...sales].map(({ key }) => key);
const PUBLIC = (document: object) =>
  Object.fromEntries(Object.entries(document).filter(([field]) => field !== 'events' && field !== 'eventsDigest'));

describe('the fold of any valid history', () => {
  it('is the document that the oracle expects', () => {
    fc.assert(
      fc.property(orderHistory({ maxLength: 20, snapshotsAfterErasure: true }), (history) => {
        const state = foldOf(parsed(history));
        const expected = expectedDocuments(history).get('o-1');
        assert(expected);
        assert.deepEqual(compareDocuments(expected, storedDocumentOf(state)), []);
      }),
      { numRuns: 800 },
    );
  });

  it('is what the oracle expects after each event', () => {
    fc.assert(
      fc.property(orderHistory({ snapshotsAfterErasure: true }), (history) => {
        const events = parsed(history);
        let state = newOrder('o-1');
        events.forEach((event, index) => {
          state = offer(state, [event]).state;
          const expected = expectedDocuments(history.slice(0, index + 1)).get('o-1');
          assert(expected);
          assert.deepEqual(compareDocuments(expected, storedDocumentOf(state)), []);
        });
      }),
      { numRuns: 150 },
    );
  });

  it('says itself again when its stored events are folded', () => {
    fc.assert(
      fc.property(orderHistory({ maxLength: 20, snapshotsAfterErasure: true }), limitsArbitrary, (history, limits) => {
        for (const state of [foldOf(parsed(history)), foldOf(parsed(history), limits)]) {
          assert.deepEqual(
            foldStored('o-1', storedDocumentOf(state).events, state.aggregateKeys),
            JSON.parse(JSON.stringify(state)),
          );
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('a history delivered in any batches, in any order, parts of it again', () => {
  const scenario = orderHistory({ maxLength: 14 }).chain((history) =>
    fc.record({ history: fc.constant(history), batches: deliveriesOf(parsed(history)) }),
  );

  function deliverAll(limitsOf: typeof DEFAULT_STORAGE_LIMITS, numRuns: number): void {
    fc.assert(
      fc.property(scenario, ({ history, batches }) => {
        const events = parsed(history);
        const prefix = (version: number) => storedDocumentOf(foldOf(events.slice(0, version), limitsOf));
        const projection = emptyProjection();
        for (const batch of batches) {
          deliver(projection, batch, limitsOf, (written) => {
            assert.deepEqual(withoutKeys(written), withoutKeys(prefix(written.version)));
          });
        }
        assert.equal(projection.parked.size, 0);
        assert.deepEqual(projection.deadLettered, []);
        assert.deepEqual(withoutKeys(projection.document), withoutKeys(prefix(events.length)));
      }),
      { numRuns },
    );
  }

  it('ends in the one document, every version on the way being the fold of 1…n', () => {
    deliverAll(DEFAULT_STORAGE_LIMITS, 600);
  });

  it('does so too where the stored events are compacted', () => {
    deliverAll({ maxEvents: 4, maxBytes: 3_000 }, 300);
  });

  it('names every key that any document before it contributed to, and none that no prefix did', () => {
    fc.assert(
      fc.property(scenario, ({ history, batches }) => {
        const events = parsed(history);
        const all = new Set(events.flatMap((_, index) => keysOf(storedDocumentOf(foldOf(events.slice(0, index + 1))))));
        const projection = emptyProjection();
        const counted = new Set<string>();
        for (const batch of batches) {
          deliver(projection, batch, { maxEvents: 4, maxBytes: 3_000 }, (written) => {
            for (const key of keysOf(written)) counted.add(key);
            const named = new Set(written.aggregateKeys);
            assert([...counted].every((key) => named.has(key)) && [...named].every((key) => all.has(key)));
          });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('writes no older version over a newer one', () => {
    fc.assert(
      fc.property(scenario, ({ batches }) => {
        const projection = emptyProjection();
        let version = 0;
        for (const batch of batches) {
          deliver(projection, batch, DEFAULT_STORAGE_LIMITS, (written) => {
            assert(written.version > version);
            version = written.version;
          });
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('compaction', () => {
  const histories = orderHistory({ maxLength: 24 });

  it('changes nothing but the stored events and their digest', () => {
    fc.assert(
      fc.property(histories, limitsArbitrary, (history, limits) => {
        const events = parsed(history);
        const [plain, compacted] = [foldOf(events), foldOf(events, limits)];
        assert.deepEqual(PUBLIC(documentOf(compacted, PROJECTED_AT)), PUBLIC(documentOf(plain, PROJECTED_AT)));
        const expected = expectedDocuments(history).get('o-1');
        assert(expected);
        assert.deepEqual(compareDocuments(expected, storedDocumentOf(compacted), limits), []);
      }),
      { numRuns: 400 },
    );
  });

  it('keeps the stored events within the limits, whatever one summary needs aside', () => {
    fc.assert(
      fc.property(histories, limitsArbitrary, (history, limits) => {
        let state = newOrder('o-1');
        for (const event of parsed(history)) {
          state = offer(state, [event], limits).state;
          const sizes = state.events.map((stored) => Buffer.byteLength(JSON.stringify(stored)));
          const [, ...newest] = sizes;
          if (state.erasedAt !== undefined) return;
          assert(state.events.length <= limits.maxEvents);
          assert(total(sizes) <= limits.maxBytes || total(newest) <= limits.maxBytes / 2);
        }
      }),
      { numRuns: 250 },
    );
  });

  it('still knows every event for a duplicate', () => {
    fc.assert(
      fc.property(histories, limitsArbitrary, (history, limits) => {
        const events = parsed(history);
        const state = foldOf(events, limits);
        const again = offer(state, events, limits);
        assert(again.placements.every(({ kind }) => kind === 'duplicate'));
        assert.equal(again.state, state);
      }),
      { numRuns: 250 },
    );
  });
});

function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}
