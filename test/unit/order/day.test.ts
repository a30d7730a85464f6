import assert from 'node:assert/strict';
import { firstInstantOf, isDay, lastInstantOf } from '../../../src/order/day.ts';
import { parseInstant } from '../../../src/order/instant.ts';

describe('a day', () => {
  it('is one of the calendar', () => {
    for (const day of ['2026-03-01', '2024-02-29', '0001-01-01', '9999-12-31']) assert.ok(isDay(day), day);
    const others = [
      '2026-02-29',
      '2026-13-01',
      '2026-00-10',
      '2026-3-1',
      '0000-01-01',
      '2026-03-01T00:00:00Z',
      ' 2026-03-01',
      '',
    ];
    for (const other of others) assert.ok(!isDay(other), other);
  });

  it('goes from its first instant to the last millisecond before the next', () => {
    const [first, last] = [firstInstantOf('2026-03-01'), lastInstantOf('2026-03-01')];
    assert.deepEqual([parseInstant(first), parseInstant(last)], [first, last]);
    assert.equal(Date.parse(last) + 1, Date.parse(firstInstantOf('2026-03-02')));
  });
});
