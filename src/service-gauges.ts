import type { Gauge } from 'prom-client';
import type { Aggregating } from './aggregating.ts';
import type { Backends } from './backends.ts';
import { BrokerUnavailableError } from './broker/port.ts';
import type { Freshness } from './http/dependencies.ts';
import { inTime } from './in-time.ts';
import type { Metrics } from './observability/metrics.ts';
import { IndexUnavailableError } from './order-index/port.ts';
import type { Projector } from './projector/projector.ts';
import type { Rebuilding } from './rebuilding.ts';

/** What the gauges are read from. */
export interface GaugeSources {
  readonly backends: Backends;
  readonly metrics: Metrics;
  readonly rebuilding: Rebuilding;
  readonly aggregating: Aggregating;
  readonly projector?: Projector;
}

/** Shorter than any scrape waits: one that times out has no metric at all, just when they are needed. */
const ANSWER_WITHIN_MS = 2_000;

/**
 * Sets the gauges of what others hold, when they are asked for. What cannot be read then is left out rather than made up; only the lag
 * grows on from what was last known, since nothing gets fresher that nobody can write or read.
 */
export function createGaugeReader(sources: GaugeSources, freshness: () => Promise<Freshness>): () => Promise<void> {
  const { metrics, backends, rebuilding, aggregating } = sources;
  // Before the first heartbeat has come through nothing is known, and a lag since 1970 would only raise an alarm.
  let asOf = 0;
  return async () => {
    const [fresh, waiting, deadLetters, stalled] = await Promise.all([
      known(freshness()),
      known(backends.broker.queueDepth()),
      known(backends.index.countDeadLetters()),
      known(rebuilding.isStalled()),
      known(aggregating.measure()),
    ]);
    asOf = Math.max(asOf, Date.parse(fresh?.asOf ?? '') || 0);
    if (asOf > 0) metrics.lagSeconds.set({ projection: 'orders' }, Math.max(0, Date.now() - asOf) / 1_000);
    const inHand = sources.projector?.inHand() ?? 0;
    setOrLeaveOut(metrics.lagMessages, waiting === undefined ? undefined : waiting + inHand);
    setOrLeaveOut(metrics.deadLetters, deadLetters);
    setOrLeaveOut(metrics.rebuildStalled, stalled === undefined ? undefined : Number(stalled));
  };
}

function setOrLeaveOut(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}

/** Undefined where it cannot be read now: `/health` says why. */
async function known<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await inTime<T | undefined>(answer, ANSWER_WITHIN_MS, undefined);
  } catch (error) {
    if (error instanceof IndexUnavailableError || error instanceof BrokerUnavailableError) return undefined;
    throw error;
  }
}
