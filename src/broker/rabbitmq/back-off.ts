export interface BackOffLimits {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * Exponential back-off with full jitter: anything from 0 to `firstMs` · 2^attempt, at most `capMs`, so that many clients that lost the
 * same broker do not come back at once.
 * @param attempt 0 for the first
 * @param random uniform in [0, 1)
 */
export function backOffMs(attempt: number, limits: BackOffLimits, random: () => number = Math.random): number {
  return Math.floor(random() * Math.min(limits.capMs, limits.firstMs * 2 ** Math.min(attempt, 30)));
}
