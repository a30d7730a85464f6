import type { Backends } from '../backends.ts';
import { isBound } from '../broker/binding-key.ts';
import type { BrokerLog } from '../broker/broker-log.ts';
import { routingKeyOf } from '../broker/routing-key.ts';
import type { Config } from '../config.ts';
import { SAMPLE_TYPES } from '../sample/story.ts';
import { streamSamples } from '../sample/stream-samples.ts';

export interface SampleFeed {
  /** Resolves when nothing more is published. */
  stop(): Promise<void>;
}

const SEED = 'order-search';
const EVENTS_PER_SECOND = 1;
const BACKFILL_ORDERS = 200;

/**
 * Fills the embedded default with sample orders as if a shop were open: a month of them where there are none yet, then live ones.
 * It publishes nothing and returns undefined where BINDING_KEYS leave out any of the shop's events. A failure is a bug, and ends the
 * process as any unhandled rejection does.
 */
export async function startSampleFeed(
  { broker, index }: Backends,
  { bindingKeys }: Pick<Config, 'bindingKeys'>,
  log: Pick<BrokerLog, 'warn'>,
): Promise<SampleFeed | undefined> {
  const leftOut = [...new Set(SAMPLE_TYPES.map(routingKeyOf))].filter((key) => !isBound(bindingKeys, key));
  if (leftOut.length > 0) {
    log.warn({ leftOut }, 'no sample orders come: BINDING_KEYS do not take all of their events');
    return undefined;
  }
  const stopping = new AbortController();
  const { total } = await index.search({ sort: '-placedAt', size: 1 });
  const running = streamSamples({
    publish: (events) => broker.publish(events),
    seed: SEED,
    ratePerSecond: EVENTS_PER_SECOND,
    backfillOrders: total === 0 ? BACKFILL_ORDERS : 0,
    signal: stopping.signal,
    now: () => new Date(),
  });
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
