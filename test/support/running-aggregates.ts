import assert from 'node:assert/strict';
import { createLogger } from '../../src/observability/logging.ts';
import { createLease } from '../../src/order-index/lease.ts';
import type { AggregateDefinition, OrderIndex } from '../../src/order-index/port.ts';
import { AGGREGATES } from '../../src/rollups/aggregates.ts';
import { createRollupRecords } from '../../src/rollups/records.ts';
import { Refresher } from '../../src/rollups/refresher.ts';
import type { VerifyDependencies } from '../../src/rollups/verify.ts';
import { eventually } from './eventually.ts';

/** Aggregates that are kept up to date in this process, as the service does it. */
export interface RunningAggregates {
  /** What a verification of them needs. */
  readonly verifying: VerifyDependencies;
  /** Resolves once all that is written to the orders by now is counted. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningAggregatesOptions {
  readonly aggregates?: readonly AggregateDefinition[];
  readonly keptFrom?: () => string | undefined;
}

const CAUGHT_UP_WITHIN_MS = 45_000;

/** Resolves once each of them is there. */
export async function startAggregates(
  index: OrderIndex,
  { aggregates = AGGREGATES, keptFrom = () => undefined }: RunningAggregatesOptions = {},
): Promise<RunningAggregates> {
  const records = createRollupRecords(index, 'in process');
  const refresher = new Refresher({
    ...{ index, records, aggregates, intervalMs: 100, log: createLogger('silent'), keptFrom, countedFrom: 0 },
    lease: createLease({
      index,
      instance: 'in process',
      name: 'rollups',
      expiryMs: 10_000,
      renewMs: 2_000,
      clock: () => performance.now(),
    }),
    now: () => Date.now(),
    asOf: () => Promise.resolve('2026-03-31T00:00:00.000Z'),
    isBehind: () => Promise.resolve(false),
    onLead: () => undefined,
    onFailure: () => undefined,
    onRefreshed: () => undefined,
    reached: () => Promise.resolve(),
  });
  refresher.start();
  const wake = () => refresher.wake();
  const caughtUp = async () => {
    const orders = (await index.registry()).live.generation;
    const written = await index.aggregates.source.checkpoint(orders);
    wake();
    await eventually(async () => {
      for (const { name } of aggregates) {
        const { live } = (await records.read(name)).state;
        assert.ok(live?.origin.orders === orders && written.every((at, shard) => (live.checkpoint[shard] ?? -1) >= at));
      }
    }, CAUGHT_UP_WITHIN_MS);
  };
  await caughtUp();
  return { verifying: { index, records, aggregates, keptFrom, wake }, caughtUp, stop: () => refresher.stop() };
}
