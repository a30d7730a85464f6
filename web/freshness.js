import { ageText } from './format.js';

/** Behind this the answers are said to lag. */
const LAGGING_SECONDS = 5;
/** Before the first heartbeat has come through the service says 1970: that is no age, but nothing known. */
const UNKNOWN_SECONDS = 20 * 366 * 86_400;

/** @typedef {{ receivedAt: number, lagSeconds: number }} Known when an answer came, and how old it was then */

/** @param {Known} known */
function ageOf({ receivedAt, lagSeconds }) {
  return Math.round(lagSeconds + (performance.now() - receivedAt) / 1_000);
}

/**
 * Says how old what is shown is, and goes on counting between answers. Whether the service lags is another question: its newest answer says
 * that, whether it is shown or not.
 * @param {HTMLElement} line
 * @param {number} [laggingSeconds] from when on it is said to lag
 */
export function createFreshness(line, laggingSeconds = LAGGING_SECONDS) {
  /** @type {Known | undefined} */
  let shown;
  /** @type {Known | undefined} */
  let newest;

  function show() {
    if (!shown || !newest) return;
    const lagging = ageOf(newest) > laggingSeconds;
    line.textContent = ageOf(shown) > UNKNOWN_SECONDS ? 'How fresh this is, is not known yet' : text(shown, lagging);
    line.classList.toggle('lagging', lagging);
  }

  /** @param {Known} known @param {boolean} lagging */
  function text(known, lagging) {
    const age = `of ${ageText(ageOf(known))} ago`;
    if (known === newest) return lagging ? `Lagging: as ${age}` : `As ${age}`;
    return lagging ? `Lagging; this list is as ${age}` : `This list is as ${age}: it is too long to be kept up to date`;
  }

  setInterval(show, 1_000);
  return {
    /**
     * @param {number} lagSeconds of an answer that has just come
     * @param {boolean} [isShown] whether what is shown is that answer; the list from before it stays otherwise
     */
    answered(lagSeconds, isShown = true) {
      newest = { receivedAt: performance.now(), lagSeconds };
      if (isShown) shown = newest;
      show();
    },
  };
}
