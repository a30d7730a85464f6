import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { orderAsOf } from '../../../src/order/as-of.ts';
import type { OrderEvent } from '../../../src/order/event.ts';
import { viewOf } from '../../../src/order/flatten.ts';
import { parseInstant } from '../../../src/order/instant.ts';
import { orderHistory } from '../../support/event-arbitraries.ts';
import { foldOf, parsed, PROJECTED_AT, storedDocumentOf } from './parsed-events.ts';
import { cloudEvent, hour, PLACED, SNAPSHOT } from './sample-events.ts';

const PAID = 'order.payment_captured.v1';
const LIMITS = { maxEvents: 4, maxBytes: 100_000 };

function run(events: readonly OrderEvent[], instant: string): OrderEvent[] {
  const beyond = events.findIndex(({ time }) => time > instant);
  return beyond < 0 ? [...events] : events.slice(0, beyond);
}

describe('an order as it was', () => {
  describe('when nothing was compacted', () => {
    it('is the fold of the longest run of events that had happened', () => {
      const history = orderHistory({ erasures: false, snapshots: false, maxLength: 16 });
      const asked = history.chain((raw) =>
        fc.tuple(fc.constant(parsed(raw)), fc.nat(), fc.integer({ min: -1, max: 1 })),
      );
      const property = fc.property(asked, ([events, at, shiftMs]) => {
        const { time } = events[at % events.length] ?? { time: hour(0) };
        const instant = new Date(Date.parse(time) + shiftMs).toISOString();
        fc.pre(parseInstant(instant) !== undefined);
        const state = foldOf(run(events, instant));
        const expected = state.facts ? { kind: 'order', order: viewOf(state, PROJECTED_AT) } : { kind: 'not_placed' };
        assert.deepEqual(orderAsOf(storedDocumentOf(foldOf(events)), instant), JSON.parse(JSON.stringify(expected)));
      });
      fc.assert(property, { numRuns: 500 });
    });

    it('ends before the first event that had not happened, whatever comes after it', () => {
      const late = { time: hour(50) };
      const history = [
        cloudEvent(1, 'order.placed.v2', PLACED),
        cloudEvent(2, PAID, { amountCents: 1 }, late),
        cloudEvent(3, 'order.shipped.v1'),
      ];
      const document = storedDocumentOf(foldOf(parsed(history)));
      const statusAt = (instant: string) => {
        const past = orderAsOf(document, instant);
        return past.kind === 'order' ? [past.order.status, past.order.version] : past.kind;
      };
      assert.equal(statusAt(hour(0)), 'not_placed');
      assert.deepEqual(statusAt(hour(1)), ['placed', 1]);
      assert.deepEqual(statusAt(hour(49)), ['placed', 1]);
      assert.deepEqual(statusAt(hour(50)), ['shipped', 3]);
    });
  });

  describe('when older events were compacted', () => {
    it('is the same, or not known any more, but never anything else', () => {
      const history = orderHistory({ erasures: false, snapshots: false, minLength: 5, maxLength: 16 });
      const asked = history.chain((raw) => fc.tuple(fc.constant(parsed(raw)), fc.nat()));
      const property = fc.property(asked, ([events, at]) => {
        const { time: instant } = events[at % events.length] ?? { time: hour(0) };
        const whole = orderAsOf(storedDocumentOf(foldOf(events)), instant);
        const compacted = orderAsOf(storedDocumentOf(foldOf(events, LIMITS)), instant);
        if (compacted.kind === 'compacted') assert.ok(instant < compacted.since);
        else assert.deepEqual(compacted, whole);
      });
      fc.assert(property, { numRuns: 500 });
    });

    it('says so for the time before the snapshot, and that the order was not placed before it was', () => {
      const history = [cloudEvent(7, 'order.snapshot.v1', SNAPSHOT), cloudEvent(8, 'order.delivered.v1')];
      const document = storedDocumentOf(foldOf(parsed(history)));
      assert.deepEqual(orderAsOf(document, '2010-12-01T07:59:59.999Z'), { kind: 'not_placed' });
      assert.deepEqual(orderAsOf(document, '2010-12-01T08:00:00.000Z'), { kind: 'compacted', since: hour(7) });
      const past = orderAsOf(document, hour(7));
      assert.equal(past.kind === 'order' && past.order.status, 'shipped');
    });
  });
});
