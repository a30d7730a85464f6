import { confirmed } from './confirmation.js';
import { button, element, find, spoken } from './dom.js';
import { instant, whole } from './format.js';
import { createKeptList } from './kept-list.js';
import { createPagedList } from './paging.js';
import { explain, reasonOf } from './problem.js';
import { ALL_DONE_MS, NotInTime, operate } from './search-client.js';

/**
 * @typedef {{ id: string, reason: string, path: string, message: string, orderId?: string, sequence?: number, attempts: number,
 *   firstFailedAt: string, lastFailedAt: string, bodyBytes: number, body?: string, bodyEncoding?: string }} DeadLetter
 * @typedef {{ missing: { hint: string } | null }} Discarded
 * @typedef {import('./admin-page.js').Act} Act
 */

/** Messages that were refused: with why, replayed or discarded one by one or those that are ticked. @param {Act} act */
export function createDeadLetters(act) {
  const frame = find('#letters', HTMLElement);
  const boxes = () => /** @type {HTMLInputElement[]} */ ([...frame.querySelectorAll('input')]);
  const actions = find('#letter-actions', HTMLElement);
  showActions(actions, boxes, act);
  const list = createKeptList({
    frame,
    heading: find('#letters-title', HTMLElement),
    idOf: (/** @type {DeadLetter} */ { id }) => id,
    make: (letter) => letterItem(letter, act),
  });
  return createPagedList({
    ...{ path: 'admin/dead-letters', of: 'dead letters', frame, name: 'letters', act },
    show: (/** @type {DeadLetter[]} */ items) => {
      actions.hidden = items.length === 0;
      list.show(items);
    },
  });
}

/** @param {DeadLetter} letter @param {Act} act */
function letterItem(letter, act) {
  const { id, reason, path, message, orderId, sequence, attempts, lastFailedAt } = letter;
  const name =
    orderId === undefined ? `message ${id.slice(0, 8)}` : `${orderId}${sequence === undefined ? '' : ` #${sequence}`}`;
  const box = Object.assign(element('input', { type: 'checkbox', ariaLabel: `Choose ${name}` }), { value: id });
  const times = `${attempts === 1 ? 'failed once' : `failed ${whole(attempts)} times`}, last ${instant(lastFailedAt)}`;
  const item = element('li', {}, [
    element('div', { className: 'head' }, [
      box,
      element('strong', {}, [name]),
      element('span', { className: 'badge' }, [reason]),
    ]),
    element('p', {}, [path === '' ? message : `${path}: ${message}`]),
    element('p', { className: 'soft' }, [times]),
    bodyOf(letter, name),
    element('div', { className: 'actions' }, [
      button(['Replay', spoken(` ${name}`)], () => act('It is published again.', () => replay(id))),
      button(['Discard', spoken(` ${name}`)], async () => {
        const text =
          'The message is thrown away. Its place in the order’s history stays empty until something takes it.';
        if (await confirmed({ title: `Discard ${name}?`, text, action: 'Discard' }))
          await act(discarded, () => discard(id));
      }),
    ]),
  ]);
  return item;
}

/** @param {DeadLetter} letter @param {string} name */
function bodyOf({ id, body, bodyEncoding, bodyBytes }, name) {
  const text = element('pre', { tabIndex: 0, ariaLabel: `Body of ${name}` });
  text.role = 'region';
  const details = element('details', {}, [element('summary', {}, ['Body', spoken(` of ${name}`)]), text]);
  const show = (/** @type {string} */ content, /** @type {string | undefined} */ encoding) => {
    text.textContent = encoding === 'base64' ? `(base64) ${content}` : indented(content);
  };
  if (body !== undefined) show(body, bodyEncoding);
  else {
    text.textContent = `${whole(bodyBytes)} bytes …`;
    details.addEventListener('toggle', async () => {
      if (!details.open) return;
      try {
        const letter = /** @type {DeadLetter} */ (await operate('GET', `admin/dead-letters/${encodeURIComponent(id)}`));
        show(letter.body ?? '', letter.bodyEncoding);
      } catch (error) {
        text.textContent = `${reasonOf(error)} Close it and open it again to try once more.`;
      }
    });
  }
  return details;
}

/** @param {string} text */
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // No JSON: perhaps that is why it is here.
    return text;
  }
}

/** @param {string} id */
const replay = (id) => operate('POST', `admin/dead-letters/${encodeURIComponent(id)}/replay`);
/** @param {string} id @returns {Promise<Discarded>} */
const discard = (id) => operate('DELETE', `admin/dead-letters/${encodeURIComponent(id)}`);
/** @param {Discarded} answer */
const discarded = ({ missing }) => `It is discarded.${missing ? ` ${missing.hint}` : ''}`;

/** @param {HTMLElement} frame @param {() => HTMLInputElement[]} boxes @param {Act} act */
function showActions(frame, boxes, act) {
  const chosen = () => boxes().flatMap(({ checked, value }) => (checked ? [value] : []));
  const each = async (/** @type {string} */ done, /** @type {(id: string) => Promise<unknown>} */ one) => {
    const ids = chosen();
    if (ids.length === 0) throw new NotDone('Tick those that you mean first.');
    const reasons = await eachOf(ids, one);
    const text = `${whole(ids.length - reasons.length)} ${done}`;
    if (reasons.length === 0) return `${text}.`;
    throw new NotDone(`${text}, ${whole(reasons.length)} failed: ${[...new Set(reasons)].join(' ')}`);
  };
  frame.append(
    button(['Tick all that are shown'], () => {
      const all = boxes();
      const areAll = all.every(({ checked }) => checked);
      for (const box of all) box.checked = !areAll;
    }),
    button(['Replay all'], async () => {
      const text =
        'All dead letters are published again, those that are not shown too. What is refused once more comes back.';
      if (!(await confirmed({ title: 'Replay all dead letters?', text, action: 'Replay all' }))) return;
      await act(
        ({ replayed, failed }) => `${whole(replayed)} published again, ${whole(failed.length)} could not be.`,
        () =>
          /** @type {Promise<{ replayed: number, failed: unknown[] }>} */ (
            operate('POST', 'admin/dead-letters/replay', { body: {}, limitMs: ALL_DONE_MS })
          ),
      );
    }),
    button(['Replay ticked'], () =>
      act(
        (text) => text,
        () => each('published again', replay),
      ),
    ),
    button(['Discard ticked'], async () => {
      const count = chosen().length;
      const text = `${whole(count)} messages are thrown away for good.`;
      if (count > 0 && !(await confirmed({ title: 'Discard the ticked ones?', text, action: 'Discard' }))) return;
      await act(
        (text) => text,
        () => each('discarded', discard),
      );
    }),
  );
}

/**
 * One after the other, whatever becomes of those before; whoever has to sign in first has to for all of them. Where one is not answered in
 * time the others are not asked for: each would be waited for as long.
 * @param {string[]} ids
 * @param {(id: string) => Promise<unknown>} one
 * @returns {Promise<string[]>} why, of each that failed
 */
async function eachOf(ids, one) {
  /** @type {string[]} */
  const reasons = [];
  for (const [at, id] of ids.entries()) {
    try {
      await one(id);
    } catch (error) {
      if (explain(error).status === 401) throw error;
      if (error instanceof NotInTime) return [...reasons, ...ids.slice(at).map(() => reasonOf(error))];
      reasons.push(reasonOf(error));
    }
  }
  return reasons;
}

/** What the operator asked for was not done, or not all of it; the message says why. */
export class NotDone extends Error {}
