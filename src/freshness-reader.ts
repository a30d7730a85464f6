import type { Freshness } from './http/dependencies.ts';
import type { OrderIndex } from './order-index/port.ts';
import { readFreshness } from './projector/shared-freshness.ts';

/** How long what another instance wrote is believed without another look: `asOf` is then a little older than it need be, never newer. */
const RECORD_MAX_AGE_MS = 500;
/** A projector that is further behind may be a passive one: another instance may know better. */
const OWN_IS_ENOUGH_MS = 5_000;

/**
 * Tells how far the index has caught up: the newer of what this instance's projector says and what the projectors have written to
 * `orders-control`; both are true. Before the first heartbeat has come through nothing is promised, and `asOf` is 1970.
 */
export function createFreshnessReader(
  index: Pick<OrderIndex, 'readControl'>,
  local: () => number | undefined,
): () => Promise<Freshness> {
  let record = { asOf: 0, readAt: -Infinity };
  const recorded = async (): Promise<number> => {
    if (performance.now() - record.readAt > RECORD_MAX_AGE_MS) {
      const readAt = performance.now();
      record = { asOf: (await readFreshness(index)).record.asOf, readAt };
    }
    return record.asOf;
  };
  return async () => {
    const own = local() ?? 0;
    const asOf = Date.now() - own < OWN_IS_ENOUGH_MS ? own : Math.max(own, await recorded());
    return { asOf: new Date(asOf).toISOString(), lagSeconds: Math.max(0, Math.round(Date.now() - asOf) / 1_000) };
  };
}
