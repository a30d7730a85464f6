import { request } from 'node:http';
import { percentile } from '../rebuild/statistics.ts';

/** Milliseconds, and requests a second of all clients together. */
export interface Measured {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly perSecond: number;
}

/** What has been measured of one side so far. */
export interface Sampler {
  /** So many clients, each of which asks again as soon as it is answered. Goes on counting where it was. */
  run(goesOn: () => boolean): Promise<void>;
  measured(): Measured;
  /** Requests that were answered. */
  answered(): number;
}

export function createSampler(clients: number, ask: (nth: number) => Promise<void>): Sampler {
  const tookMs: number[] = [];
  let [nth, seconds] = [0, 0];
  return {
    run: async (goesOn) => {
      const startedAt = performance.now();
      const client = async () => {
        while (goesOn()) {
          const askedAt = performance.now();
          await ask((nth += 1));
          tookMs.push(performance.now() - askedAt);
        }
      };
      await Promise.all(Array.from({ length: clients }, client));
      seconds += (performance.now() - startedAt) / 1_000;
    },
    measured: () => {
      const sorted = tookMs.toSorted((a, b) => a - b);
      const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(sorted, share)) as [number, number, number];
      return { p50, p95, p99, perSecond: tookMs.length / seconds };
    },
    answered: () => tookMs.length,
  };
}

/** So many clients, each of which asks again as soon as it is answered, for a while. */
export async function measure(
  clients: number,
  seconds: number,
  ask: (nth: number) => Promise<void>,
): Promise<Measured> {
  return await measureWhile(within(seconds), clients, ask);
}

/** Like {@link measure}, for as long as something goes on. */
export async function measureWhile(
  goesOn: () => boolean,
  clients: number,
  ask: (nth: number) => Promise<void>,
): Promise<Measured> {
  const sampler = createSampler(clients, ask);
  await sampler.run(goesOn);
  return sampler.measured();
}

/** True for so long from now on. */
export function within(seconds: number): () => boolean {
  const untilMs = performance.now() + seconds * 1_000;
  return () => performance.now() < untilMs;
}

export interface Question {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * Asks, and reads the answer to its end. Over a connection that is kept, as little as a client can do, and without asking for compression,
 * which Elasticsearch would do and the service does not: the one who waits shares the machine with those that are measured.
 * @throws Error unless it is answered with 200
 */
export async function ask(url: string, { method = 'GET', headers = {}, body = '' }: Question = {}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const asked = request(url, { method, headers: { ...headers, ...length } }, (answer) => {
    const parts: Buffer[] = [];
    const { statusCode = 0 } = answer;
    answer.on('data', (part: Buffer) => void parts.push(part));
    answer.on('error', reject);
    answer.on('end', () => {
      if (statusCode === 200) resolve();
      else reject(new Error(`${url} answered ${statusCode}: ${Buffer.concat(parts).toString()}`));
    });
  });
  asked.on('error', reject).end(body);
  await promise;
}
