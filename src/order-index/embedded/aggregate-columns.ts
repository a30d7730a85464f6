import type { Dimension, Measures, ProductSales } from '../aggregates-port.ts';

export const DIMENSION_COLUMNS: Readonly<Record<Dimension, string>> = {
  day: 'day',
  currency: 'currency',
  sellerId: 'seller_id',
};

export const MEASURE_COLUMNS = ['orders', 'revenue_cents', 'refunded_cents', 'refund_count'] as const;

/**
 * The sum of whole numbers, at most 2^53 - 1. Added up as floating point numbers, since SQLite fails where whole ones overflow: exact up
 * to there, as none is negative.
 */
export function sumOf(expression: string): string {
  return `CAST(min(total(${expression}), ${Number.MAX_SAFE_INTEGER}) AS INTEGER)`;
}

/** Of products `p` in JSON, to be grouped by `sku`. Names are compared by their UTF-8 bytes. */
export const SALES_COLUMNS = `p.value ->> 'sku' AS sku, min(p.value ->> 'name') AS name,
  ${sumOf(`p.value ->> 'quantity'`)} AS quantity, ${sumOf(`p.value ->> 'revenueCents'`)} AS revenue_cents`;

type Row = Readonly<Record<string, unknown>>;

export function measuresOf(row: Row): Measures {
  return {
    orders: Number(row['orders']),
    revenueCents: Number(row['revenue_cents']),
    refundedCents: Number(row['refunded_cents']),
    refundCount: Number(row['refund_count']),
  };
}

export function productOf(row: Row): ProductSales {
  return {
    sku: String(row['sku']),
    name: String(row['name']),
    quantity: Number(row['quantity']),
    revenueCents: Number(row['revenue_cents']),
  };
}
