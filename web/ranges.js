import { decimalsOf } from './order/currency.ts';

/**
 * As an address has them: days, and amounts in minor units; empty where there is no bound.
 * @typedef {{ placedFrom: string, placedTo: string, minTotalCents: string, maxTotalCents: string }} Ranges
 */

const DAYS = /** @type {const} */ (['placedFrom', 'placedTo']);
const TOTALS = /** @type {const} */ (['minTotalCents', 'maxTotalCents']);
const RANGES = [...DAYS, ...TOTALS];
/** Of an amount where no currency, or more than one, is chosen. */
const USUAL_DECIMALS = 2;
/** The service compares minor units, whichever they are of. */
const ANY_CURRENCY = 'in any currency, as if of two decimals';

/** @param {URLSearchParams | FormData} source @returns {Ranges} */
export function readRanges(source) {
  const text = (/** @type {string} */ name) => String(source.get(name) ?? '');
  const [placedFrom, placedTo] = [text('placedFrom'), text('placedTo')];
  return { placedFrom, placedTo, minTotalCents: text('minTotalCents'), maxTotalCents: text('maxTotalCents') };
}

/**
 * What a form has, with its amounts as an address has them. What is not yet a day or an amount, as while it is typed, is no bound.
 * @param {HTMLFormElement} form
 */
export function formData(form) {
  const data = new FormData(form);
  const unit = 10 ** decimals(data.getAll('currency').map(String));
  for (const name of RANGES) if (!inputOf(form, name).validity.valid) data.delete(name);
  for (const name of TOTALS) {
    const amount = data.get(name) ?? '';
    if (amount !== '') data.set(name, String(Math.round(Number(amount) * unit)));
  }
  return data;
}

/**
 * @param {HTMLFormElement} form
 * @param {Ranges} ranges
 * @param {string[]} currencies those that are chosen
 */
export function writeRanges(form, ranges, currencies) {
  const unit = 10 ** decimals(currencies);
  for (const name of DAYS) inputOf(form, name).value = ranges[name];
  for (const name of TOTALS) inputOf(form, name).value = ranges[name] && String(Number(ranges[name]) / unit);
  nameCurrency(form, currencies);
  const more = form.querySelector('#more-filters');
  if (more instanceof HTMLDetailsElement && RANGES.some((name) => ranges[name] !== '')) more.open = true;
}

/** Says in which currency totals are written. @param {HTMLFormElement} form @param {string[]} currencies */
export function nameCurrency(form, currencies) {
  const name = form.querySelector('#total-currency');
  if (name) name.textContent = currencies.length === 1 ? `in ${currencies[0]}` : ANY_CURRENCY;
}

/** @param {string[]} currencies */
function decimals(currencies) {
  const [only = ''] = currencies;
  return currencies.length === 1 && /^[A-Z]{3}$/.test(only) ? decimalsOf(only) : USUAL_DECIMALS;
}

/** @param {HTMLFormElement} form @param {keyof Ranges} name @returns {HTMLInputElement} */
function inputOf(form, name) {
  const input = form.elements.namedItem(name);
  if (input instanceof HTMLInputElement) return input;
  throw new Error(`the page has no ${name}`);
}
