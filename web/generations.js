import { confirmed } from './confirmation.js';
import { button, element, find, row, spoken, table } from './dom.js';
import { instant, sizeText, whole } from './format.js';
import { createKeptList } from './kept-list.js';
import { createNewest } from './newest.js';
import { DONE_MS, operate } from './search-client.js';

/** After a minute the service gives it up, and says what became of it half a minute later at the latest. */
const ACTIVATED_MS = 2 * DONE_MS;

/**
 * @typedef {{ name: string, state: string, documents: number, sizeBytes: number, createdAt: string, foldVersion: number, reason: string | null }} Generation
 * @typedef {import('./admin-page.js').Act} Act
 */

/** The index's generations, the newest first; moving readers and deleting want the name typed. @param {Act} act */
export function createGenerations(act) {
  const heads = ['Name', 'State', 'Documents', 'Size', 'Fold', 'Created'];
  find('#generations', HTMLElement).append(table('Generations of the index of orders', heads, []));
  const list = createKeptList({
    frame: find('#generations tbody', HTMLElement),
    heading: find('#generations-title', HTMLElement),
    idOf: (/** @type {Generation} */ { name }) => name,
    make: (generation) => generationRow(generation, act),
    // Rows are kept while nothing but numbers change.
    keyOf: ({ state, reason }) => JSON.stringify([state, reason]),
    update: showNumbers,
  });
  const looks = createNewest();
  return {
    /** Shows none any more. */
    forget: () => list.show([]),
    /**
     * @param {AbortSignal} signal
     * @throws {import('./client/index.ts').OrderSearchProblem | import('./search-client.js').NoAnswer} or what the signal was aborted with
     */
    async update(signal) {
      const answer = await looks.of(
        /** @type {Promise<{ items: Generation[] }>} */ (operate('GET', 'admin/generations', { signal })),
      );
      if (answer) list.show(answer.items.toReversed());
    },
  };
}

/** @param {HTMLElement} line @param {Generation} generation */
function showNumbers(line, { documents, sizeBytes }) {
  const { cells } = /** @type {HTMLTableRowElement} */ (line);
  if (cells[2]) cells[2].textContent = whole(documents);
  if (cells[3]) cells[3].textContent = sizeText(sizeBytes);
}

/** @param {Generation} generation @param {Act} act */
function generationRow({ name, state, documents, sizeBytes, foldVersion, createdAt, reason }, act) {
  const path = `admin/generations/${encodeURIComponent(name)}`;
  const activate = button(['Activate', spoken(` ${name}`)], async () => {
    const text = 'All readers move to it at once. It is refused where it is not caught up.';
    if (await confirmed({ title: `Move readers to ${name}?`, text, action: 'Activate', typed: name })) {
      await act(`Readers are at ${name}.`, () => operate('POST', `${path}/activate`, { limitMs: ACTIVATED_MS }));
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
  const what = element('div', { className: 'doing' }, [shown, element('div', { className: 'actions' }, actions)]);
  return row([
    name,
    element('div', {}, reason === null ? [what] : [what, element('p', { className: 'soft' }, [reason])]),
    whole(documents),
    sizeText(sizeBytes),
    String(foldVersion),
    instant(createdAt),
  ]);
}
