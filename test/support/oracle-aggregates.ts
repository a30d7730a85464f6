import type { ExpectedDocument } from './oracle.ts';

/** What contract §1 says of one day, currency and seller; the products by SKU. */
export interface ExpectedRow {
  orders: number;
  revenueCents: number;
  refundedCents: number;
  refundCount: number;
  readonly products: Map<string, { name: string; quantity: number; revenueCents: number }>;
}

interface Fields {
  readonly status: string;
  readonly sellerId: string;
  readonly currency: string;
  readonly paidAt?: string;
  readonly items: readonly { sku: string; name: string; quantity: number; unitPriceCents: number }[];
  readonly payments: readonly { at: string; amountCents: number }[];
  readonly refunds: readonly { at: string; amountCents: number }[];
}

/**
 * The aggregates that must come of these documents, by `day|currency|sellerId`: written from the contract alone, as plainly as
 * possible, one payment, refund and item after the other. Rows to which nothing contributes are absent.
 */
export function expectedAggregates(documents: Iterable<ExpectedDocument>): Map<string, ExpectedRow> {
  const rows = new Map<string, ExpectedRow>();
  for (const { status, fields } of documents) {
    if (status !== 'erased' && status !== 'incomplete') add(fields as unknown as Fields, rows);
  }
  return rows;
}

function add(order: Fields, rows: Map<string, ExpectedRow>): void {
  const row = (at: string): ExpectedRow => {
    const key = `${at.slice(0, 10)}|${order.currency}|${order.sellerId}`;
    const found = rows.get(key) ?? {
      orders: 0,
      revenueCents: 0,
      refundedCents: 0,
      refundCount: 0,
      products: new Map(),
    };
    rows.set(key, found);
    return found;
  };
  const paidDays = new Set<string>();
  for (const { at, amountCents } of order.payments) {
    row(at).revenueCents += amountCents;
    if (!paidDays.has(at.slice(0, 10))) row(at).orders += 1;
    paidDays.add(at.slice(0, 10));
  }
  for (const { at, amountCents } of order.refunds) {
    row(at).refundedCents += amountCents;
    row(at).refundCount += 1;
  }
  if (order.paidAt === undefined) return;
  for (const { sku, name, quantity, unitPriceCents } of order.items) {
    const products = row(order.paidAt).products;
    const product = products.get(sku) ?? { name, quantity: 0, revenueCents: 0 };
    products.set(sku, product);
    product.name = firstName(product.name, name);
    product.quantity += quantity;
    product.revenueCents += quantity * unitPriceCents;
  }
}

/** Of several names of one product the first by its UTF-8 bytes. */
export function firstName(a: string, b: string): string {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0 ? a : b;
}
