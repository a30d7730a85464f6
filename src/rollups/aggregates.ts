import type { AggregateDefinition } from '../order-index/port.ts';
import { REVENUE_DAILY } from './revenue-daily.ts';
import { SELLER_DAILY } from './seller-daily.ts';

/** All that are kept. A further one is a file like these, its mapping, and its place here. */
export const AGGREGATES: readonly AggregateDefinition[] = [REVENUE_DAILY, SELLER_DAILY];
