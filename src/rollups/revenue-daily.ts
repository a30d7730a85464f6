import mapping from '../../mappings/revenue-daily.json' with { type: 'json' };
import type { AggregateDefinition } from '../order-index/aggregates-port.ts';

/** Revenue of a UTC day and a currency, over all sellers. */
export const REVENUE_DAILY: AggregateDefinition = {
  name: 'revenue-daily',
  dimensions: ['day', 'currency'],
  products: false,
  mapping,
};
