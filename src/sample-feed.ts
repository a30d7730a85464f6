import type { Backends } from './backends.ts';
import type { BrokerLog } from './broker/broker-log.ts';
import { UnroutableError } from './broker/port.ts';
import { streamSamples } from './sample/stream-samples.ts';

export interface SampleFeed {
  /** Resolves when nothing more is published. */
  stop(): Promise<void>;
}

const SEED = 'order-search';
const EVENTS_PER_SECOND = 1;
const BACKFILL_ORDERS = 200;

/**
 * Fills the embedded default with sample orders as if a shop were open: a month of them where there are none yet, then live ones.
 * It ends where BINDING_KEYS leave out what such a shop says; any other failure is a bug, and ends the process as any unhandled
 * rejection does.
 */
export async function startSampleFeed({ broker, index }: Backends, log: Pick<BrokerLog, 'warn'>): Promise<SampleFeed> {
  const stopping = new AbortController();
  const { total } = await index.search({ sort: '-placedAt', size: 1 });
  const running = streamSamples({
    publish: (events) => broker.publish(events),
    seed: SEED,
    ratePerSecond: EVENTS_PER_SECOND,
    backfillOrders: total === 0 ? BACKFILL_ORDERS : 0,
    signal: stopping.signal,
    now: () => new Date(),
  }).catch((error: unknown) => {
    if (!(error instanceof UnroutableError)) throw error;
    log.warn({ reason: error.message }, 'no sample orders come: BINDING_KEYS do not take all of their events');
  });
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
