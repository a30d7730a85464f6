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
import { createRollupOperations } from './rollups/operations.ts';
import { createAggregateReader, type AggregateProgress, type AggregateReader } from './rollups/reader.ts';
import { createRollupRecords, type RollupRecords } from './rollups/records.ts';
import { Refresher, RENEW_MS } from './rollups/refresher.ts';
import { wholeFrom, type RollupState } from './rollups/state.ts';
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
  /** Never throws for the world's fault: the index says why. */
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
  let measured: Awaited<ReturnType<typeof eachState>> = [];
  const eachState = async () => await Promise.all(names.map(async (name) => [name, await stateOf(name)] as const));
  return {
    reads: createAggregateReader({ stores: index.aggregates, progress }),
    rollups: createRollupOperations({ records, index, aggregates: names, wake: () => refresher.wake() }),
    projections: names,
    verify: (signal) => verify({ index, records, aggregates, keptFrom, wake: () => refresher.wake() }, signal),
    start: () => refresher.start(),
    stop: () => refresher.stop(),
    health: () => health(eachState, Math.max(SILENT_MS, 4 * intervalMs), failures),
    measure: async () => {
      try {
        measured = await eachState();
      } finally {
        // What cannot be read now gets no fresher meanwhile.
        for (const [name, state] of measured) observe(name, state, lateGraceSeconds, metrics);
      }
    },
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

/** A rate does not see a counter that begins at 1, and whether a lag is long depends on the interval. */
function beginMeasuring(
  aggregates: readonly AggregateDefinition[],
  { role, rollups: { intervalMs } }: Config,
  { updates, updateErrors, rollupIntervalSeconds, rollupLeader }: Metrics,
): void {
  // From before the index has been reached: an alert does not see what is not said.
  if (role !== 'api') rollupLeader.set(0);
  for (const { name: projection } of aggregates) {
    rollupIntervalSeconds.set({ projection }, intervalMs / 1_000);
    updates.inc({ projection, outcome: 'applied' }, 0);
    for (const reason of ['unavailable', 'failed']) updateErrors.inc({ projection, reason }, 0);
  }
}

/** RFC 3339, in event time. */
function watermarkOf({ newestEventTime }: RollupState, lateGraceSeconds: number): string | undefined {
  if (newestEventTime === undefined) return undefined;
  return new Date(Date.parse(newestEventTime) - lateGraceSeconds * 1_000).toISOString();
}

function observe(projection: string, state: RollupState, lateGraceSeconds: number, metrics: Metrics): void {
  const watermark = watermarkOf(state, lateGraceSeconds);
  const asOf = Date.parse(state.live?.asOf ?? '');
  if (watermark !== undefined) metrics.watermarkSeconds.set({ projection }, Date.parse(watermark) / 1_000);
  // Before the first heartbeat has come through nothing is known, and a lag since 1970 would only raise an alarm.
  if (asOf > 0) metrics.lagSeconds.set({ projection }, Math.max(0, (Date.now() - asOf) / 1_000));
  else metrics.lagSeconds.remove({ projection });
}

async function health(
  states: () => Promise<readonly NamedState[]>,
  silentMs: number,
  failures: ReadonlyMap<string, string>,
): Promise<PartHealth> {
  try {
    const known = await states();
    const details = Object.fromEntries(known.map(([name, state]) => [name, detailsOf(state)]));
    const [reason] = known.flatMap((one) => staleness(one, silentMs, failures) ?? []);
    return reason === undefined ? { state: 'up', details } : { state: 'degraded', reason, details };
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) throw error;
    return { state: 'degraded', reason: `nothing is known of the aggregates: ${error.message}` };
  }
}

type NamedState = readonly [name: string, state: RollupState];

/** What keeps readers from the newest of an aggregate, if anything. */
function staleness(
  [name, { live, building }]: NamedState,
  silentMs: number,
  failures: ReadonlyMap<string, string>,
): string | undefined {
  const failure = failures.get(name);
  if (!live) {
    if (!building) return `${name} is not there yet: it is built once the orders are folded by the present code`;
    return `${name} is being built for the first time${failure === undefined ? '' : `, and it fails: ${failure}`}`;
  }
  const silentForMs = Date.now() - live.refreshedAt;
  if (silentForMs >= silentMs) {
    const why = failure ?? 'no projector leads, or Elasticsearch does not let it';
    return `${name} was not refreshed for ${Math.round(silentForMs / 1_000)} s: ${why}`;
  }
  return failure === undefined ? undefined : `the last turn of ${name} has failed: ${failure}`;
}

function detailsOf({ live, building }: RollupState) {
  return {
    ...(live && { generation: live.generation, asOf: live.asOf }),
    ...(building && {
      building: { generation: building.generation, processed: building.processed, total: building.total },
    }),
  };
}

/** Of each name by itself. */
function remembering<T>(names: readonly string[], read: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const readers = new Map(names.map((name) => [name, cachedRead(() => read(name))]));
  return (name) => readers.get(name)?.() ?? read(name);
}
