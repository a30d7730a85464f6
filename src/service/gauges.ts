import type { Gauge } from 'prom-client';
import type { Aggregating } from '../aggregating.ts';
import type { Backends } from '../backends.ts';
import type { Freshness } from '../http/dependencies.ts';
import { ifAvailable } from './if-available.ts';
import type { LagRecorder } from './lag-recorder.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Rebuilding } from '../rebuilding.ts';

/** What the gauges are read from. */
export interface GaugeSources {
  readonly backends: Backends;
  readonly metrics: Metrics;
  readonly rebuilding: Rebuilding;
  readonly aggregating: Aggregating;
  /** Events that the projectors have taken and not settled, all of them. */
  readonly inHand: () => Promise<number>;
  /** Knows the newest `asOf` also where nobody has scraped for long. */
  readonly lag: Pick<LagRecorder, 'asOf'>;
}

/**
 * Sets the gauges of what others hold, when they are asked for. What cannot be read then is left out rather than made up; only the lag
 * grows on from what was last known, since nothing gets fresher that nobody can write or read.
 */
export function createGaugeReader(sources: GaugeSources, freshness: () => Promise<Freshness>): () => Promise<void> {
  const { metrics, backends, rebuilding, aggregating } = sources;
  // A 0 would say that none waits; only a projector looks, and says so from its first look on.
  for (const gauge of [metrics.oldestParkedSeconds, metrics.gappedOrders]) gauge.remove();
  // Before the first heartbeat has come through nothing is known, and a lag since 1970 would only raise an alarm.
  let asOf = 0;
  return async () => {
    const [fresh, waiting, inHand, deadLetters, parked, rebuilds] = await Promise.all([
      ifAvailable(freshness()),
      ifAvailable(backends.broker.queueDepth()),
      sources.inHand(),
      ifAvailable(backends.index.countDeadLetters()),
      ifAvailable(backends.index.countParked()),
      ifAvailable(rebuilding.measure()),
      ifAvailable(aggregating.measure()),
    ]);
    asOf = Math.max(asOf, sources.lag.asOf, Date.parse(fresh?.asOf ?? '') || 0);
    if (asOf > 0) metrics.lagSeconds.set({ projection: 'orders' }, Math.max(0, Date.now() - asOf) / 1_000);
    setOrLeaveOut(metrics.lagMessages, waiting === undefined ? undefined : waiting + inHand);
    setOrLeaveOut(metrics.deadLetters, deadLetters);
    setOrLeaveOut(metrics.parkedEvents, parked);
    setOrLeaveOut(metrics.rebuildStalled, rebuilds && Number(rebuilds.isStalled));
    setOrLeaveOut(metrics.rebuildProcessed, rebuilds?.processed);
    setOrLeaveOut(metrics.rebuildTotal, rebuilds?.total ?? undefined);
  };
}

function setOrLeaveOut(gauge: Gauge, value: number | undefined): void {
  if (value === undefined) gauge.remove();
  else gauge.set(value);
}
