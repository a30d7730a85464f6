import { parseInstant } from './instant.ts';

const FIRST = 'T00:00:00.000Z';
const LAST = 'T23:59:59.999Z';
const LENGTH = 'YYYY-MM-DD'.length;
const FIRST_DAY = '0001-01-01';
const LAST_DAY = '9999-12-31';
const DAY_MS = 86_400_000;

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

/** The UTC day of a normalised instant. */
export function dayOf(instant: string): string {
  return instant.slice(0, LENGTH);
}

/** So many days later, or earlier; no further than the calendar of {@link isDay} goes. */
export function plusDays(day: string, days: number): string {
  const ms = startMs(day) + days * DAY_MS;
  return dayOf(new Date(Math.min(Math.max(ms, startMs(FIRST_DAY)), startMs(LAST_DAY))).toISOString());
}

/** How many days there are from one to another, both included; 0 where the other comes first. */
export function countDays(from: string, to: string): number {
  return Math.max(0, (startMs(to) - startMs(from)) / DAY_MS + 1);
}

/** These days, in order. */
export function daysBetween(from: string, to: string): string[] {
  return Array.from({ length: countDays(from, to) }, (_, days) => plusDays(from, days));
}

function startMs(day: string): number {
  return Date.parse(firstInstantOf(day));
}
