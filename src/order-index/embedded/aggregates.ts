import type { Aggregates } from '../aggregates-port.ts';
import { aggregateSource } from './aggregate-source.ts';
import { aggregateStore } from './aggregate-store.ts';
import type { Reading } from './store.ts';

/** The port on the file that the orders are in. */
export function embeddedAggregates(reading: Reading, prefix: string): Aggregates {
  return {
    source: aggregateSource(reading),
    store: (aggregate) => aggregateStore(reading, prefix, aggregate),
  };
}
