import { setTimeout as delay } from 'node:timers/promises';

export interface BackOffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

export const BACK_OFF = {
  outage: { baseMs: 100, capMs: 10_000 },
  restart: { baseMs: 5, capMs: 200 },
  probe: { baseMs: 1_000, capMs: 10_000 },
} as const;

/**
 * Exponential back-off with full jitter: a random time up to `baseMs · 2^attempt`, capped.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
function backOffMs(attempt: number, { baseMs, capMs }: BackOffOptions, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** attempt);
}

/** What waits is told to give up: the process stops, or hands back what it holds. */
export class Interrupted extends Error {
  readonly code = 'INTERRUPTED';
  override readonly name = 'Interrupted';
}

/** Waits that long. @throws the signal's reason when it is aborted first, which should be an {@link Interrupted} */
export async function backOff(attempt: number, options: BackOffOptions, signal: AbortSignal): Promise<void> {
  await delay(backOffMs(attempt, options, Math.random), undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}
