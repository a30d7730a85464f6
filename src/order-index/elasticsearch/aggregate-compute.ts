import type { estypes } from '@elastic/elasticsearch';
import type { AggregateKey } from '../../order/contribution.ts';
import { parseAggregateKey } from '../../order/contribution.ts';
import { DIMENSIONS, rowKey } from '../aggregates-port.ts';
import type { AggregateDefinition, AggregateRow, Dimension, Measures, ProductSales } from '../aggregates-port.ts';
import { searchWhole, wholeSum } from './aggregate-access.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { inChunks } from './in-chunks.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;

const MEASURES = ['orders', 'revenueCents', 'refundedCents', 'refundCount'] as const satisfies (keyof Measures)[];

/** Rows that one request is for: a bound for its filters, of which each may have 65,536 values. */
const ROWS_AT_ONCE = 1_000;
/** Buckets of one answer, of which a product's holds one more; Elasticsearch allows 65,536 by default. */
const BUCKETS_A_PAGE = 10_000;

/** A row's key, and the values of its dimensions. */
export type RowIdentity = Partial<AggregateKey> & Pick<AggregateRow, 'key'>;

type Sum = { readonly value: number | null };
type Sums<Name extends string> = Readonly<Record<Name, Sum>>;

/** @throws AggregateMovedError, IndexUnavailableError */
export async function compute(
  access: AggregateAccess,
  aggregate: AggregateDefinition,
  orders: string,
  keys: readonly string[],
): Promise<AggregateRow[]> {
  const rows: AggregateRow[] = [];
  for (const asked of inChunks(rowsOf(aggregate, keys), ROWS_AT_ONCE)) {
    const measures = await measuresOf(access, aggregate, orders, asked);
    const products = aggregate.products ? await productsOf(access, orders, asked) : undefined;
    for (const row of asked) {
      const { key } = row;
      rows.push({ ...row, ...(measures.get(key) ?? ZEROS), ...(products && { products: products.get(key) ?? [] }) });
    }
  }
  return rows;
}

const ZEROS: Measures = { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 };

/** The rows to which keys of orders belong, each once; in order, so that neighbouring days are counted together. Pure. */
export function rowsOf(
  { dimensions }: Pick<AggregateDefinition, 'dimensions'>,
  keys: readonly string[],
): RowIdentity[] {
  const rows = new Map<string, RowIdentity>();
  for (const parsed of keys.map(parseAggregateKey)) {
    const key = rowKey(dimensions, parsed);
    const values = Object.fromEntries(dimensions.map((dimension) => [dimension, parsed[dimension]]));
    rows.set(key, { key, ...values });
  }
  return [...rows.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function measuresOf(
  access: AggregateAccess,
  { name, dimensions }: AggregateDefinition,
  orders: string,
  asked: readonly RowIdentity[],
): Promise<Map<string, Measures>> {
  const buckets = allBuckets<Dimension, Sums<keyof Measures>>(access, `counting ${name} in ${orders}`, orders, {
    ...contributing(dimensions, asked),
    path: 'contributions',
    by: dimensions,
    aggs: sumsOf('contributions', MEASURES),
  });
  const rows = new Map<string, Measures>();
  for await (const { key, orders: count, revenueCents, refundedCents, refundCount } of buckets) {
    rows.set(rowKey(dimensions, key), {
      orders: wholeSum(count),
      revenueCents: wholeSum(revenueCents),
      refundedCents: wholeSum(refundedCents),
      refundCount: wholeSum(refundCount),
    });
  }
  return rows;
}

interface ProductBucket extends Sums<'quantity' | 'revenueCents'> {
  readonly names: { readonly buckets: readonly { readonly key: string }[] };
}

async function productsOf(
  access: AggregateAccess,
  orders: string,
  asked: readonly RowIdentity[],
): Promise<Map<string, ProductSales[]>> {
  const keys = asked.map(({ key }) => key);
  const buckets = allBuckets<'key' | 'sku', ProductBucket>(access, `counting the sales of ${orders}`, orders, {
    documents: { terms: { aggregateKeys: keys } },
    filter: { terms: { 'sales.key': keys } },
    path: 'sales',
    by: ['key', 'sku'],
    aggs: { ...sumsOf('sales', ['quantity', 'revenueCents']), names: firstName('sales.name') },
  });
  const products = new Map<string, ProductSales[]>();
  for await (const { key, names, quantity, revenueCents } of buckets) {
    const sale: ProductSales = {
      sku: key.sku,
      name: names.buckets[0]?.key ?? '',
      quantity: wholeSum(quantity),
      revenueCents: wholeSum(revenueCents),
    };
    const known = products.get(key.key);
    if (known) known.push(sale);
    else products.set(key.key, [sale]);
  }
  return products;
}

/** Of the values of a keyword field the one that stands first by its UTF-8 bytes. */
export function firstName(field: string): estypes.AggregationsAggregationContainer {
  return { terms: { field, size: 1, order: { _key: 'asc' } } };
}

export function sumsOf(
  path: string,
  fields: readonly string[],
): Record<string, estypes.AggregationsAggregationContainer> {
  return Object.fromEntries(fields.map((field) => [field, { sum: { field: `${path}.${field}` } }]));
}

/**
 * Which documents, and which of their contributions. With all dimensions those of the very rows; with fewer perhaps those of further
 * rows too, as the values of each dimension are a filter by itself. Pure.
 */
export function contributing(
  dimensions: readonly Dimension[],
  rows: readonly RowIdentity[],
): { readonly documents: Query; readonly filter: Query } {
  if (DIMENSIONS.every((dimension) => dimensions.includes(dimension))) {
    const keys = rows.map(({ key }) => key);
    return { documents: { terms: { aggregateKeys: keys } }, filter: { terms: { 'contributions.key': keys } } };
  }
  const filter: Query = {
    bool: {
      filter: dimensions.map((dimension) => {
        const values = new Set(rows.map((row) => row[dimension] ?? ''));
        return { terms: { [`contributions.${dimension}`]: [...values] } };
      }),
    },
  };
  return { documents: { nested: { path: 'contributions', query: filter } }, filter };
}

interface NestedComposite<By extends string> {
  readonly documents: Query;
  readonly path: 'contributions' | 'sales';
  /** Of the nested documents. */
  readonly filter: Query;
  /** Fields of the nested documents. */
  readonly by: readonly By[];
  readonly aggs: Record<string, estypes.AggregationsAggregationContainer>;
}

type Bucket<By extends string, Inner> = { readonly key: Readonly<Record<By, string>> } & Inner;

interface CompositeAnswer<B> {
  readonly nested: { readonly wanted: { readonly rows: { readonly buckets: readonly B[] } } };
}

/** All buckets of a composite aggregation of nested documents, page after page, in the order of their keys. */
async function* allBuckets<By extends string, Inner>(
  access: AggregateAccess,
  doing: string,
  orders: string,
  { documents, path, filter, by, aggs }: NestedComposite<By>,
): AsyncGenerator<Bucket<By, Inner>> {
  const sources = by.map((field) => ({ [field]: { terms: { field: `${path}.${field}` } } }));
  let after: Readonly<Record<By, string>> | undefined;
  for (;;) {
    const rows = { composite: { size: BUCKETS_A_PAGE, sources, ...(after && { after }) }, aggs };
    const request = {
      size: 0,
      query: { bool: { filter: [documents] } },
      aggs: { nested: { nested: { path }, aggs: { wanted: { filter, aggs: { rows } } } } },
    };
    const answer = await searchWhole<CompositeAnswer<Bucket<By, Inner>>>(access, doing, orders, request);
    const buckets = answer.aggregations?.nested.wanted.rows.buckets ?? [];
    yield* buckets;
    after = buckets.at(-1)?.key;
    if (buckets.length < BUCKETS_A_PAGE) return;
  }
}
