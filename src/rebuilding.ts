import { randomUUID } from 'node:crypto';
import type { PartHealth } from './observability/health.ts';
import type { Aggregating } from './aggregating.ts';
import { createAutoRebuild } from './rebuild/auto-rebuild.ts';
import type { Backends } from './backends.ts';
import type { Config } from './config.ts';
import type { HttpDependencies } from './http/dependencies.ts';
import type { Logger } from './observability/logging.ts';
import type { Metrics } from './observability/metrics.ts';
import { DEFAULT_STORAGE_LIMITS } from './order/fold.ts';
import { endingWith } from './back-off/ending.ts';
import { createLease, type Lease } from './order-index/lease.ts';
import { IndexUnavailableError } from './order-index/port.ts';
import { measureRebuilds, observeDuration, type RebuildMeasures } from './rebuild/metrics.ts';
import { fileSource, historySource } from './rebuild/event-source.ts';
import { keepHouse } from './rebuild/housekeeping.ts';
import { createGenerationOperations, createRebuildOperations, runUnderWay } from './rebuild/operations.ts';
import { createRunRecords, type RunRecords } from './rebuild/records.ts';
import { RebuildRunner, type RunnerOptions } from './rebuild/rebuild-runner.ts';
import { BEAT_MS, type RebuildStep } from './rebuild/run-rebuild.ts';

export interface RebuildingDependencies {
  readonly config: Config;
  readonly backends: Backends;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly instance: string;
  readonly aggregating: Pick<Aggregating, 'rollups' | 'projections'>;
  readonly reached: (step: RebuildStep) => Promise<void>;
  /** Aborted when the service stops. */
  readonly stopping: AbortSignal;
}

/** Everything about rebuilds that the rest of the service deals with. */
export interface Rebuilding {
  readonly rebuilds: HttpDependencies['rebuilds'];
  readonly generations: HttpDependencies['generations'];
  /** Runs rebuilds on this instance from now on. */
  start(): void;
  stop(): Promise<void>;
  /**
   * Whether events are being read again that the live generation may lack: its holes are none to declare missing meanwhile. @throws
   * IndexUnavailableError
   */
  isReplaying(): Promise<boolean>;
  /** What a scrape is told; no total before that is known. @throws IndexUnavailableError */
  measure(): Promise<RebuildMeasures>;
  /** What is under way, or why a rebuild is needed. Never throws for an outage: the index says why. */
  health(): Promise<PartHealth>;
}

const LEASE_EXPIRY_MS = 10_000;
const HOUR_MS = 3_600_000;

export function createRebuilding(deps: RebuildingDependencies): Rebuilding {
  const { config, backends, instance, stopping } = deps;
  const { index } = backends;
  const now = () => Date.now();
  const records = createRunRecords({ store: index, writer: `${instance}/${randomUUID()}`, now });
  const lease = createLease({
    ...{ index, instance, name: 'rebuild', expiryMs: LEASE_EXPIRY_MS, renewMs: BEAT_MS },
    clock: () => performance.now(),
  });
  const runner = new RebuildRunner({
    ...runnerOptions(deps),
    ...{ records, lease },
    housekeeping: createHousekeeping({ ...deps, records, lease, start: (request) => rebuilds.start(request) }),
  });
  const operations = {
    ...{ index, records, now, importDir: config.rebuild.importDir, runsElsewhere: config.role === 'api' },
    wake: () => runner.wake(),
    signal: endingWith(stopping, new IndexUnavailableError('the service is stopping')),
  };
  const rebuilds = createRebuildOperations(operations);
  return {
    rebuilds: { ...rebuilds, projections: deps.aggregating.projections },
    generations: createGenerationOperations(operations),
    start: () => runner.start(),
    stop: () => runner.stop(),
    isReplaying: async () => ((await runUnderWay(records, now()))?.source ?? 'index') !== 'index',
    measure: () => measureRebuilds(records, now()),
    health: async () => {
      try {
        return healthOf(await runUnderWay(records, now()), await index.generations.drift());
      } catch (error) {
        if (!(error instanceof IndexUnavailableError)) throw error;
        return { state: 'degraded', reason: `nothing is known of rebuilds: ${error.message}` };
      }
    },
  };
}

/** Also begins the rebuild that the code needs, where it is to begin by itself. */
function createHousekeeping({
  config,
  backends: { index },
  log,
  records,
  lease,
  start,
}: RebuildingDependencies & {
  readonly records: RunRecords;
  readonly lease: Lease;
  readonly start: ReturnType<typeof createRebuildOperations>['start'];
}): () => Promise<void> {
  const now = () => Date.now();
  const standbyTtlMs = config.rebuild.standbyTtlHours * HOUR_MS;
  const isRunning = async () => (await runUnderWay(records, now())) !== undefined;
  const rebuildByItself = createAutoRebuild({ index, start, log, now });
  return async () => {
    await keepHouse({ index, standbyTtlMs, holdsLease: () => lease.hold(), isRunning, now, log });
    const { mapping, reason } = await index.generations.drift();
    if (mapping !== 'rebuild needed') return;
    if (config.rebuild.auto) await rebuildByItself(reason);
    else log.warn({ reason }, 'rebuild needed: the live generation is not what the code makes');
  };
}

function runnerOptions({
  config,
  backends,
  metrics,
  log,
  aggregating: { rollups },
  reached,
}: RebuildingDependencies): Omit<RunnerOptions, 'records' | 'lease' | 'housekeeping'> {
  const { index, broker } = backends;
  const { maxMessageBytes, maxStoredEvents } = config.projector;
  return {
    ...{ index, rollups, log, reached, maxMessageBytes },
    storageLimits: { ...DEFAULT_STORAGE_LIMITS, maxEvents: maxStoredEvents },
    now: () => new Date(),
    openSource: async ({ source, path = '', from }) =>
      source === 'file'
        ? await fileSource(config.rebuild.importDir, path)
        : await historySource(broker, from === undefined ? undefined : new Date(from)),
    onState: (state) => observeDuration(state, metrics),
  };
}

function healthOf(
  run: Awaited<ReturnType<typeof runUnderWay>>,
  drift: { readonly mapping: string; readonly reason?: string },
): PartHealth {
  const details = { drift: drift.mapping, ...(run && { id: run.id, state: run.state, generation: run.generation }) };
  if (run && run.stalled !== null)
    return { state: 'degraded', reason: `the rebuild is held up: ${run.stalled}`, details };
  if (drift.mapping !== 'rebuild needed') return { state: 'up', details };
  const reason = `rebuild needed: ${drift.reason ?? 'the live generation is not what the code makes'}`;
  return { state: run ? 'up' : 'degraded', ...(!run && { reason }), details };
}
