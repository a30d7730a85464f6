import type { PartHealth } from './observability/health.ts';
import type { Aggregating } from './aggregating.ts';
import type { Backends } from './backends.ts';
import type { Config } from './config.ts';
import type { Freshness } from './http/dependencies.ts';
import { inTime } from './in-time.ts';
import { combineHealth, type HealthReport } from './observability/health.ts';
import { IndexUnavailableError, type OrderIndex } from './order-index/port.ts';
import { withGaps, type GapMonitor } from './projector/gap-monitor.ts';
import type { Rebuilding } from './rebuilding.ts';
import type { Projector } from './projector/projector.ts';

/** What of the service its health is made of. */
export interface HealthSources {
  readonly config: Config;
  readonly backends: Backends;
  readonly waitingFor: string | undefined;
  readonly isIndexOpen: boolean;
  readonly projector?: Projector;
  readonly gaps?: GapMonitor;
  readonly rebuilding: Rebuilding;
  readonly aggregating: Aggregating;
}

/** Shorter than any probe waits: a probe that times out tells nobody why. */
const ANSWER_WITHIN_MS = 2_000;

/** Each part with its state and why. Answers in time, also when a part does not. */
export async function serviceHealth(
  sources: HealthSources,
  freshness: () => Promise<Freshness>,
): Promise<HealthReport> {
  if (!sources.isIndexOpen) return startingHealth(sources);
  const { config, backends, waitingFor, projector, gaps, rebuilding, aggregating } = sources;
  const waiting: PartHealth = { state: 'down', reason: waitingFor ?? 'the projector is starting' };
  const [asOf, index, rebuild, aggregates] = await Promise.all([
    inTime(knownFreshness(freshness), ANSWER_WITHIN_MS, undefined),
    inTime(indexHealth(backends.index), ANSWER_WITHIN_MS, {
      state: 'down',
      reason: `the index has not answered within ${ANSWER_WITHIN_MS} ms`,
    }),
    inTime<PartHealth>(rebuilding.health(), ANSWER_WITHIN_MS, {
      state: 'degraded',
      reason: 'nothing is known of rebuilds',
    }),
    inTime<PartHealth>(aggregating.health(), ANSWER_WITHIN_MS, {
      state: 'degraded',
      reason: 'nothing is known of the aggregates',
    }),
  ]);
  return combineHealth({
    broker: backends.broker.health(),
    index,
    rebuild,
    aggregates,
    ...(config.role !== 'api' && { projector: withGaps(projector?.health(asOf) ?? waiting, gaps?.summary()) }),
  });
}

/** Nothing is asked of an index that is being opened: probes that come again and again would open its breaker before it is there. */
function startingHealth({ config, backends, waitingFor }: HealthSources): HealthReport {
  const index: PartHealth = {
    state: 'down',
    reason: waitingFor ?? 'the index has not answered yet: it is being opened',
  };
  const projector: PartHealth = { state: 'down', reason: waitingFor ?? 'the projector is starting' };
  return combineHealth({ broker: backends.broker.health(), index, ...(config.role !== 'api' && { projector }) });
}

/** Epoch milliseconds; undefined where it cannot be read: the index says why. */
async function knownFreshness(freshness: () => Promise<Freshness>): Promise<number | undefined> {
  try {
    return Date.parse((await freshness()).asOf);
  } catch (error) {
    if (error instanceof IndexUnavailableError) return undefined;
    throw error;
  }
}

/** With the number of dead letters, which answers leave out (contract §3); where it cannot be read, the index says why. */
async function indexHealth(index: OrderIndex): Promise<PartHealth> {
  const part = await index.health();
  if (part.state === 'down') return part;
  const deadLetters = await index.countDeadLetters().catch((error: unknown) => {
    if (!(error instanceof IndexUnavailableError)) throw error;
    return undefined;
  });
  return { ...part, details: { ...part.details, ...(deadLetters !== undefined && { deadLetters }) } };
}
