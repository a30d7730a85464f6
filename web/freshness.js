import { ageText } from './format.js';

/** Behind this the answers are said to lag. */
const LAGGING_SECONDS = 5;
/** Before the first heartbeat has come through the service says 1970: that is no age, but nothing known. */
const UNKNOWN_SECONDS = 20 * 366 * 86_400;

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
    const age = `${lagging ? 'Lagging: as' : 'As'} of ${ageText(seconds)} ago`;
    line.textContent = seconds > UNKNOWN_SECONDS ? 'How fresh this is, is not known yet' : age;
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
