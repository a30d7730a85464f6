import { OrderSearchProblem } from './client/index.ts';
import { ageText } from './format.js';

/** Behind this the answers are said to lag. */
const LAGGING_SECONDS = 5;
/** Before the first heartbeat has come through the service says 1970: that is no age, but nothing known. */
const UNKNOWN_SECONDS = 20 * 366 * 86_400;

/** @typedef {{ receivedAt: number, lagSeconds: number }} Known when an answer came, and how old it was then */

/** @param {number} lagSeconds @param {number} sinceMs when it was so much */
function grownFrom(lagSeconds, sinceMs) {
  return Math.round(lagSeconds + (performance.now() - sinceMs) / 1_000);
}

/** @param {Known} known */
function ageOf({ receivedAt, lagSeconds }) {
  return grownFrom(lagSeconds, receivedAt);
}

/**
 * Says how old what is shown is, and goes on counting between answers. Whether the service lags is another question: its newest answer says
 * that, whether it is shown or not, and for how long it has not answered what it was asked since. While nothing is asked that does not grow,
 * and a question that is taken back counts for nothing.
 * @param {HTMLElement} line
 * @param {number} [laggingSeconds] from when on it is said to lag
 */
export function createFreshness(line, laggingSeconds = LAGGING_SECONDS) {
  /** @type {Known | undefined} */
  let shown;
  /** @type {Known | undefined} */
  let newest;
  /** Since when what is asked now is waited for. @type {number | undefined} */
  let askedAt;
  /** Likewise what was asked first of all that ended without an answer, the service having answered nothing since. @type {number | undefined} */
  let unansweredSince;

  function show() {
    if (!shown || !newest) return;
    const waitingSince = unansweredSince ?? askedAt ?? performance.now();
    const lagging = grownFrom(newest.lagSeconds, waitingSince) > laggingSeconds;
    line.textContent = ageOf(shown) > UNKNOWN_SECONDS ? 'How fresh this is, is not known yet' : text(shown, lagging);
    line.classList.toggle('lagging', lagging);
  }

  /** @param {Known} known @param {boolean} lagging */
  function text(known, lagging) {
    const age = `of ${ageText(ageOf(known))} ago`;
    if (known === newest) return lagging ? `Lagging: as ${age}` : `As ${age}`;
    return lagging ? `Lagging; this list is as ${age}` : `This list is as ${age}: it is too long to be kept up to date`;
  }

  function heard() {
    askedAt = unansweredSince = undefined;
    show();
  }

  setInterval(show, 1_000);
  return {
    /** Something is asked, instead of what was asked before if that is still open; its end is told by one of the next three. */
    asked() {
      askedAt = performance.now();
    },
    /**
     * @param {number} lagSeconds of an answer that has just come
     * @param {boolean} [isShown] whether what is shown is that answer; the list from before it stays otherwise
     */
    answered(lagSeconds, isShown = true) {
      newest = { receivedAt: performance.now(), lagSeconds };
      if (isShown) shown = newest;
      heard();
    },
    /** An answer has come that makes what is shown neither newer nor older. */
    heard,
    /** A refusal is an answer too; where there is none, or the service cannot, it is waited for. @param {unknown} error */
    failed(error) {
      if (error instanceof OrderSearchProblem && error.status < 500) return heard();
      unansweredSince ??= askedAt;
      askedAt = undefined;
      show();
    },
    /** Nothing is shown any more, so nothing is old. */
    forget() {
      shown = newest = askedAt = unansweredSince = undefined;
      line.textContent = '\u00a0';
      line.classList.remove('lagging');
    },
  };
}
