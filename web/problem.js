import { OrderSearchProblem } from './client/index.ts';
import { find } from './dom.js';
import { ageText } from './format.js';
import { NoAnswer } from './search-client.js';

/**
 * What is wrong, where it can be told; anything else is a bug, and is thrown.
 * @param {unknown} error
 * @returns {{ status: number | undefined, text: string }} no status: there was no answer
 */
export function explain(error) {
  if (!(error instanceof OrderSearchProblem || error instanceof NoAnswer)) throw error;
  const status = error instanceof NoAnswer ? undefined : error.status;
  return { status, text: `${inThePagesWords(error)}${againText(error)}` };
}

/** What the pages call the parameters. @type {Readonly<Record<string, string>>} */
const LABELS = {
  ...{ q: 'Search', minTotalCents: 'Total from', maxTotalCents: 'Total to' },
  ...{ placedFrom: 'Placed from', placedTo: 'Placed to', from: 'From', to: 'To' },
};

/** @param {OrderSearchProblem | NoAnswer} error */
function inThePagesWords(error) {
  if (error instanceof NoAnswer || error.errors.length === 0) return error.message;
  const named = (/** @type {string} */ message) =>
    message.replaceAll(/\b[a-z]+[A-Z]\w+/g, (name) => LABELS[name] ?? name);
  return error.errors.map(({ path, message }) => `${LABELS[path] ?? path}: ${named(message)}`).join('; ');
}

/** @param {OrderSearchProblem | NoAnswer} error */
function againText(error) {
  if (error instanceof NoAnswer || error.status >= 500) return ' Trying again by itself.';
  if (error.status !== 429) return '';
  const after = error.retryAfterSeconds === undefined ? '' : ` after ${ageText(error.retryAfterSeconds)}`;
  return ` Trying again by itself${after}.`;
}

/** Of what is not tried again by itself. @param {unknown} error likewise */
export function reasonOf(error) {
  explain(error);
  return /** @type {Error} */ (error).message;
}

/**
 * The page's alert. It is read out whenever it changes; the same trouble every few seconds is not news.
 * @param {string} text empty: there is no problem
 */
export function showProblem(text) {
  const shown = find('#problem p', HTMLElement);
  find('#problem', HTMLElement).hidden = text === '';
  if (text !== '' && shown.textContent !== text) shown.textContent = text;
}
