import type { PartHealth } from '../observability/health.ts';
import type { Aggregating } from '../aggregating.ts';
import type { Backends } from '../backends.ts';
import type { Config } from '../config.ts';
import type { Freshness } from '../http/dependencies.ts';
import { withTimeout } from './with-timeout.ts';
import { combineHealth, type HealthReport } from '../observability/health.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import { withGaps, type GapMonitor } from '../projector/gap-monitor.ts';
import type { Rebuilding } from '../rebuilding.ts';
import type { Projector } from '../projector/projector.ts';
import type { SilentProjector } from '../projector/shared-freshness.ts';

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

/** What the projectors say to one another. Both reject with IndexUnavailableError. */
export interface SharedKnowledge {
  readonly freshness: () => Promise<Freshness>;
  readonly silentOthers: () => Promise<readonly SilentProjector[]>;
}

/** Shorter than any probe waits: a probe that times out tells nobody why. */
const ANSWER_WITHIN_MS = 2_000;

/** Where the index does not say. */
const UNKNOWN: Readonly<Record<'rebuild' | 'aggregates', PartHealth>> = {
  rebuild: { state: 'degraded', reason: 'nothing is known of rebuilds' },
  aggregates: { state: 'degraded', reason: 'nothing is known of the aggregates' },
};

/** Each part with its state and why. Answers in time, also when a part does not. */
export async function serviceHealth(
  sources: HealthSources,
  { freshness, silentOthers }: SharedKnowledge,
): Promise<HealthReport> {
  if (!sources.isIndexOpen) return startingHealth(sources);
  const { config, backends, waitingFor, projector, gaps, rebuilding, aggregating } = sources;
  const waiting: PartHealth = { state: 'down', reason: waitingFor ?? 'the projector is starting' };
  const [asOf, silent, index, rebuild, aggregates] = await Promise.all([
    withTimeout(
      known(async () => Date.parse((await freshness()).asOf)),
      ANSWER_WITHIN_MS,
      undefined,
    ),
    withTimeout(known(silentOthers), ANSWER_WITHIN_MS, undefined),
    withTimeout(indexHealth(backends.index), ANSWER_WITHIN_MS, {
      state: 'down',
      reason: `the index has not answered within ${ANSWER_WITHIN_MS} ms`,
    }),
    withTimeout(rebuilding.health(), ANSWER_WITHIN_MS, UNKNOWN.rebuild),
    withTimeout(aggregating.health(), ANSWER_WITHIN_MS, UNKNOWN.aggregates),
  ]);
  return combineHealth({
    broker: backends.broker.health(),
    index: config.role === 'api' ? withSilent(index, silent) : index,
    rebuild,
    aggregates,
    ...(config.role !== 'api' && {
      projector: withGaps(withSilent(projector?.health(asOf) ?? waiting, silent), gaps?.summary()),
    }),
  });
}

/** Answers grow older meanwhile, though everything else goes on. */
function withSilent(part: PartHealth, silent: readonly SilentProjector[] = []): PartHealth {
  const [first] = silent;
  if (!first || part.state !== 'up') return part;
  const { id, saidLastAt, waitedForUntil } = first;
  const forSeconds = Math.round((Date.now() - saidLastAt) / 1_000);
  const reason =
    `answers grow older: the projector ${id} has said nothing for ${forSeconds} s, and nobody knows what it had in hand; ` +
    `it is waited for until ${new Date(waitedForUntil).toISOString()}`;
  return { ...part, state: 'degraded', reason };
}

/** Nothing is asked of an index that is being opened: probes that come again and again would open its breaker before it is there. */
function startingHealth({ config, backends, waitingFor }: HealthSources): HealthReport {
  const index: PartHealth = {
    state: 'down',
    reason: waitingFor ?? 'the index has not answered yet: it is being opened',
  };
  const projector: PartHealth = { state: 'down', reason: waitingFor ?? 'the projector is starting' };
  return combineHealth({
    broker: backends.broker.health(),
    index,
    ...UNKNOWN,
    ...(config.role !== 'api' && { projector }),
  });
}

/** Undefined where it cannot be read: the index says why. */
async function known<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof IndexUnavailableError) return undefined;
    throw error;
  }
}

/**
 * With the numbers of dead letters and of parked events, which answers leave out (contract §3); where one cannot be read, the index says
 * why.
 */
async function indexHealth(index: OrderIndex): Promise<PartHealth> {
  const part = await index.health();
  if (part.state === 'down') return part;
  const [deadLetters, parkedEvents] = await Promise.all([
    known(() => index.countDeadLetters()),
    known(() => index.countParked()),
  ]);
  const counts = {
    ...(deadLetters !== undefined && { deadLetters }),
    ...(parkedEvents !== undefined && { parkedEvents }),
  };
  return { ...part, details: { ...part.details, ...counts } };
}
