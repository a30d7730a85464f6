import type { Config } from '../config.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { AggregateDefinition } from '../order-index/port.ts';
import { watermarkOf, type RollupState } from './state.ts';

/** Sets counters to 0, since a rate does not see one that begins at 1, and the interval, by which an alert tells whether a lag is long. */
export function beginMeasuring(
  aggregates: readonly AggregateDefinition[],
  { role, rollups: { intervalMs } }: Config,
  { updates, updateErrors, rollupIntervalSeconds, rollupLeader }: Metrics,
): void {
  // Before the index has been reached: an alert does not see a metric that is not there.
  if (role !== 'api') rollupLeader.set(0);
  for (const { name: projection } of aggregates) {
    rollupIntervalSeconds.set({ projection }, intervalMs / 1_000);
    updates.inc({ projection, outcome: 'applied' }, 0);
    for (const reason of ['unavailable', 'failed']) updateErrors.inc({ projection, reason }, 0);
  }
}

/**
 * Sets the gauges of each aggregate's lag and watermark. What cannot be read now, or not soon enough for who asks, gets no fresher
 * meanwhile: its lag is told from what was read last.
 */
export function measuring(
  read: () => Promise<readonly (readonly [projection: string, state: RollupState])[]>,
  lateGraceSeconds: number,
  metrics: Metrics,
): () => Promise<void> {
  let known: Awaited<ReturnType<typeof read>> = [];
  const observeAll = () => {
    for (const [projection, state] of known) observeRollup(projection, state, lateGraceSeconds, metrics);
  };
  return async () => {
    observeAll();
    known = await read();
    observeAll();
  };
}

function observeRollup(projection: string, state: RollupState, lateGraceSeconds: number, metrics: Metrics): void {
  const watermark = watermarkOf(state, lateGraceSeconds);
  const asOf = Date.parse(state.live?.asOf ?? '');
  if (watermark !== undefined) metrics.watermarkSeconds.set({ projection }, Date.parse(watermark) / 1_000);
  // Before the first heartbeat has come through nothing is known, and a lag since 1970 would only raise an alarm.
  if (asOf > 0) metrics.lagSeconds.set({ projection }, Math.max(0, (Date.now() - asOf) / 1_000));
  else metrics.lagSeconds.remove({ projection });
}
