import mapping from '../../mappings/seller-daily.json' with { type: 'json' };
import type { AggregateDefinition } from '../order-index/aggregates-port.ts';

/** Revenue of a UTC day, a currency and a seller, with the products that were sold. */
export const SELLER_DAILY: AggregateDefinition = {
  name: 'seller-daily',
  dimensions: ['day', 'currency', 'sellerId'],
  products: true,
  mapping,
};
