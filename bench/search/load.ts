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
  const untilMs = performance.now() + seconds * 1_000;
  return await measureWhile(() => performance.now() < untilMs, clients, ask);
}

/** Like {@link measure}, for as long as something goes on. */
export async function measureWhile(
  goesOn: () => boolean,
  clients: number,
  ask: (nth: number) => Promise<void>,
): Promise<Measured> {
  const tookMs: number[] = [];
  let nth = 0;
  const startedAt = performance.now();
  const client = async () => {
    while (goesOn()) {
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

/** @throws Error unless it is answered with 200 and JSON */
export async function ask(url: string, init?: RequestInit): Promise<void> {
  const response = await fetch(url, init);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  await response.json();
}
