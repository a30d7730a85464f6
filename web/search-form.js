import { find } from './dom.js';
import { writeFilters } from './facets.js';
import { readQuery, toParameters } from './query.js';
import { formData, nameCurrency, writeRanges } from './ranges.js';

/** @import { Query } from './query.js' */

export const form = find('#search-form', HTMLFormElement);
export const box = find('#q', HTMLInputElement);
const choice = find('select[name=sort]', HTMLSelectElement);

/** What the form asks; it says then in which order and currency that is. */
export function readForm() {
  nameSort();
  const query = readQuery(formData(form));
  nameCurrency(form, query.filters.currency);
  return query;
}

/** @param {Query} query */
export function writeForm({ q, sort, filters, ranges }) {
  box.value = q;
  choice.value = sort;
  nameSort();
  writeFilters(form, filters);
  writeRanges(form, ranges, filters.currency);
}

/** What sorting is without a choice depends on whether there is a text to match. */
function nameSort() {
  const [usual, newest] = choice.options;
  if (!usual || !newest) return;
  const hasText = box.value.trim() !== '';
  usual.textContent = hasText ? 'Best match' : 'Newest first';
  newest.hidden = !hasText && !newest.selected;
}

/** What the page's address asks. */
export function readAddress() {
  return readQuery(new URLSearchParams(location.search));
}

/** @param {Query} query @param {'push' | 'replace'} way */
export function writeAddress(query, way) {
  const parameters = toParameters(query).toString();
  const address = parameters === '' ? location.pathname : `?${parameters}`;
  if (way === 'push') history.pushState(null, '', address);
  else history.replaceState(null, '', address);
}
