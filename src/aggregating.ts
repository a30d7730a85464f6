import { randomUUID } from 'node:crypto';
import type { PartHealth } from './observability/health.ts';
import type { Backends } from './backends.ts';
import { cachedRead } from './service/cached-read.ts';
import type { Config } from './config.ts';
import type { Freshness } from './http/dependencies.ts';
import type { Logger } from './observability/logging.ts';
import type { Metrics } from './observability/metrics.ts';
import { dayOf, plusDays } from './order/day.ts';
import { createLease } from './order-index/lease.ts';
import { AggregateMovedError, IndexUnavailableError, type AggregateDefinition } from './order-index/port.ts';
import type { RebuildRollups } from './rebuild/state.ts';
import { AGGREGATES } from './rollups/aggregates.ts';
import { rollupsHealth } from './rollups/health.ts';
import { beginMeasuring, measuring } from './rollups/metrics.ts';
import { createRollupOperations } from './rollups/operations.ts';
import { createAggregateReader, type AggregateProgress, type AggregateReader } from './rollups/reader.ts';
import { createRollupRecords, type RollupRecords } from './rollups/records.ts';
import { Refresher, RENEW_MS } from './rollups/refresher.ts';
import { watermarkOf, wholeFrom } from './rollups/state.ts';
import { verify, type Verified } from './rollups/verify.ts';
import type { RollupStep } from './rollups/turn.ts';

export interface AggregatingDependencies {
  readonly config: Config;
  readonly backends: Backends;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** The same after a restart. */
  readonly instance: string;
  readonly freshness: () => Promise<Freshness>;
  readonly reached: (step: RollupStep) => Promise<void>;
  /** Told of event times that whoever refreshed has seen. */
  readonly sawEventTime: (time: string) => void;
  readonly aggregates?: readonly AggregateDefinition[];
}

/** Everything about the aggregates that the rest of the service deals with. */
export interface Aggregating {
  readonly reads: AggregateReader;
  readonly rollups: RebuildRollups;
  /** Those of the aggregates, beside `orders`. */
  readonly projections: readonly string[];
  /** Refreshes them from now on, whenever no other instance does. */
  start(): void;
  stop(): Promise<void>;
  verify(signal: AbortSignal): AsyncIterable<Verified>;
  /** Never throws for an outage of the index: the index says why. */
  health(): Promise<PartHealth>;
  /** Sets the gauges of lag and watermark. @throws IndexUnavailableError */
  measure(): Promise<void>;
}

const LEASE_EXPIRY_MS = 10_000;
/** The first fold version whose documents say what they contribute. */
const COUNTED_FROM = 5;
const SILENT_MS = 30_000;
/** An index that takes its heartbeats lags a second or two. */
const BEHIND_SECONDS = 4;

export function createAggregating(deps: AggregatingDependencies): Aggregating {
  const { config, backends, metrics, instance, aggregates = AGGREGATES } = deps;
  const { index } = backends;
  const { intervalMs, retentionDays, lateGraceSeconds } = config.rollups;
  const records = createRollupRecords(index, `${instance}/${randomUUID()}`);
  const keptFrom = () =>
    retentionDays === undefined ? undefined : plusDays(dayOf(new Date().toISOString()), -retentionDays);
  beginMeasuring(aggregates, config, metrics);
  const { refresher, failures } = createRefresher(deps, records, aggregates, keptFrom);
  const names = aggregates.map(({ name }) => name);
  const stateOf = remembering(names, async (name) => {
    const { state } = await records.read(name);
    if (state.newestEventTime !== undefined) deps.sawEventTime(state.newestEventTime);
    return state;
  });
  const progress = async (name: string): Promise<AggregateProgress | undefined> => {
    const state = await stateOf(name);
    if (!state.live) return undefined;
    const { asOf, wholeFrom: from } = state.live;
    // What another instance was told not to keep, or this one before, is not there.
    return { asOf, watermark: watermarkOf(state, lateGraceSeconds), keptFrom: wholeFrom(from, keptFrom()).wholeFrom };
  };
  const eachState = async () => await Promise.all(names.map(async (name) => [name, await stateOf(name)] as const));
  return {
    reads: createAggregateReader({ stores: index.aggregates, progress }),
    rollups: createRollupOperations({ records, index, aggregates: names, wake: () => refresher.wake() }),
    projections: names,
    verify: (signal) => verify({ index, records, aggregates, keptFrom, wake: () => refresher.wake() }, signal),
    start: () => refresher.start(),
    stop: () => refresher.stop(),
    health: () => rollupsHealth(eachState, Math.max(SILENT_MS, 4 * intervalMs), failures),
    measure: measuring(eachState, lateGraceSeconds, metrics),
  };
}

interface Refreshing {
  readonly refresher: Refresher;
  /** Why the last turn of an aggregate has failed, where that was no outage; of none while another instance leads. */
  readonly failures: ReadonlyMap<string, string>;
}

function createRefresher(
  { config, backends: { index }, metrics, log, instance, freshness, reached }: AggregatingDependencies,
  records: RollupRecords,
  aggregates: readonly AggregateDefinition[],
  keptFrom: () => string | undefined,
): Refreshing {
  const failures = new Map<string, string>();
  const refresher = new Refresher({
    ...{ index, records, aggregates, intervalMs: config.rollups.intervalMs, log, keptFrom, reached },
    countedFrom: COUNTED_FROM,
    now: () => Date.now(),
    asOf: async () => (await freshness()).asOf,
    isBehind: async () => (await freshness()).lagSeconds > BEHIND_SECONDS,
    lease: createLease({
      ...{ index, instance, name: 'rollups', expiryMs: LEASE_EXPIRY_MS, renewMs: RENEW_MS },
      clock: () => performance.now(),
    }),
    onLead: (leads) => {
      metrics.rollupLeader.set(Number(leads));
      if (!leads) failures.clear();
    },
    onWritten: (projection, rows) => metrics.updates.inc({ projection, outcome: 'applied' }, rows),
    onRefreshed: (projection) => failures.delete(projection),
    onFailure: (projection, error) => {
      if (error instanceof AggregateMovedError) return;
      const isOutage = error instanceof IndexUnavailableError;
      if (!isOutage) failures.set(projection, error instanceof Error ? error.message : String(error));
      const reason = isOutage ? 'unavailable' : 'failed';
      metrics.updateErrors.inc({ projection, reason });
    },
  });
  return { refresher, failures };
}

/** Of each name by itself. */
function remembering<T>(names: readonly string[], read: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const readers = new Map(names.map((name) => [name, cachedRead(() => read(name))]));
  return (name) => readers.get(name)?.() ?? read(name);
}
