import type { estypes } from '@elastic/elasticsearch';
import { compareUtf8 } from '../../order/utf8-order.ts';
import { DIMENSIONS, rowKey } from '../aggregates-port.ts';
import type {
  AggregateDefinition,
  AggregateRow,
  AggregateStore,
  Dimension,
  RowQuery,
  TopProduct,
} from '../aggregates-port.ts';
import { AggregatesNotBuiltError } from '../port.ts';
import { aggregateNames, MAX_CURRENCIES, wholeSum } from './aggregate-access.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { firstName, sumsOf } from './aggregate-compute.ts';
import { MissingIndexError } from './errors.ts';
import { asked, send } from './search.ts';
import type { Searching } from './search.ts';
import type { SearchRequest } from './search-query.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;

/** Elasticsearch's default limit. */
const ROWS_A_PAGE = 10_000;

const NOTHING: Query = { match_none: {} };

/** What readers are shown of an aggregate, through its alias. */
export function aggregateReads(
  { reading, names, searches }: AggregateAccess,
  aggregate: AggregateDefinition,
): Pick<AggregateStore, 'rows' | 'wholeRows' | 'topProducts'> {
  const { alias } = aggregateNames(names, aggregate);
  const searching = { ...reading, searches, alias };
  return {
    rows: (query, signal) => throughAlias(aggregate, () => rows(searching, aggregate, query, signal)),
    wholeRows: (page) => throughAlias(aggregate, () => wholeRows(searching, page)),
    topProducts: (query, signal) =>
      aggregate.products
        ? throughAlias(aggregate, () => topProducts(searching, aggregate, query, signal))
        : Promise.resolve([]),
  };
}

async function throughAlias<T>({ name }: AggregateDefinition, read: () => Promise<T[]>): Promise<T[]> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof MissingIndexError ? AggregatesNotBuiltError.noneLive(name, { cause: error }) : error;
  }
}

async function rows(
  searching: Searching,
  aggregate: AggregateDefinition,
  query: RowQuery,
  signal: AbortSignal | undefined,
): Promise<AggregateRow[]> {
  const found: AggregateRow[] = [];
  let after: string[] | undefined;
  for (;;) {
    const request = { ...rowsRequest(aggregate, query), ...(after && { search_after: after }) };
    const { hits } = await asked(searching, signal, (until) => send(searching, request, until));
    for (const { fields } of hits.hits) found.push(rowOf(aggregate, fields as DocValues | undefined));
    if (hits.hits.length < ROWS_A_PAGE) return found;
    after = hits.hits.at(-1)?.sort as string[] | undefined;
  }
}

async function wholeRows(
  searching: Searching,
  { after, size }: { readonly after: string | undefined; readonly size: number },
): Promise<AggregateRow[]> {
  const request = {
    query: { match_all: {} },
    aggs: {},
    sort: [{ key: 'asc' as const }],
    size,
    ...COMPLETE,
    _source: true,
    ...(after !== undefined && { search_after: [after] }),
  };
  const { hits } = await asked(searching, undefined, (until) => send<unknown>(searching, request, until));
  // What stands behind the alias are rows: this service wrote them.
  return hits.hits.flatMap(({ _source }) => (_source ? [_source as unknown as AggregateRow] : []));
}

/** By its columns: a row's products, of which there may be thousands, stay unread. Pure. */
export function rowsRequest({ dimensions }: AggregateDefinition, query: RowQuery): SearchRequest {
  const listed = DIMENSIONS.filter((dimension) => dimensions.includes(dimension));
  return {
    query: rowFilter(dimensions, query),
    aggs: {},
    sort: listed.map((dimension) => ({ [dimension]: 'asc' as const })),
    size: ROWS_A_PAGE,
    ...COMPLETE,
    docvalue_fields: [...listed, 'orders', 'revenueCents', 'refundedCents', 'refundCount'],
  };
}

const COMPLETE = { track_total_hits: false, allow_partial_search_results: false, _source: false };

type DocValues = Readonly<Record<string, readonly unknown[] | undefined>>;

function rowOf({ dimensions }: AggregateDefinition, columns: DocValues = {}): AggregateRow {
  const values = Object.fromEntries(dimensions.map((dimension) => [dimension, String(columns[dimension]?.[0])]));
  const measure = (name: string) => Number(columns[name]?.[0]);
  return {
    key: rowKey(dimensions, values),
    ...values,
    orders: measure('orders'),
    revenueCents: measure('revenueCents'),
    refundedCents: measure('refundedCents'),
    refundCount: measure('refundCount'),
  };
}

/** Pure. */
export function rowFilter(dimensions: readonly Dimension[], { from, to, sellerId, currencies }: RowQuery): Query {
  const of = (dimension: Dimension, clause: Query) => (dimensions.includes(dimension) ? clause : NOTHING);
  const filter: Query[] = [
    ...(from === undefined ? [] : [of('day', { range: { day: { gte: from } } })]),
    ...(to === undefined ? [] : [of('day', { range: { day: { lte: to } } })]),
    ...(sellerId === undefined ? [] : [of('sellerId', { term: { sellerId } })]),
    ...(currencies === undefined ? [] : [of('currency', { terms: { currency: [...currencies] } })]),
  ];
  return { bool: { filter } };
}

interface ProductsAnswer {
  readonly currencies: {
    readonly buckets: readonly {
      readonly key: string;
      readonly products: { readonly skus: { readonly buckets: readonly ProductBucket[] } };
    }[];
  };
}
interface ProductBucket {
  readonly key: string;
  readonly quantity: { readonly value: number | null };
  readonly revenueCents: { readonly value: number | null };
  readonly names: { readonly buckets: readonly { readonly key: string }[] };
}

async function topProducts(
  searching: Searching,
  { dimensions }: AggregateDefinition,
  { size, ...query }: RowQuery & { readonly size: number },
  signal: AbortSignal | undefined,
): Promise<TopProduct[]> {
  const request = {
    query: rowFilter(dimensions, query),
    aggs: { currencies: { terms: { field: 'currency', size: MAX_CURRENCIES }, aggs: topOfCurrency(size) } },
    sort: [],
    size: 0,
    ...COMPLETE,
  };
  const answer = await asked(searching, signal, (until) => send<ProductsAnswer>(searching, request, until));
  const products = (answer.aggregations?.currencies.buckets ?? []).flatMap(({ key: currency, products: { skus } }) =>
    skus.buckets.map((bucket) => productOf(currency, bucket)),
  );
  return products.sort(compareProducts).slice(0, size);
}

/** Exact, since an aggregate's generation is a single shard. */
function topOfCurrency(size: number): Record<string, estypes.AggregationsAggregationContainer> {
  const order = [{ revenueCents: 'desc' as const }, { _key: 'asc' as const }];
  const aggs = { ...sumsOf('products', ['quantity', 'revenueCents']), names: firstName('products.name') };
  const skus = { terms: { field: 'products.sku', size, order }, aggs };
  return { products: { nested: { path: 'products' }, aggs: { skus } } };
}

function productOf(currency: string, { key, quantity, revenueCents, names }: ProductBucket): TopProduct {
  const name = names.buckets[0]?.key ?? '';
  return { sku: key, name, currency, quantity: wholeSum(quantity), revenueCents: wholeSum(revenueCents) };
}

/** Pure. */
export function compareProducts(a: TopProduct, b: TopProduct): number {
  return b.revenueCents - a.revenueCents || compareUtf8(a.sku, b.sku) || compareUtf8(a.currency, b.currency);
}
