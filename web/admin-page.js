import { OrderSearchProblem } from './client/index.ts';
import { withdrawConfirmation } from './confirmation.js';
import { NotDone, createDeadLetters } from './dead-letters.js';
import { find } from './dom.js';
import { createGenerations } from './generations.js';
import { createHealth } from './health.js';
import { createLag } from './lag.js';
import { createParked } from './parked.js';
import { explain, reasonOf, showProblem } from './problem.js';
import { createRebuilds } from './rebuilds.js';
import { mayAskByItself } from './search-client.js';
import { createSession } from './session.js';

/**
 * Does what an operator asked for, says how it ended, and looks at everything anew. Where `done` answers with nothing, what has been said
 * meanwhile is newer, and stays.
 * @typedef {<T>(done: string | ((answer: T) => string | undefined), action: () => Promise<T>) => Promise<void>} Act
 */

const LOOK_MS = 2_000;
/** Longer than most answers take: what takes longer is said. */
const SLOW_MS = 600;
const LOOKING = 'Looking …';
const done = find('#done', HTMLElement);
const panels = find('#panels', HTMLElement);

/** @type {Act} */
async function act(ended, action) {
  try {
    const answer = await action();
    const text = typeof ended === 'string' ? ended : ended(answer);
    if (text !== undefined) say(text, false);
  } catch (error) {
    if (error instanceof OrderSearchProblem && error.status === 401) askToken(error.message);
    else say(error instanceof NotDone ? error.message : reasonOf(error), true);
  }
  // Not waited for: what was pressed may be pressed again as soon as it has ended.
  void look();
}

/** @param {string} text @param {boolean} isWrong */
function say(text, isWrong) {
  done.textContent = text;
  done.classList.toggle('wrong', isWrong);
}

const health = createHealth();
const rebuilds = createRebuilds(act, (text, isWrong) => {
  say(text, isWrong);
  if (mayAskByItself()) void look();
});
const generations = createGenerations(act);
const letters = createDeadLetters(act);
const parked = createParked(act);
const lag = createLag();
const session = createSession(() => {
  forget();
  void look();
});

/** Of looks that are under way the newest tells what is wrong. */
let looks = 0;
/** Aborted when nothing more is to be shown to whoever asked. */
let looking = new AbortController();

/** What the one before was shown, or is about to be, is nothing for who comes after, or may not see it. */
function forget() {
  looks += 1;
  looking.abort();
  looking = new AbortController();
  withdrawConfirmation();
  say('', false);
  panels.classList.add('waiting');
  for (const part of [lag, rebuilds, generations, letters, parked]) part.forget();
}

/** @param {string} why */
function askToken(why) {
  forget();
  session.ask(why);
}

async function look() {
  const mine = (looks += 1);
  const { signal } = looking;
  const parts = [
    health.update(),
    lag.update(signal),
    rebuilds.update(signal),
    generations.update(signal),
    letters.update(),
    parked.update(),
  ];
  const ends = await Promise.allSettled(parts);
  if (mine !== looks) return;
  const failed = ends.find((end) => end.status === 'rejected');
  if (!failed) {
    showProblem('');
    session.settled();
    panels.classList.remove('stale', 'waiting');
    return;
  }
  const { status, text } = explain(failed.reason);
  panels.classList.add('stale');
  showProblem(status === 401 ? '' : text);
  if (status === 401) askToken(text);
  else if (status === 403) forget();
  else panels.classList.remove('waiting');
}

/** One look after the other, while somebody looks. */
async function keepLooking() {
  try {
    if (document.visibilityState === 'visible' && !session.isAsking() && mayAskByItself()) await look();
  } finally {
    setTimeout(() => void keepLooking(), LOOK_MS);
  }
}

find('#problem button', HTMLButtonElement).addEventListener('click', () => void look());
const slow = setTimeout(() => say(LOOKING, false), SLOW_MS);
void keepLooking().finally(() => {
  clearTimeout(slow);
  if (done.textContent === LOOKING) say('', false);
});
