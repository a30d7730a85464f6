import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { AggregateRow, ProductSales, RowQuery, TopProduct } from '../aggregates-port.ts';
import { measuresOf, productOf, SALES_COLUMNS } from './aggregate-columns.ts';
import { allOf } from './sql.ts';
import type { Sql } from './sql.ts';

/** What {@link AggregateStore.rows} promises, of a generation's table. */
export function readRows(database: DatabaseSync, table: string, query: RowQuery): AggregateRow[] {
  const { text, values } = conditionsOf(query);
  const rows = database
    .prepare(
      `SELECT key, day, currency, seller_id, orders, revenue_cents, refunded_cents, refund_count FROM ${table} r
       WHERE ${text} ORDER BY day, currency, seller_id`,
    )
    .all(...values);
  return rows.map(rowOf);
}

/** What {@link AggregateStore.wholeRows} promises, of a generation's table. */
export function readWholeRows(
  database: DatabaseSync,
  table: string,
  { after = '', size }: { readonly after: string | undefined; readonly size: number },
): AggregateRow[] {
  return database
    .prepare(`SELECT * FROM ${table} WHERE key > ? ORDER BY key LIMIT ?`)
    .all(after, size)
    .map(({ version: _, products, ...row }) => ({
      ...rowOf(row),
      ...(typeof products === 'string' && { products: JSON.parse(products) as readonly ProductSales[] }),
    }));
}

function rowOf({ key, day, currency, seller_id: sellerId, ...measures }: Record<string, SQLOutputValue>): AggregateRow {
  return {
    key: String(key),
    ...(typeof day === 'string' && { day }),
    ...(typeof currency === 'string' && { currency }),
    ...(typeof sellerId === 'string' && { sellerId }),
    ...measuresOf(measures),
  };
}

/** What {@link AggregateStore.topProducts} promises, of a generation's table. */
export function readTopProducts(
  database: DatabaseSync,
  table: string,
  { size, ...query }: RowQuery & { readonly size: number },
): TopProduct[] {
  const { text, values } = conditionsOf(query);
  return database
    .prepare(
      `SELECT r.currency, ${SALES_COLUMNS} FROM ${table} r CROSS JOIN json_each(r.products) p WHERE ${text}
       GROUP BY r.currency, sku ORDER BY revenue_cents DESC, sku, r.currency LIMIT ?`,
    )
    .all(...values, size)
    .map((row) => ({ ...productOf(row), currency: String(row['currency']) }));
}

/** On rows `r`. */
function conditionsOf({ from, to, sellerId, currencies }: RowQuery): Sql {
  return allOf([
    ...condition('r.day >= ?', from),
    ...condition('r.day <= ?', to),
    ...condition('r.seller_id = ?', sellerId),
    ...condition('r.currency IN (SELECT value FROM json_each(?))', currencies && JSON.stringify(currencies)),
  ]);
}

function condition(text: string, value: string | undefined): Sql[] {
  return value === undefined ? [] : [{ text, values: [value] }];
}
