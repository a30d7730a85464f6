import { parseAggregateKey, type OrderContributions } from '../order/contribution.ts';
import { firstByUtf8 } from '../order/utf8-order.ts';
import {
  rowKey,
  type AggregateDefinition,
  type AggregateRow,
  type Measures,
  type ProductSales,
} from '../order-index/port.ts';

/** A row while it is added up. */
export interface RowSum {
  measures: Measures;
  /** By SKU. */
  readonly products: Map<string, ProductSales>;
}

/** The rows of one aggregate, by their keys. */
export type RowSums = Map<string, RowSum>;

export interface Difference {
  readonly key: string;
  /** `revenueCents`, or of a product `products.SKU.quantity`. */
  readonly field: string;
  readonly expected: number | string;
  readonly found: number | string;
}

const MEASURES = ['orders', 'revenueCents', 'refundedCents', 'refundCount'] as const;
const PRODUCT_FIELDS = ['name', 'quantity', 'revenueCents'] as const;
const NO_MEASURES: Measures = { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 };
const NO_PRODUCT = { name: '', quantity: 0, revenueCents: 0 };

/** Adds what one order contributes to the rows of an aggregate. */
export function addOrder(
  { contributions, sales }: OrderContributions,
  { dimensions, products }: AggregateDefinition,
  rows: RowSums,
): void {
  for (const one of contributions) {
    const row = rowIn(rows, rowKey(dimensions, one));
    row.measures = {
      orders: added(row.measures.orders, one.orders),
      revenueCents: added(row.measures.revenueCents, one.revenueCents),
      refundedCents: added(row.measures.refundedCents, one.refundedCents),
      refundCount: added(row.measures.refundCount, one.refundCount),
    };
  }
  for (const { key, sku, name, quantity, revenueCents } of products ? sales : []) {
    const row = rowIn(rows, rowKey(dimensions, parseAggregateKey(key)));
    const known = row.products.get(sku);
    row.products.set(sku, {
      sku,
      name: known ? firstByUtf8(known.name, name) : name,
      quantity: added(known?.quantity ?? 0, quantity),
      revenueCents: added(known?.revenueCents ?? 0, revenueCents),
    });
  }
}

function rowIn(rows: RowSums, key: string): RowSum {
  const row = rows.get(key) ?? { measures: NO_MEASURES, products: new Map() };
  rows.set(key, row);
  return row;
}

/** A row that is absent is one of zeros. */
export function compareRow(key: string, expected: RowSum | undefined, found: AggregateRow | undefined): Difference[] {
  const [wanted, there] = [expected?.measures ?? NO_MEASURES, found ?? NO_MEASURES];
  const measures = MEASURES.map((field) => ({ key, field, expected: wanted[field], found: there[field] }));
  const sold = expected?.products ?? new Map<string, ProductSales>();
  const kept = new Map((found?.products ?? []).map((product) => [product.sku, product]));
  const products = [...new Set([...sold.keys(), ...kept.keys()])].flatMap((sku) => {
    const [left, right] = [sold.get(sku) ?? NO_PRODUCT, kept.get(sku) ?? NO_PRODUCT];
    return PRODUCT_FIELDS.map((field) => ({
      ...{ key, field: `products.${sku}.${field}` },
      ...{ expected: left[field], found: right[field] },
    }));
  });
  return [...measures, ...products].filter((one) => one.expected !== one.found);
}

/** At most 2^53 - 1, like the rows. */
function added(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}
