import { parseInstant } from './instant.ts';

const FIRST = 'T00:00:00.000Z';
const LAST = 'T23:59:59.999Z';

/** Whether it is a day of the calendar, `YYYY-MM-DD`, of the years 0001–9999. */
export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseInstant(text + FIRST) !== undefined;
}

/** The first instant of a UTC day. Instants have milliseconds (`instant.ts`), so with {@link lastInstantOf} it bounds the day exactly. */
export function firstInstantOf(day: string): string {
  return day + FIRST;
}

export function lastInstantOf(day: string): string {
  return day + LAST;
}
