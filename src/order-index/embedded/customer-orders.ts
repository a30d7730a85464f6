import type { DatabaseSync } from 'node:sqlite';
import { customerSearch } from '../customer-search.ts';
import type { CurrencyTotals, CustomerOrdersPage, CustomerOrdersQuery } from '../port.ts';
import type { Generation } from './generation.ts';
import { tablesOf } from './schema.ts';
import { searchPage } from './search.ts';
import { sumOf } from './aggregate-columns.ts';

/** @throws InvalidCursorError */
export function customerOrders(
  database: DatabaseSync,
  generation: Generation,
  query: CustomerOrdersQuery,
): CustomerOrdersPage {
  const { hits, nextCursor } = searchPage(database, generation, customerSearch(query));
  return {
    orders: hits.map(({ document }) => document),
    totals: totalsOf(database, generation, query.customerId),
    nextCursor,
  };
}

function totalsOf(database: DatabaseSync, { number }: Generation, customerId: string): CurrencyTotals[] {
  const sql = `
    SELECT view ->> 'currency' AS currency, count(*) AS orders, ${sumOf('total_cents')} AS total,
      ${sumOf("view ->> 'paidCents'")} AS paid, ${sumOf("view ->> 'refundedCents'")} AS refunded
    FROM ${tablesOf(number).documents} WHERE visible = 1 AND customer_id = ? GROUP BY 1 ORDER BY 1`;
  return database
    .prepare(sql)
    .all(customerId)
    .map(({ currency, orders, total, paid, refunded }) => ({
      currency: String(currency),
      orders: Number(orders),
      totalCents: Number(total),
      paidCents: Number(paid),
      refundedCents: Number(refunded),
    }));
}
