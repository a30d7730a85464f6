import { backOff } from '../back-off/back-off.ts';
import { IndexUnavailableError } from '../order-index/port.ts';

const BACK_OFF = { firstMs: 200, capMs: 5_000 };
/** Longer than an Elasticsearch takes to start again. */
const PATIENCE_MS = 30_000;

/**
 * Asks again for up to half a minute while the index is away: to begin the whole action again, which reads its source from the beginning
 * once more, may take longer than it is until the next hiccup.
 * @throws IndexUnavailableError where that lasts longer, the signal's reason
 */
export async function throughShortOutage<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof IndexUnavailableError) || performance.now() > until) throw error;
    }
    await backOff(attempt, BACK_OFF, signal);
  }
}
