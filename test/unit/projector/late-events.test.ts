import assert from 'node:assert/strict';
import { DEFAULT_STORAGE_LIMITS, newOrder, type OrderState } from '../../../src/order/fold.ts';
import { sequence } from '../../../src/order/sequencing.ts';
import { LateEvents } from '../../../src/projector/late-events.ts';
import type { Offer } from '../../../src/projector/work.ts';
import type { CloudEventJson } from '../../support/oracle.ts';
import { jobOf } from '../../support/protocol.ts';
import { parsed } from '../order/parsed-events.ts';
import { cloudEvent, PLACED, SNAPSHOT } from '../order/sample-events.ts';

const NOW = Date.parse('2026-03-10T12:00:00.000Z');

type Step = readonly [sequence: number, type: string, time: string, data?: unknown];

const at = ([number, type, time, data = {}]: Step): CloudEventJson => cloudEvent(number, type, data, { time });
const placed = (time: string): Step => [1, 'order.placed.v2', time, PLACED];
const paid = (number: number, time: string): Step => [number, 'order.payment_captured.v1', time, { amountCents: 100 }];
const refunded = (number: number, time: string, refundId = 'r'): Step => {
  return [number, 'order.refunded.v1', time, { refundId, amountCents: 1 }];
};

describe('late events', () => {
  let count: number;
  let lateEvents: LateEvents;
  let state: OrderState;
  beforeEach(() => {
    count = 0;
    lateEvents = new LateEvents({ graceMs: 3_600_000, now: () => NOW, onLate: () => (count += 1) });
    state = newOrder('o-1');
  });

  function project(offers: readonly Offer[]): number {
    const before = state;
    const sequenced = sequence(before, offers, DEFAULT_STORAGE_LIMITS);
    state = sequenced.state;
    lateEvents.wrote({ before, ...sequenced });
    return count;
  }

  /** How many were late in all, with these in one batch, delivered in this order. */
  function deliver(...steps: readonly Step[]): number {
    const jobs = parsed(steps.map(at)).map((event) => jobOf('o-1', event));
    for (const { event } of jobs) lateEvents.delivered(event);
    return project(jobs);
  }

  const unpark = (...steps: readonly Step[]): number =>
    project(parsed(steps.map(at)).map((event) => ({ origin: 'parked', orderId: 'o-1', event, parkedAt: '' })));

  describe('when nothing is late', () => {
    it('are none of a history that is in order, however it is batched', () => {
      const days = ['2026-03-01', '2026-03-03', '2026-03-05', '2026-03-08'];
      const steps = days.map((day, index) => paid(index + 2, `${day}T12:00:00.000Z`));
      assert.equal(deliver(placed('2026-03-01T00:00:00.000Z'), ...steps), 0);
    });

    it('are no corrections of anything but the money', () => {
      const patch = { customer: { name: 'Another' } };
      const correction: Step = [3, 'order.corrected.v1', '2026-03-08T00:00:00.000Z', { patch, reason: 'x' }];
      assert.equal(deliver(placed('2026-03-01T00:00:00.000Z'), paid(2, '2026-03-01T00:00:00.000Z'), correction), 0);
    });

    it('are not those of a day within the grace', () => {
      deliver(placed('2026-03-01T00:00:00.000Z'));
      assert.equal(deliver(paid(2, '2026-03-02T00:59:59.999Z'), paid(3, '2026-03-01T00:00:00.000Z')), 0);
    });

    it('are not made of a time far ahead of the clock', () => {
      deliver(placed('2026-03-01T00:00:00.000Z'), paid(2, '2026-03-12T00:00:00.000Z'));
      assert.equal(deliver(paid(3, '2026-03-09T00:00:00.000Z')), 0);
    });
  });

  describe('when the watermark has passed a day', () => {
    beforeEach(() => {
      deliver(placed('2026-02-01T00:00:00.000Z'), paid(2, '2026-02-01T01:00:00.000Z'));
      lateEvents.saw('2026-03-02T01:00:00.000Z');
    });

    it('are payments and refunds of that day', () => {
      assert.equal(deliver(paid(3, '2026-03-01T23:59:59.999Z'), refunded(4, '2026-02-01T02:00:00.000Z')), 2);
    });

    it('are those too that were parked meanwhile', () => {
      assert.equal(unpark(paid(3, '2026-03-01T00:00:00.000Z')), 1);
      assert.equal(unpark(paid(4, '2026-03-02T00:00:00.000Z')), 1);
    });

    it('are corrections, snapshots and erasures that change it', () => {
      const correction = (number: number, patch: object): Step => {
        return [number, 'order.corrected.v1', '2026-03-02T02:00:00.000Z', { patch, reason: 'x' }];
      };
      assert.equal(deliver(correction(3, { sellerId: 'another' })), 1);
      assert.equal(deliver([4, 'order.snapshot.v1', '2026-03-02T02:00:00.000Z', SNAPSHOT]), 2);
      deliver(paid(5, '2026-02-03T00:00:00.000Z'));
      assert.equal(unpark([6, 'order.erased.v1', '2026-03-02T02:00:00.000Z']), 4);
    });

    it('are not those that change nothing of it', () => {
      deliver(refunded(3, '2026-02-01T02:00:00.000Z'));
      assert.equal(count, 1);
      assert.equal(deliver(refunded(4, '2026-02-01T03:00:00.000Z')), 1);
      const patch = { customer: { name: 'Another' } };
      assert.equal(deliver([5, 'order.corrected.v1', '2026-03-02T02:00:00.000Z', { patch, reason: 'x' }]), 1);
      assert.equal(deliver([6, 'order.shipped.v1', '2026-02-01T02:00:00.000Z']), 1);
    });

    it('are judged each for itself, also within one batch', () => {
      const [name, seller] = [{ customer: { name: 'Another' } }, { sellerId: 'another' }];
      const [second, third] = [refunded(3, '2026-02-01T02:00:00.000Z'), refunded(4, '2026-02-01T03:00:00.000Z')];
      const corrections: Step[] = [name, seller].map((patch, index) => {
        return [5 + index, 'order.corrected.v1', '2026-03-02T02:00:00.000Z', { patch, reason: 'x' }];
      });
      assert.equal(deliver(second, third, ...corrections), 2);
    });

    it('are counted only where they are applied', () => {
      assert.equal(deliver(paid(2, '2026-02-01T01:00:00.000Z'), paid(9, '2026-02-01T01:00:00.000Z')), 0);
    });

    it('are judged by what was seen before they were delivered', () => {
      const [event] = parsed([at(paid(3, '2026-03-02T02:00:00.000Z'))]);
      lateEvents.delivered(event!);
      lateEvents.saw('2026-03-06T00:00:00.000Z');
      assert.equal(project([jobOf('o-1', event!)]), 0);
    });
  });
});
