import { setTimeout as delay } from 'node:timers/promises';

const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 200;

/**
 * Asks again until the question does not throw any more, and returns its answer; after `timeoutMs` its last error is thrown. The longer it
 * has waited, the longer it pauses: to ask all the time takes the processors from what is waited for.
 */
export async function eventually<T>(question: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
  const since = performance.now();
  for (;;) {
    try {
      return await question();
    } catch (error) {
      const waitedMs = performance.now() - since;
      if (waitedMs > timeoutMs) throw error;
      await delay(Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, waitedMs / 10)));
    }
  }
}

const STEADY_MS = 400;

/**
 * Like {@link eventually}, for what may look so for a moment: the question must not throw for a while, over and over, at the shortest
 * pauses.
 */
export async function steadily(question: () => void | Promise<void>, timeoutMs: number): Promise<void> {
  await eventually(async () => {
    await question();
    for (const since = performance.now(); performance.now() - since < STEADY_MS;) {
      await delay(SHORTEST_PAUSE_MS);
      await question();
    }
  }, timeoutMs);
}
