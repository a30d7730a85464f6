import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { DocumentWrite, OrderIndex } from '../../src/order-index/port.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { foldedOrders } from '../../test/support/folded-orders.ts';
import type { TestBackend } from '../../test/support/test-backend.ts';

const WRITTEN_AT_ONCE = 1_000;

/** The index as a service on this backend has it; not open. */
export function indexOf({ environment, prefix }: TestBackend): OrderIndex {
  return createElasticsearchIndex({
    ...{ nodes: [environment['ELASTICSEARCH_URL'] ?? ''], requestTimeoutMs: 60_000, prefix, bulkConcurrency: 2 },
    ...{ shards: 1, replicas: 0, refreshInterval: '1s', foldVersion: FOLD_VERSION, log: createLogger('silent') },
  });
}

/**
 * The documents of whole histories, as the projector would have written them, past the queue. Returns what was written. @throws Error where
 * one was not
 */
export async function writeOrders(index: OrderIndex, events: readonly CloudEvent[]): Promise<readonly DocumentWrite[]> {
  const writes = foldedOrders(events.map((event) => JSON.stringify(event)));
  for (let at = 0; at < writes.length; at += WRITTEN_AT_ONCE)
    await writeAll(index, writes.slice(at, at + WRITTEN_AT_ONCE));
  return writes;
}

/** @throws Error where a document was not written */
export async function writeAll(index: OrderIndex, writes: readonly DocumentWrite[]): Promise<void> {
  const outcomes = await index.write((await index.registry()).live, writes, 'live');
  const failed = outcomes.find(({ kind }) => kind !== 'written');
  if (failed) throw new Error(`a document was not written: ${JSON.stringify(failed)}`);
}
