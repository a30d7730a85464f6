import { OrderSearchProblem } from './client/index.ts';
import { createCombobox } from './combobox.js';
import { NoAnswer, service } from './search-client.js';

/** What was offered for another text stays for as long as most answers take. */
const STALE_MS = 1_000;

/** @import { SuggestAnswer } from './client/index.ts' */

/**
 * What the box may become, and what was probably meant. Help only: where it cannot be had, the search tells why.
 * @param {{ box: HTMLInputElement, completions: HTMLElement, told: HTMLElement, meant: HTMLElement, choose: (q: string) => void }} parts
 */
export function createSuggestions({ box, completions, told, meant, choose }) {
  const combobox = createCombobox({ box, list: completions, told, choose });
  /** @type {AbortController | undefined} */
  let asking;
  const button = /** @type {HTMLButtonElement} */ (meant.querySelector('button'));
  button.addEventListener('click', () => choose(button.value));

  /** @param {string} q @param {AbortSignal} signal */
  async function update(q, signal) {
    const answer = q.trim() === '' ? NOTHING : await service.suggest(q, { signal });
    if (signal.aborted) return;
    const others = answer.completions.filter(({ text }) => text !== q.trim());
    combobox.offer(others.map(({ text, kind }) => ({ text, note: KINDS[kind] })));
    meant.hidden = answer.didYouMean === null;
    button.value = button.textContent = answer.didYouMean ?? '';
  }

  function nothing() {
    combobox.offer([]);
    meant.hidden = true;
  }

  return {
    /** Offers nothing: it was another's. */
    forget() {
      asking?.abort();
      nothing();
    },
    /** Asks for the box's text; an older question is aborted. */
    ask() {
      asking?.abort();
      asking = new AbortController();
      const { signal } = asking;
      const stale = setTimeout(() => signal.aborted || nothing(), STALE_MS);
      update(box.value, signal)
        .catch((error) => {
          if (signal.aborted) return;
          if (!(error instanceof OrderSearchProblem || error instanceof NoAnswer)) throw error;
          nothing();
        })
        .finally(() => clearTimeout(stale));
    },
  };
}

/** @satisfies {Pick<SuggestAnswer, 'completions' | 'didYouMean'>} */
const NOTHING = { completions: [], didYouMean: null };

/** Beside a completion. */
const KINDS = { item: 'item', customer: 'customer', sku: 'SKU', order: 'order' };
