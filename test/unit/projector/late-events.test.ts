import assert from 'node:assert/strict';
import { LateEvents } from '../../../src/projector/late-events.ts';

const NOW = Date.parse('2026-03-10T12:00:00.000Z');
const PAID = 'order.payment_captured.v1';

/** How many of the events were late, one after the other. */
function late(...events: readonly (readonly [type: string, time: string])[]): number {
  let count = 0;
  const lateEvents = new LateEvents({ graceMs: 3_600_000, now: () => NOW, onLate: () => (count += 1) });
  for (const [type, time] of events) lateEvents.applied({ type, time });
  return count;
}

describe('late events', () => {
  it('are payments and refunds of a day that the watermark has passed', () => {
    const newest = ['order.placed.v2', '2026-03-02T01:00:00.000Z'] as const;
    assert.equal(
      late(newest, [PAID, '2026-03-01T23:59:59.999Z'], ['order.refunded.v1', '2026-02-01T00:00:00.000Z']),
      2,
    );
  });

  it('are not those of a day within the grace', () => {
    assert.equal(late([PAID, '2026-03-02T00:59:59.999Z'], [PAID, '2026-03-01T00:00:00.000Z']), 0);
  });

  it('are not those that move no money', () => {
    assert.equal(late([PAID, '2026-03-05T00:00:00.000Z'], ['order.shipped.v1', '2026-03-01T00:00:00.000Z']), 0);
  });

  it('are not made of a time far ahead of the clock', () => {
    assert.equal(late([PAID, '2026-03-12T00:00:00.000Z'], [PAID, '2026-03-09T00:00:00.000Z']), 0);
  });

  it('are late too by what others have seen', () => {
    let count = 0;
    const lateEvents = new LateEvents({ graceMs: 0, now: () => NOW, onLate: () => (count += 1) });
    lateEvents.saw('2026-03-05T00:00:00.000Z');
    lateEvents.applied({ type: PAID, time: '2026-03-04T00:00:00.000Z' });
    assert.equal(count, 1);
  });
});
