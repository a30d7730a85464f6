import assert from 'node:assert/strict';
import { dayRange } from '../../../src/http/day-range.ts';
import { ProblemError } from '../../../src/http/problem-details.ts';

const TODAY = '2026-03-10';

describe('the days that are asked for', () => {
  it('are those from the first to the last', () => {
    const asked = { from: '2026-02-01', to: '2026-02-01' };
    assert.deepEqual(dayRange(asked, TODAY), asked);
  });

  it('are thirty, to today, unless others are asked for', () => {
    assert.deepEqual(dayRange({}, TODAY), { from: '2026-02-09', to: TODAY });
    assert.deepEqual(dayRange({ to: '2026-01-29' }, TODAY), { from: '2025-12-31', to: '2026-01-29' });
    assert.deepEqual(dayRange({ from: '2026-03-10' }, TODAY), { from: TODAY, to: TODAY });
  });

  it('begin with the calendar at the earliest', () => {
    assert.deepEqual(dayRange({ to: '0001-01-05' }, TODAY), { from: '0001-01-01', to: '0001-01-05' });
  });

  it('may be those of a leap year', () => {
    const year = { from: '2024-01-01', to: '2024-12-31' };
    assert.deepEqual(dayRange(year, TODAY), year);
  });

  const wrong: [string, Parameters<typeof dayRange>[0], string, RegExp][] = [
    ['end before they begin', { from: '2026-02-02', to: '2026-02-01' }, 'to', /must not be before from/],
    ['end long before they begin', { from: '2026-02-02', to: '2025-02-01' }, 'to', /must not be before from/],
    ['begin after today', { from: '2026-03-11' }, 'from', /after today, 2026-03-10, unless there is a later to/],
    ['are more than 366', { from: '2024-01-01', to: '2025-01-01' }, 'from', /2024-01-02 at the earliest .* 366 days/],
    ['are more than 366 to today', { from: '2020-01-01' }, 'from', /2025-03-10 at the earliest .* 2026-03-10/],
  ];
  for (const [what, asked, path, message] of wrong) {
    it(`are refused where they ${what}`, () => {
      assert.throws(
        () => dayRange(asked, TODAY),
        (error) => {
          assert.ok(error instanceof ProblemError);
          assert.equal(error.problem.status, 400);
          const [first, ...others] = error.problem.errors ?? [];
          assert.deepEqual([first?.path, others], [path, []]);
          assert.match(first?.message ?? '', message);
          return true;
        },
      );
    });
  }

  it('are as many as are allowed from where the refusal says', () => {
    const first = { from: '2025-03-10', to: TODAY };
    assert.deepEqual(dayRange(first, TODAY), first);
  });
});
