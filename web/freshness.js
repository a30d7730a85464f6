import { ageText } from './format.js';

/** Behind this the answers are said to lag. */
const LAGGING_SECONDS = 5;

/**
 * Says how old what is shown is, and goes on counting between answers.
 * @param {HTMLElement} line
 * @param {number} [laggingSeconds] from when on it is said to lag
 */
export function createFreshness(line, laggingSeconds = LAGGING_SECONDS) {
  /** When the newest answer came, and how old it was then. @type {{ receivedAt: number, lagSeconds: number } | undefined} */
  let newest;

  function show() {
    if (!newest) return;
    const seconds = Math.round(newest.lagSeconds + (performance.now() - newest.receivedAt) / 1_000);
    const lagging = seconds > laggingSeconds;
    line.textContent = `${lagging ? 'Lagging: as' : 'As'} of ${ageText(seconds)} ago`;
    line.classList.toggle('lagging', lagging);
  }

  setInterval(show, 1_000);
  return {
    /** @param {number} lagSeconds of an answer that has just come */
    answered(lagSeconds) {
      newest = { receivedAt: performance.now(), lagSeconds };
      show();
    },
  };
}
