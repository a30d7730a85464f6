import { decimalsOf } from './order/currency.ts';

/**
 * Minor units in the currency's own way of writing, with the decimals that the service counts them by: Intl's are CLDR's, which leave
 * out those that are not in use, such as the forint's.
 * @param {number} cents
 * @param {string} currency
 */
export function money(cents, currency) {
  const decimals = decimalsOf(currency);
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return new Intl.NumberFormat(undefined, { style: 'currency', currency, ...digits }).format(cents / 10 ** decimals);
}

/** @param {string} iso */
export function instant(iso) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/** With the computer's zone: days are counted in UTC elsewhere. @param {string} iso */
export function zonedInstant(iso) {
  return `${instant(iso)} ${zoneAt(new Date(iso))}`;
}

/** Such as `GMT+1`. @param {Date} date */
export function zoneAt(date) {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: 'short' }).formatToParts(date);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** @param {number} value */
export function whole(value) {
  return new Intl.NumberFormat().format(value);
}

/** @param {number | null} fraction */
export function percent(fraction) {
  if (fraction === null) return '–';
  return new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 }).format(fraction);
}

/** @param {number} seconds */
export function ageText(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

/** @param {number} bytes */
export function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return `${(bytes / 1_000 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
}
