import type { FreshnessRecordReader } from './freshness-reader.ts';
import { ifAvailable } from './if-available.ts';
import { inHandElsewhere, type FreshnessRecord } from '../projector/shared-freshness.ts';

export interface InHandSources {
  /** Events that this instance's projector has taken and not settled. */
  readonly own: () => number;
  /** By which that projector is known to the others. */
  readonly instance: () => string;
  /** Epoch ms. */
  readonly now: () => number;
}

/**
 * Tells how many events all projectors have in hand: the broker counts only what waits. Of the others by their last words, which are about
 * a second old. While the index cannot be asked these are soon too old to count, and what is said is this instance's.
 */
export function createInHandReader(
  record: FreshnessRecordReader,
  { own, instance, now }: InHandSources,
): () => Promise<number> {
  let known: FreshnessRecord = { asOf: 0, instances: {} };
  return async () => {
    known = (await ifAvailable(record())) ?? known;
    return own() + inHandElsewhere(known, instance(), now());
  };
}
