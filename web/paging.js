import { button, find, spoken } from './dom.js';
import { whole } from './format.js';
import { createNewest } from './newest.js';
import { operate } from './search-client.js';

/** @typedef {import('./admin-page.js').Act} Act */

const FIRST = 20;
const MORE = 100;
const MOST_A_REQUEST = 100;

/**
 * A list of the service, shown from its beginning on as far as was asked for, and asked for anew with each look.
 * @template T
 * @param {{ path: string, of: string, frame: HTMLElement, name: string, act: Act, show: (items: T[]) => void }} parts
 *   `of`: what is listed, as it is read out; `frame`: whose children its items are; `name`: of its heading, which has their count, of what says
 *   that there are none, and of where the button for more goes
 */
export function createPagedList({ path, of, frame, name, act, show }) {
  const shownCount = find(`#${name}-title .count`, HTMLElement);
  const none = find(`#${name}-none`, HTMLElement);
  let count = FIRST;
  const looks = createNewest();
  const next = button(['Show more', spoken(` ${of}`)], () => {
    const before = frame.children.length;
    count += MORE;
    return act(
      () => `${whole(frame.children.length - before)} more ${of} are shown, ${whole(frame.children.length)} in all.`,
      async () => {
        await list.update();
        // The button that had the focus is gone: go on where reading goes on.
        if (next.hidden) /** @type {HTMLElement | undefined} */ (frame.children[before])?.focus();
      },
    );
  });
  next.hidden = true;
  find(`#${name}-more`, HTMLElement).append(next);

  const list = {
    /** Shows nothing any more, nor what is still to be answered. */
    forget() {
      looks.forget();
      count = FIRST;
      next.hidden = none.hidden = true;
      shownCount.textContent = '';
      show([]);
    },
    /** @throws {import('./client/index.ts').OrderSearchProblem | import('./search-client.js').NoAnswer} */
    async update() {
      const answer = await looks.of(listUpTo(path, count));
      if (!answer) return;
      const { items, hasMore } = answer;
      next.hidden = !hasMore;
      none.hidden = items.length > 0;
      shownCount.textContent = countText(items, hasMore);
      show(items);
    },
  };
  return list;
}

/** @param {string} path @param {number} count at most so many @returns {Promise<{ items: any[], hasMore: boolean }>} */
async function listUpTo(path, count) {
  const items = [];
  for (let cursor = ''; ;) {
    const size = Math.min(MOST_A_REQUEST, count - items.length);
    const parameters = new URLSearchParams({ size: String(size), ...(cursor !== '' && { cursor }) });
    const answer = /** @type {{ items: any[], nextCursor: string | null }} */ (
      await operate('GET', `${path}?${parameters}`)
    );
    items.push(...answer.items);
    if (answer.nextCursor === null || items.length >= count) return { items, hasMore: answer.nextCursor !== null };
    cursor = answer.nextCursor;
  }
}

/** How many are shown, beside a heading. @param {unknown[]} items @param {boolean} hasMore */
function countText({ length }, hasMore) {
  return hasMore ? `${whole(length)} shown, there are more` : whole(length);
}
