import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  countDays,
  dayOf,
  daysBetween,
  firstInstantOf,
  isDay,
  lastInstantOf,
  plusDays,
} from '../../../src/order/day.ts';
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

  it('is that of an instant', () => {
    assert.equal(dayOf(parseInstant('2026-03-01T23:59:59.999-01:00') ?? ''), '2026-03-02');
    assert.equal(dayOf(parseInstant('2026-03-01T00:00:00.000+01:00') ?? ''), '2026-02-28');
  });

  it('is so many days after another, across months and leap years', () => {
    assert.equal(plusDays('2024-02-28', 1), '2024-02-29');
    assert.equal(plusDays('2025-03-01', -1), '2025-02-28');
    assert.equal(plusDays('2026-01-29', -29), '2025-12-31');
    assert.equal(plusDays('2024-01-01', 366), '2025-01-01');
  });

  it('stays within the calendar', () => {
    assert.deepEqual([plusDays('0001-01-05', -29), plusDays('9999-12-30', 5)], ['0001-01-01', '9999-12-31']);
  });
});

describe('days between two', () => {
  it('are each of them once, in order, both included', () => {
    assert.deepEqual(daysBetween('2024-02-28', '2024-03-01'), ['2024-02-28', '2024-02-29', '2024-03-01']);
    assert.deepEqual(daysBetween('9999-12-31', '9999-12-31'), ['9999-12-31']);
    const far = fc.integer({ min: 0, max: 800 });
    const start = fc
      .date({ min: new Date('0001-01-01'), max: new Date('9990-01-01'), noInvalidDate: true })
      .map((date) => dayOf(date.toISOString()));
    fc.assert(
      fc.property(start, far, (from, distance) => {
        const days = daysBetween(from, plusDays(from, distance));
        assert.ok(days.every(isDay));
        assert.deepEqual(days, [...new Set(days)].sort());
        assert.deepEqual([days.length, days[0], days.at(-1)], [distance + 1, from, plusDays(from, distance)]);
      }),
    );
  });

  it('are none where the second comes first', () => {
    assert.deepEqual([countDays('2026-03-02', '2026-03-01'), countDays('2026-03-31', '2026-03-01')], [0, 0]);
    assert.deepEqual(daysBetween('2026-03-31', '2026-03-01'), []);
  });
});
