import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { OrderDocument } from '../../src/order/document.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { assertExactly, drainAndStop, publish, untilDrained } from './drain.ts';
import { startLoad, unrulyEvents, unrulyShare, type LiveLoad } from './live-load.ts';
import { RUNS_LONG_TESTS } from './long-tests.ts';
import { operatorOf, type Operator } from './rebuild-operator.ts';
import { startService, untilReady, type Environment, type RunningService } from './running-service.ts';
import { testBackend, type TestBackend } from './test-backend.ts';
import { watchReads } from './watchful-reader.ts';

export const EVENTS_PER_SECOND = 500;

/** An index of orders that a live load goes on with, and someone who reads all the time. */
export interface UnderLoad {
  readonly backend: TestBackend;
  /** For further processes of the service. */
  readonly environment: Environment;
  /** Serves the reads, and lives through everything; it neither projects nor rebuilds. */
  readonly api: RunningService;
  readonly operator: Operator;
  /** The first one that projects and rebuilds; a test may kill it, and go on with others. */
  readonly service: RunningService;
  /**
   * Ends the load and the reading, lets the last service do the rest and stops it, and judges: what is behind the alias is the fold of all
   * events (those besides that only a file had, too), every write target has the same, nothing waits, nothing was refused.
   */
  judge(last: RunningService, more?: readonly CloudEvent[]): Promise<void>;
  /** Ends what runs still, and deletes everything. */
  remove(): Promise<void>;
}

export interface UnderLoadOptions {
  readonly seed: string;
  /** Of every process. */
  readonly environment?: Environment;
  /** Of the first one besides. */
  readonly first?: Environment;
  /** The load holds still while more events wait; by default it does so in short runs, and is held to its rate in long ones. */
  readonly maxWaiting?: number;
}

const EVENTS_BEFORE = 4_000;
/** What the slowest machine of a CI has to work off in the end. */
const MOST_WAITING = RUNS_LONG_TESTS ? undefined : 3_000;
/** What has piled up while processes were killed or stopped. */
const DRAINED_WITHIN_MS = 300_000;
/** Everything that a reader could see go back is there to be seen soon. */
const READABLE: Environment = { REFRESH_INTERVAL: '100ms', RATE_LIMIT_PER_MINUTE: '0' };

export async function beginUnderLoad(options: UnderLoadOptions): Promise<UnderLoad> {
  const { seed, first, maxWaiting = MOST_WAITING } = options;
  const bare = await testBackend();
  const environment = { ...bare.environment, ...READABLE, ...options.environment };
  const backend = { ...bare, environment };
  const events = unrulyEvents(seed);
  const base = Array.from({ length: EVENTS_BEFORE }, () => events.next().value);
  const [api, service] = await Promise.all([
    startService({ ...environment, ROLE: 'api' }),
    startService({ ...environment, ...first }),
  ]);
  await Promise.all([untilReady(api), untilReady(service)]);
  await publish(backend, base);
  await untilDrained(backend, service);
  const load = await startLoad(backend, events, {
    perSecond: EVENTS_PER_SECOND,
    ...(maxWaiting !== undefined && { maxWaiting }),
  });
  const reader = watchReads(api.url);
  const operator = operatorOf(api);
  return {
    ...{ backend, environment, api, service, operator },
    async judge(last, moreEvents = []) {
      const published = [...base, ...(await loadOf(load, maxWaiting === undefined))];
      await untilDrained(backend, last, DRAINED_WITHIN_MS);
      await reader.stop(erasedOf(published));
      const targets = (await operator.generations()).filter(({ state }) => state === 'live' || state === 'standby');
      await drainAndStop(backend, last);
      await assertExactly(backend, [...published, ...moreEvents]);
      for (const { name } of targets) await assertSameDocuments(backend, name);
    },
    async remove() {
      await Promise.allSettled([load.stop(), reader.stop(new Set())]);
      await Promise.allSettled([api.stop(), service.kill()]);
      await backend.remove();
    },
  };
}

function erasedOf(events: readonly CloudEvent[]): Set<string> {
  return new Set(events.filter(({ type }) => type === 'order.erased.v1').map(({ subject }) => subject));
}

async function loadOf(load: LiveLoad, isHeldToRate: boolean): Promise<readonly CloudEvent[]> {
  const { published, perSecond } = await load.stop();
  // On a slow machine what was published last may not be confirmed for a while.
  if (isHeldToRate) assert.ok(perSecond >= 0.8 * EVENTS_PER_SECOND, `only ${perSecond} events a second`);
  const share = unrulyShare(published);
  assert.ok(share >= 0.2, `only ${share} of them out of order or again`);
  return published;
}

/** A generation has what is behind the alias, but for when it was written. */
async function assertSameDocuments(backend: TestBackend, generation: string): Promise<void> {
  const [live, there] = await Promise.all([backend.documents(), backend.documents(generation)]);
  assert.deepEqual(withoutProjectedAt(there), withoutProjectedAt(live), generation);
}

function withoutProjectedAt(documents: ReadonlyMap<string, OrderDocument>) {
  return [...documents.values()].map(({ projectedAt: _, ...rest }) => rest);
}

/**
 * Below those that connections, and servers that leave it to the system, are given: one of these may be taken at any moment. Away from
 * those of test services too, and what they add to them.
 */
const FREE_PORTS = { from: 22_000, to: 25_000 };

/** For processes that come after each other. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FREE_PORTS.from, FREE_PORTS.to);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
}
