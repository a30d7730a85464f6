import type { AggregateRow, Measures } from '../../../src/order-index/aggregates-port.ts';

/** A row of `revenue-daily`: by default one order of 100. */
export function dailyRow(day: string, currency: string, measures: Partial<Measures> = {}): AggregateRow {
  const key = `${day}|${currency}`;
  return { key, day, currency, orders: 1, revenueCents: 100, refundedCents: 0, refundCount: 0, ...measures };
}
