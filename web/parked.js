import { confirmed } from './confirmation.js';
import { button, element, find, row, spoken, table } from './dom.js';
import { instant, whole } from './format.js';
import { createKeptList } from './kept-list.js';
import { createPagedList } from './paging.js';
import { ALL_DONE_MS, operate } from './search-client.js';

/**
 * @typedef {{ orderId: string, version: number, missing: [number, number][], parked: number, oldestParkedAt: string, gapped: boolean }} Parked
 * @typedef {{ found: number, republished: number, skipped: number, ordersStillMissing: number }} Repaired
 * @typedef {import('./admin-page.js').Act} Act
 */

/** Orders that wait for an event, and what can be done about it. @param {Act} act */
export function createParked(act) {
  const actions = find('#parked-actions', HTMLElement);
  actions.append(
    button(['Fetch all gapped from the history'], () =>
      repair(act, 'admin/parked/repair', 'history', 'all gapped orders'),
    ),
    button(['Declare all gapped missing'], () => repair(act, 'admin/parked/repair', 'skip', 'all gapped orders')),
  );
  const heads = ['Order', 'Lacks', 'Is at', 'Wait', 'Since'];
  const shown = table('Orders with events that wait for an earlier one', heads, []);
  find('#parked', HTMLElement).append(shown);
  const frame = find('#parked tbody', HTMLElement);
  const list = createKeptList({
    frame,
    heading: find('#parked-title', HTMLElement),
    idOf: (/** @type {Parked} */ { orderId }) => orderId,
    make: (order) => parkedRow(order, act),
  });
  return createPagedList({
    ...{ path: 'admin/parked', of: 'parked orders', frame, name: 'parked', act },
    show: (/** @type {Parked[]} */ items) => {
      shown.hidden = actions.hidden = items.length === 0;
      list.show(items);
    },
  });
}

/** @param {Parked} order @param {Act} act */
function parkedRow({ orderId, version, missing, parked, oldestParkedAt, gapped }, act) {
  const path = `admin/orders/${encodeURIComponent(orderId)}/repair`;
  const runs = missing.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
  const since = [instant(oldestParkedAt), ' ', gapped ? element('span', { className: 'badge' }, ['gapped']) : ''];
  const actions = element('div', { className: 'actions' }, [
    button(['From history', spoken(` for ${orderId}`)], () => repair(act, path, 'history', orderId)),
    button(['Skip', spoken(` for ${orderId}`)], () => repair(act, path, 'skip', orderId)),
  ]);
  return row([
    orderId,
    element('div', { className: 'doing' }, [runs, actions]),
    `version ${version}`,
    whole(parked),
    element('span', {}, since),
  ]);
}

/**
 * @param {Act} act
 * @param {string} path
 * @param {'history' | 'skip'} missing
 * @param {string} what
 */
async function repair(act, path, missing, what) {
  const text =
    'The missing events are declared so for good: if they come later they are refused, and every rebuild honours it.';
  if (missing === 'skip' && !(await confirmed({ title: `Skip what ${what} lacks?`, text, action: 'Skip' }))) return;
  await act(
    ({ found, skipped, ordersStillMissing }) =>
      `${whole(found)} found in the history, ${whole(skipped)} skipped; ${whole(ordersStillMissing)} orders still lack something.`,
    () => /** @type {Promise<Repaired>} */ (operate('POST', path, { body: { missing }, limitMs: ALL_DONE_MS })),
  );
}
