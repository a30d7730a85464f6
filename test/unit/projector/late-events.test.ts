import assert from 'node:assert/strict';
import { LateEvents } from '../../../src/projector/late-events.ts';

const NOW = Date.parse('2026-03-10T12:00:00.000Z');
const PAID = 'order.payment_captured.v1';

/** How many of the events were late, in the order of their delivery; they are applied the other way round. */
function late(...events: readonly (readonly [type: string, time: string])[]): number {
  let count = 0;
  const lateEvents = new LateEvents({ graceMs: 3_600_000, now: () => NOW, onLate: () => (count += 1) });
  const delivered = events.map(([type, time]) => ({ type, time }));
  for (const event of delivered) lateEvents.delivered(event);
  for (const event of delivered.toReversed()) lateEvents.applied(event);
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

  it('are none of a history that is in order, however it is batched', () => {
    const days = ['2026-03-01', '2026-03-03', '2026-03-05', '2026-03-08'];
    assert.equal(late(...days.map((day) => [PAID, `${day}T12:00:00.000Z`] as const)), 0);
  });

  it('are counted only where they are applied', () => {
    const lateEvents = new LateEvents({ graceMs: 0, now: () => NOW, onLate: () => assert.fail('counted') });
    lateEvents.saw('2026-03-05T00:00:00.000Z');
    lateEvents.delivered({ type: PAID, time: '2026-03-04T00:00:00.000Z' });
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
    const event = { type: PAID, time: '2026-03-04T00:00:00.000Z' };
    lateEvents.delivered(event);
    lateEvents.saw('2026-03-06T00:00:00.000Z');
    lateEvents.applied(event);
    assert.equal(count, 1);
  });
});
