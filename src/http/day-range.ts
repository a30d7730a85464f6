import { countDays, plusDays } from '../order/day.ts';
import type { DayRange } from './dependencies.ts';
import { badInput } from './route.ts';

const MAX_DAYS = 366;
/** As many days with that one, where no first one is given. */
const DAYS_BEFORE = 29;

/**
 * The days that are asked for: up to `today` unless a last one is given, thirty of them unless a first one is.
 * @throws ProblemError where they are in the wrong order, or too many
 */
export function dayRange({ from, to }: Partial<Record<'from' | 'to', string | undefined>>, today: string): DayRange {
  const range = { to: to ?? today, from: from ?? plusDays(to ?? today, -DAYS_BEFORE) };
  const days = countDays(range.from, range.to);
  if (days === 0 && to === undefined)
    throw badInput([{ path: 'from', message: `must not be after today, ${today}, unless there is a later to` }]);
  if (days === 0) throw badInput([{ path: 'to', message: 'must not be before from' }]);
  if (days > MAX_DAYS) {
    const message = `must be ${plusDays(range.to, 1 - MAX_DAYS)} at the earliest for a to of ${range.to}: at most ${MAX_DAYS} days are told at once`;
    throw badInput([{ path: 'from', message }]);
  }
  return range;
}
