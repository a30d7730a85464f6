import type { CustomerOrdersQuery, SearchQuery } from './port.ts';

/** A customer's orders as a search: the same sort, the same pages, the same cursors. */
export function customerSearch({ customerId, size, cursor }: CustomerOrdersQuery): SearchQuery {
  return { customerId: [customerId], sort: '-placedAt', size, ...(cursor !== undefined && { cursor }) };
}
