import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until the question does not throw any more, and returns its answer; after `timeoutMs` its last error is thrown. */
export async function eventually<T>(question: () => T | Promise<T>, timeoutMs = 10_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await delay(20);
  }
}
