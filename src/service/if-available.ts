import { BrokerUnavailableError } from '../broker/port.ts';
import { withTimeout } from './with-timeout.ts';
import { IndexUnavailableError } from '../order-index/port.ts';

/** Shorter than any scrape waits: one that times out has no metric at all, just when they are needed. */
const ANSWER_WITHIN_MS = 2_000;

/** Undefined in an outage of the index or the broker, or where the answer takes too long: `/health` says why. Any other error is thrown. */
export async function ifAvailable<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await withTimeout<T | undefined>(answer, ANSWER_WITHIN_MS, undefined);
  } catch (error) {
    if (error instanceof IndexUnavailableError || error instanceof BrokerUnavailableError) return undefined;
    throw error;
  }
}
