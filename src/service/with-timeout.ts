import { setTimeout as delay } from 'node:timers/promises';

/** What was asked for, or `otherwise` where it takes longer than `limitMs`; it is not broken off then. Rejects as the answer does. */
export async function withTimeout<T>(answer: Promise<T>, limitMs: number, otherwise: T): Promise<T> {
  const enough = new AbortController();
  const late = delay(limitMs, otherwise, { signal: enough.signal, ref: false });
  late.catch(() => undefined); // Aborted: the answer was in time.
  try {
    return await Promise.race([answer, late]);
  } finally {
    enough.abort();
  }
}
