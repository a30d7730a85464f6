import { find } from './dom.js';

/** @import { Query } from './query.js' */

const empty = find('#empty', HTMLElement);

/** Where nothing is found: says so, and what to do. @param {number} total @param {Query} query */
export function showEmpty(total, { q, filters, ranges }) {
  empty.hidden = total > 0;
  if (total > 0) return;
  const narrowed = Object.values({ ...filters, ...ranges }).some((value) => value.length > 0);
  const asked = q.trim() !== '' || narrowed;
  const what = q.trim() === '' ? 'No orders' : `Nothing found for “${q.trim()}”`;
  find('#empty .what', HTMLElement).textContent = asked ? what : 'No orders yet';
  find('#empty .advice', HTMLElement).textContent = asked
    ? 'Try fewer or other words, or take a filter away.'
    : 'They appear here by themselves as soon as their events arrive.';
}

export function hideEmpty() {
  empty.hidden = true;
}
