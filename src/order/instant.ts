const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * An RFC 3339 instant in UTC with milliseconds (`2010-12-01T08:01:00.000Z`), or undefined. Digits beyond milliseconds are cut off.
 * Leap seconds (`:60`), days that do not exist and years outside 0001–9999 in UTC are no instants: Elasticsearch refuses them too.
 */
export function parseInstant(text: string): string | undefined {
  const match = RFC_3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', offset = 'Z'] = match;
  if (Number(day) < 1 || Number(day) > daysInMonth(Number(year), Number(month))) return undefined;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3).padEnd(3, '0')}`;
  if (offset === 'Z' || offset === 'z') return year === '0000' ? undefined : `${local}Z`;
  const utc = new Date(`${local}${offset}`).toISOString();
  return /^(?!0000)\d{4}-/.test(utc) ? utc : undefined;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  if (month < 1 || month > 12) return 0;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** The later of two normalised instants, or of two days. They compare as text, since all have the same form. */
export function later(a: string, b: string): string {
  return a > b ? a : b;
}
