import { passed } from '../back-off/pause.ts';
import type { OutgoingEvent } from '../broker/port.ts';
import { outgoingOf } from './cloud-event.ts';
import type { CloudEvent } from './cloud-event.ts';
import { inOrderOfTime, runOf, sampleHistory, sampleOrder } from './sample-history.ts';

export interface StreamOptions {
  readonly publish: (events: readonly OutgoingEvent[]) => Promise<void>;
  readonly seed: string | number;
  /** Events a second, while it is live. */
  readonly ratePerSecond: number;
  /** Orders of the last 30 days to begin with; 0 where there are orders already. */
  readonly backfillOrders: number;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** Days become minutes: an order is shipped about a minute after it was placed. */
const LIVE_SPEED = 1_500;

/**
 * Publishes sample orders as if a shop were open: a backfill in one publication, then live events one by one, each at its time. Every
 * start has order ids of its own. Resolves once the signal is aborted; rejects as `publish` does.
 */
export async function streamSamples(options: StreamOptions): Promise<void> {
  const { publish, seed, ratePerSecond, backfillOrders, signal, now } = options;
  const startedAt = now();
  if (backfillOrders > 0 && !signal.aborted) {
    await publish(inOrderOfTime(sampleHistory(seed, backfillOrders, startedAt)).map(outgoingOf));
  }
  const live = liveEvents(seed, runOf(startedAt), backfillOrders);
  while (await passed(1_000 / ratePerSecond, signal)) await publish([outgoingOf(live(now().getTime()))]);
}

/** What happens next: the event that is due longest, or else a new order. */
function liveEvents(seed: string | number, run: string, firstIndex: number): (nowMs: number) => CloudEvent {
  let index = firstIndex;
  let coming: CloudEvent[] = [];
  return (nowMs) => {
    const [due] = coming;
    if (due && Date.parse(due.time) <= nowMs) {
      coming.shift();
      return due;
    }
    const [first, ...others] = inOrderOfTime([sampleOrder(seed, run, index, nowMs, LIVE_SPEED)]);
    if (!first) throw new Error('a sample order without events');
    index += 1;
    coming = [...inOrderOfTime([coming, others])];
    return first;
  };
}
