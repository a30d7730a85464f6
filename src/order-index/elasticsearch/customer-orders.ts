import type { estypes } from '@elastic/elasticsearch';
import type { CurrencyTotals, CustomerOrdersPage, CustomerOrdersQuery } from '../port.ts';
import { customerSearch } from '../customer-search.ts';
import { MAX_CURRENCIES, wholeSum } from './aggregate-access.ts';
import { asked, pageOf, send } from './search.ts';
import type { Searching } from './search.ts';
import { searchRequest } from './search-query.ts';

const SUMS = ['totalCents', 'paidCents', 'refundedCents'] as const;

type Sums = Readonly<Record<(typeof SUMS)[number], { readonly value: number | null }>>;

interface TotalsAggregation {
  readonly totals: { readonly buckets: readonly ({ readonly key: string; readonly doc_count: number } & Sums)[] };
}

/** @throws InvalidCursorError, IndexUnavailableError */
export async function customerOrders(
  searching: Searching,
  query: CustomerOrdersQuery,
  signal?: AbortSignal,
): Promise<CustomerOrdersPage> {
  const search = customerSearch(query);
  const request = { ...searchRequest(search), aggs: { totals: TOTALS } };
  const answer = await asked(searching, signal, (until) => send<TotalsAggregation>(searching, request, until));
  const { hits, nextCursor } = pageOf(answer, search);
  return { orders: hits.map(({ document }) => document), totals: totalsOf(answer.aggregations), nextCursor };
}

const TOTALS: estypes.AggregationsAggregationContainer = {
  terms: { field: 'currency', size: MAX_CURRENCIES, order: { _key: 'asc' } },
  aggs: Object.fromEntries(SUMS.map((field) => [field, { sum: { field } }])),
};

function totalsOf(aggregations: TotalsAggregation | undefined): CurrencyTotals[] {
  return (aggregations?.totals.buckets ?? []).map(({ key, doc_count, totalCents, paidCents, refundedCents }) => ({
    currency: key,
    orders: doc_count,
    totalCents: wholeSum(totalCents),
    paidCents: wholeSum(paidCents),
    refundedCents: wholeSum(refundedCents),
  }));
}
