import { setTimeout as delay } from 'node:timers/promises';
import { BrokerUnavailableError } from '../broker/port.ts';
import type { Logger } from '../observability/logging.ts';
import { IndexUnavailableError } from '../order-index/port.ts';

/** A service that starts. */
interface Starting {
  /** What the start is held up by, and why. */
  waitingFor: string | undefined;
  readonly stopping: AbortController;
  readonly deps: { readonly log: Pick<Logger, 'warn'> };
}

const OPEN_RETRY_MS = 2_000;

/**
 * An outage at start is waited out; a mistake that only an operator can mend is thrown. What is waited for is told by whose outage it is.
 */
export async function untilAvailable(service: Starting, open: () => Promise<void>): Promise<void> {
  let told: string | undefined;
  for (;;) {
    try {
      await open();
      service.waitingFor = undefined;
      return;
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError) && !(error instanceof IndexUnavailableError)) throw error;
      const what = error instanceof BrokerUnavailableError ? 'the broker' : 'the index';
      if (told !== what) service.deps.log.warn({ reason: error.message }, `waiting for ${what}`);
      told = what;
      service.waitingFor = `waiting for ${what}: ${error.message}`;
    }
    await delay(OPEN_RETRY_MS, undefined, { signal: service.stopping.signal });
  }
}
