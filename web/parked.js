import { confirmed } from './confirmation.js';
import { button, element, find, row, spoken, table } from './dom.js';
import { instant, whole } from './format.js';
import { operate } from './search-client.js';

/**
 * @typedef {{ orderId: string, version: number, missing: [number, number][], parked: number, oldestParkedAt: string, gapped: boolean }} Parked
 * @typedef {{ found: number, republished: number, skipped: number, ordersStillMissing: number }} Repaired
 * @typedef {import('./admin-page.js').Act} Act
 */

const PAGE_SIZE = 20;

/** Orders that wait for an event, and what can be done about it. @param {Act} act */
export function createParked(act) {
  let shown = '';
  find('#parked-actions', HTMLElement).append(
    button(['Fetch all gapped from the history'], () =>
      repair(act, 'admin/parked/repair', 'history', 'all gapped orders'),
    ),
    button(['Declare all gapped missing'], () => repair(act, 'admin/parked/repair', 'skip', 'all gapped orders')),
  );
  return {
    async update() {
      const answer = await operate('GET', `admin/parked?size=${PAGE_SIZE}`);
      const { items, nextCursor } = /** @type {{ items: Parked[], nextCursor: string | null }} */ (answer);
      const key = JSON.stringify([items, nextCursor]);
      if (key === shown) return;
      shown = key;
      find('#parked-title .count', HTMLElement).textContent =
        `${whole(items.length)}${nextCursor === null ? '' : ' first'}`;
      find('#parked-actions', HTMLElement).hidden = items.length === 0;
      const heads = ['Order', 'Is at', 'Lacks', 'Wait', 'Since', spoken('Actions')];
      const none = element('p', { className: 'soft' }, ['None: no order waits for an event.']);
      const rows = items.map((item) => parkedRow(item, act));
      find('#parked', HTMLElement).replaceChildren(
        items.length > 0 ? table('Orders with events that wait for an earlier one', heads, rows) : none,
      );
    },
  };
}

/** @param {Parked} order @param {Act} act */
function parkedRow({ orderId, version, missing, parked, oldestParkedAt, gapped }, act) {
  const path = `admin/orders/${encodeURIComponent(orderId)}/repair`;
  const runs = missing.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
  const since = [instant(oldestParkedAt), ' ', gapped ? element('span', { className: 'badge' }, ['gapped']) : ''];
  return row([
    orderId,
    `version ${version}`,
    runs,
    whole(parked),
    element('span', {}, since),
    element('div', { className: 'actions' }, [
      button(['From history', spoken(` for ${orderId}`)], () => repair(act, path, 'history', orderId)),
      button(['Skip', spoken(` for ${orderId}`)], () => repair(act, path, 'skip', orderId)),
    ]),
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
    () => /** @type {Promise<Repaired>} */ (operate('POST', path, { body: { missing } })),
  );
}
