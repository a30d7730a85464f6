import { cachedRead } from './cached-read.ts';
import type { Freshness } from '../http/dependencies.ts';
import { withTimeout } from './with-timeout.ts';
import type { OrderIndex } from '../order-index/port.ts';
import { isFarAhead, readFreshness, type FreshnessRecord } from '../projector/shared-freshness.ts';
import type { SilenceWatch } from '../projector/silence-watch.ts';

/** A projector that is further behind may be a passive one: another instance may know better. */
const OWN_IS_ENOUGH_MS = 5_000;

/** What the projectors have written to `orders-control`. Rejects with IndexUnavailableError. */
export type FreshnessRecordReader = () => Promise<FreshnessRecord>;

/** One for all of an instance that goes by the record. `silence` learns from what is read, where no projector tells it more. */
export function createFreshnessRecord(
  index: Pick<OrderIndex, 'readControl'>,
  silence?: SilenceWatch,
): FreshnessRecordReader {
  const read = async () => (await readFreshness(index)).record;
  return cachedRead(silence === undefined ? read : () => silence.accessing(read));
}

/** Longer than Elasticsearch takes while it answers at all. */
const ANSWER_WITHIN_MS = 1_000;

/**
 * Tells how far the index has caught up: the newer of what this instance's projector says and what the projectors have written to
 * `orders-control`; both are true. Before the first heartbeat has come through nothing is promised, and `asOf` is 1970. Where the record
 * takes too long it is what the record last said, which is true for good: readers wait for what they ask for, and not for this.
 */
export function createFreshnessReader(
  record: FreshnessRecordReader,
  local: () => number | undefined,
  answerWithinMs = ANSWER_WITHIN_MS,
): () => Promise<Freshness> {
  let known = 0;
  const shared = async (): Promise<number> => {
    // Ahead of the clock, which was put back since, it is known no more.
    if (isFarAhead(known, Date.now())) known = 0;
    const reading = record().then(({ asOf }) => (known = Math.max(known, asOf)));
    return known === 0 ? await reading : await withTimeout(reading, answerWithinMs, known);
  };
  return async () => {
    const own = local() ?? 0;
    const asOf = Date.now() - own < OWN_IS_ENOUGH_MS ? own : Math.max(own, await shared());
    return { asOf: new Date(asOf).toISOString(), lagSeconds: Math.max(0, Math.round(Date.now() - asOf) / 1_000) };
  };
}
