import { confirmed } from './confirmation.js';
import { button, element, find, row, spoken, table } from './dom.js';
import { instant, sizeText, whole } from './format.js';
import { operate } from './search-client.js';

/**
 * @typedef {{ name: string, state: string, documents: number, sizeBytes: number, createdAt: string, foldVersion: number, reason: string | null }} Generation
 * @typedef {import('./admin-page.js').Act} Act
 */

/** The index's generations, the newest first; moving readers and deleting want the name typed. @param {Act} act */
export async function showGenerations(act) {
  const { items } = /** @type {{ items: Generation[] }} */ (await operate('GET', 'admin/generations'));
  const frame = find('#generations', HTMLElement);
  // Buttons are kept while nothing but numbers change, or the focus would be lost with each look.
  const key = JSON.stringify(items.map(({ name, state }) => [name, state]));
  if (frame.dataset['key'] === key) {
    for (const item of items) showNumbers(frame, item);
    return;
  }
  frame.dataset['key'] = key;
  const rows = items.toReversed().map((item) => generationRow(item, act));
  const heads = ['Name', 'State', 'Documents', 'Size', 'Fold', 'Created', spoken('Actions')];
  frame.replaceChildren(table('Generations of the index of orders', heads, rows));
}

/** @param {HTMLElement} frame @param {Generation} generation */
function showNumbers(frame, { name, documents, sizeBytes }) {
  const cells = [...frame.querySelectorAll('tr')].find((node) => node.dataset['name'] === name)?.cells;
  if (cells?.[2]) cells[2].textContent = whole(documents);
  if (cells?.[3]) cells[3].textContent = sizeText(sizeBytes);
}

/** @param {Generation} generation @param {Act} act */
function generationRow({ name, state, documents, sizeBytes, foldVersion, createdAt, reason }, act) {
  const path = `admin/generations/${encodeURIComponent(name)}`;
  const activate = button(['Activate', spoken(` ${name}`)], async () => {
    const text = 'All readers move to it at once. It is refused where it is not caught up.';
    if (await confirmed({ title: `Move readers to ${name}?`, text, action: 'Activate', typed: name })) {
      await act(`Readers are at ${name}.`, () => operate('POST', `${path}/activate`));
    }
  });
  const remove = button(['Delete', spoken(` ${name}`)], async () => {
    const text = 'Everything in it goes with it, and nobody can go back to it any more.';
    if (await confirmed({ title: `Delete ${name}?`, text, action: 'Delete', typed: name })) {
      await act(`${name} is deleted.`, () => operate('DELETE', path));
    }
  });
  const actions = state === 'standby' ? [activate, remove] : state === 'diverged' ? [remove] : [];
  const shown = element('span', { className: `state ${state}`, title: reason ?? '' }, [state]);
  const why = reason === null ? [shown] : [shown, element('p', { className: 'soft' }, [reason])];
  const line = row(
    [
      name,
      element('div', {}, why),
      whole(documents),
      sizeText(sizeBytes),
      String(foldVersion),
      instant(createdAt),
      element('div', { className: 'actions' }, actions),
    ],
    Infinity,
  );
  line.dataset['name'] = name;
  return line;
}
