import { pause } from './pause.ts';

export interface BackOffLimits {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * Exponential back-off with full jitter: anything from 0 to `firstMs` · 2^attempt, at most `capMs`, so that many clients that lost the
 * same server do not come back at once.
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 * @param attempt 0 for the first
 * @param random uniform in [0, 1)
 */
export function backOffMs(attempt: number, limits: BackOffLimits, random: () => number = Math.random): number {
  return Math.floor(random() * Math.min(limits.capMs, limits.firstMs * 2 ** Math.min(attempt, 30)));
}

/** Waits that long. @throws the signal's reason when it is aborted first */
export async function backOff(attempt: number, limits: BackOffLimits, signal: AbortSignal): Promise<void> {
  await pause(backOffMs(attempt, limits), signal);
}
