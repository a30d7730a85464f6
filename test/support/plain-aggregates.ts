import type { OrderDocument } from '../../src/order/document.ts';
import { parseAggregateKey } from '../../src/order/contribution.ts';
import { compareOrderIds as compareBytes, rowKey } from '../../src/order-index/port.ts';
import type { AggregateDefinition, AggregateRow, Dimension, ProductSales } from '../../src/order-index/port.ts';

/** Every row that the documents have a key of, by row key: one contribution added after the other, in whole numbers of any size. */
export function plainRows(
  aggregate: AggregateDefinition,
  documents: Iterable<OrderDocument>,
): ReadonlyMap<string, AggregateRow> {
  const sums = new Map<string, Sums>();
  for (const { aggregateKeys = [], contributions = [], sales = [] } of documents) {
    for (const key of aggregateKeys) sumsAt(sums, aggregate, key);
    for (const contribution of contributions) {
      const { measures } = sumsAt(sums, aggregate, contribution.key);
      for (const name of MEASURES) measures[name] += BigInt(contribution[name]);
    }
    for (const { key, sku, name, ...sold } of sales) {
      const { products } = sumsAt(sums, aggregate, key);
      const known = products.get(sku) ?? { name, quantity: 0n, revenueCents: 0n };
      products.set(sku, {
        name: compareBytes(known.name, name) <= 0 ? known.name : name,
        quantity: known.quantity + BigInt(sold.quantity),
        revenueCents: known.revenueCents + BigInt(sold.revenueCents),
      });
    }
  }
  return new Map([...sums].map(([key, sum]) => [key, rowOf(aggregate, key, sum)]));
}

const MEASURES = ['orders', 'revenueCents', 'refundedCents', 'refundCount'] as const;

interface Sums {
  readonly of: Pick<AggregateRow, Dimension>;
  readonly measures: Record<(typeof MEASURES)[number], bigint>;
  readonly products: Map<string, { readonly name: string; readonly quantity: bigint; readonly revenueCents: bigint }>;
}

function sumsAt(sums: Map<string, Sums>, { dimensions }: AggregateDefinition, aggregateKey: string): Sums {
  const values = parseAggregateKey(aggregateKey);
  const key = rowKey(dimensions, values);
  const known = sums.get(key) ?? {
    of: Object.fromEntries(dimensions.map((dimension) => [dimension, values[dimension]])),
    measures: { orders: 0n, revenueCents: 0n, refundedCents: 0n, refundCount: 0n },
    products: new Map(),
  };
  sums.set(key, known);
  return known;
}

function rowOf(aggregate: AggregateDefinition, key: string, { of, measures, products }: Sums): AggregateRow {
  const { orders, revenueCents, refundedCents, refundCount } = measures;
  return {
    key,
    ...of,
    orders: bounded(orders),
    revenueCents: bounded(revenueCents),
    refundedCents: bounded(refundedCents),
    refundCount: bounded(refundCount),
    ...(aggregate.products && {
      products: [...products]
        .map(([sku, sold]): ProductSales => ({
          sku,
          name: sold.name,
          quantity: bounded(sold.quantity),
          revenueCents: bounded(sold.revenueCents),
        }))
        .sort((a, b) => compareBytes(a.sku, b.sku)),
    }),
  };
}

function bounded(sum: bigint): number {
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(sum < most ? sum : most);
}
