import type { Aggregates } from '../aggregates-port.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { changed, countKeys, keysAfter, newestEventTime } from './aggregate-changes.ts';
import { checkpoint } from './aggregate-checkpoint.ts';
import { compute } from './aggregate-compute.ts';
import { aggregateGenerations } from './aggregate-generations.ts';
import { aggregateReads } from './aggregate-reads.ts';
import { aggregateRows } from './aggregate-rows.ts';

export function createAggregates(access: AggregateAccess): Aggregates {
  return {
    source: {
      checkpoint: (orders) => checkpoint(access, orders),
      changed: (range) => changed(access, range),
      keys: (page) => keysAfter(access, page),
      countKeys: (orders) => countKeys(access, orders),
      newestEventTime: (orders, notAfter) => newestEventTime(access, orders, notAfter),
      compute: (aggregate, orders, keys) => compute(access, aggregate, orders, keys),
    },
    store: (aggregate) => ({
      ...aggregateGenerations(access, aggregate),
      ...aggregateRows(access, aggregate),
      ...aggregateReads(access, aggregate),
    }),
  };
}
