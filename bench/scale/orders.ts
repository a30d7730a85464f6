import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import type { OrderIndex } from '../../src/order-index/port.ts';
import type { TestBackend } from '../../test/support/test-backend.ts';
import type { Leftovers } from '../support/leftovers.ts';
import { writeOrders } from '../support/filled-index.ts';
import { startOwnService } from '../support/own-service.ts';
import { PART, partOf } from './datasets.ts';

/** One makes documents while those of the other are being written. */
const LANES = 2;
const TOLD_EVERY = 50;
const LOOK_MS = 500;
const MERGED_WITHIN_MS = 60_000;
const AGGREGATED_WITHIN_MS = 4 * 60_000;

/**
 * Adds the parts from `from` to before `to` to the index, past the queue, as fast as can be; then everything is visible, and no merge goes
 * on.
 */
export async function fill(client: Client, index: OrderIndex, alias: string, from: number, to: number): Promise<void> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const refreshEvery = (refresh_interval: string) =>
    client.indices.putSettings({ index: alias, settings: { refresh_interval } });
  await refreshEvery('-1');
  let next = from;
  const lane = async () => {
    while (next < to) {
      const part = (next += 1) - 1;
      await writeOrders(index, partOf(part));
      await turn();
      if ((part + 1) % TOLD_EVERY === 0)
        console.error(`${(part + 1) * PART} of ${to * PART} orders are in the index, ${seconds().toFixed(0)} s`);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await refreshEvery('1s');
  await client.indices.refresh({ index: alias });
  const mergedBy = performance.now() + MERGED_WITHIN_MS;
  while ((await mergesOf(client, alias)) > 0 && performance.now() < mergedBy) await delay(LOOK_MS);
  console.error(`${to * PART} orders are in the index and merged, ${seconds().toFixed(0)} s`);
}

async function mergesOf(client: Client, index: string): Promise<number> {
  const { _all: all } = await client.indices.stats({ index, metric: 'merge' });
  return all.primaries?.merges?.current ?? 0;
}

interface Health {
  readonly parts: { readonly aggregates: { readonly details?: Readonly<Record<string, { readonly asOf?: string }>> } };
}

/**
 * A service counts what was written past it: what is measured afterwards does not pay for that. False where it was not done in time, and
 * goes on beside whatever is measured.
 */
export async function aggregate(leftovers: Leftovers, backend: TestBackend): Promise<boolean> {
  const startedAt = Date.now();
  const service = await startOwnService(leftovers, { ...backend.environment, ROLE: 'projector' });
  const hasAll = async () => {
    const { body } = await service.get<Health>('/health');
    const asOfs = Object.values(body.parts.aggregates.details ?? {}).map(({ asOf = '' }) => Date.parse(asOf));
    return asOfs.length > 0 && asOfs.every((asOf) => asOf >= startedAt);
  };
  try {
    let isDone = false;
    while (!isDone && Date.now() - startedAt < AGGREGATED_WITHIN_MS) {
      await delay(LOOK_MS);
      isDone = await hasAll();
    }
    console.error(
      `the aggregates ${isDone ? '' : 'do not '}have all, ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`,
    );
    return isDone;
  } finally {
    await service.stop();
  }
}
