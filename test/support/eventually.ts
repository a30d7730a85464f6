import { setTimeout as delay } from 'node:timers/promises';

/** Asks again until the question does not throw any more, and returns its answer; after `timeoutMs` its last error is thrown. */
export async function eventually<T>(question: () => T | Promise<T>, timeoutMs = 30_000): Promise<T> {
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

const STEADY_MS = 400;

/** Like {@link eventually}, for what may look so for a moment: the question must not throw for a while, over and over. */
export async function steadily(question: () => void | Promise<void>, timeoutMs: number): Promise<void> {
  let since: number | undefined;
  await eventually(async () => {
    try {
      await question();
    } catch (error) {
      since = undefined;
      throw error;
    }
    since ??= performance.now();
    if (performance.now() - since < STEADY_MS) throw new Error('so, but not for long yet');
  }, timeoutMs);
}
