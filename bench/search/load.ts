import { percentile } from '../rebuild/statistics.ts';

/** Milliseconds, and requests a second of all clients together. */
export interface Measured {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** So many clients, each of which asks again as soon as it is answered, for a while. */
export async function measure(
  clients: number,
  seconds: number,
  ask: (nth: number) => Promise<void>,
): Promise<Measured> {
  const tookMs: number[] = [];
  let nth = 0;
  const startedAt = performance.now();
  const untilMs = startedAt + seconds * 1_000;
  const client = async () => {
    while (performance.now() < untilMs) {
      const askedAt = performance.now();
      await ask((nth += 1));
      tookMs.push(performance.now() - askedAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const sorted = tookMs.toSorted((a, b) => a - b);
  const perSecond = tookMs.length / ((performance.now() - startedAt) / 1_000);
  return {
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    perSecond,
  };
}
