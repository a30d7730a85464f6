import { rememberBriefly } from './briefly-remembered.ts';
import type { Freshness } from './http/dependencies.ts';
import type { OrderIndex } from './order-index/port.ts';
import { readFreshness, type FreshnessRecord } from './projector/shared-freshness.ts';

/** A projector that is further behind may be a passive one: another instance may know better. */
const OWN_IS_ENOUGH_MS = 5_000;

/** What the projectors have written to `orders-control`. Rejects with IndexUnavailableError. */
export type FreshnessRecordReader = () => Promise<FreshnessRecord>;

/** One for all of an instance that goes by the record. */
export function createFreshnessRecord(index: Pick<OrderIndex, 'readControl'>): FreshnessRecordReader {
  return rememberBriefly(async () => (await readFreshness(index)).record);
}

/**
 * Tells how far the index has caught up: the newer of what this instance's projector says and what the projectors have written to
 * `orders-control`; both are true. Before the first heartbeat has come through nothing is promised, and `asOf` is 1970.
 */
export function createFreshnessReader(
  record: FreshnessRecordReader,
  local: () => number | undefined,
): () => Promise<Freshness> {
  return async () => {
    const own = local() ?? 0;
    const asOf = Date.now() - own < OWN_IS_ENOUGH_MS ? own : Math.max(own, (await record()).asOf);
    return { asOf: new Date(asOf).toISOString(), lagSeconds: Math.max(0, Math.round(Date.now() - asOf) / 1_000) };
  };
}
