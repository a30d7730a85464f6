import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { AggregateRow } from '../aggregates-port.ts';

/** The table of the rows of one generation of an aggregate, by the generation's id. */
export function rowsTable(id: number): string {
  return `aggregate_rows_${String(id).padStart(6, '0')}`;
}

/** A column of a dimension that the aggregate does not have is null. */
export function createRowsTable(database: DatabaseSync, table: string): void {
  database.exec(`
    CREATE TABLE ${table} (
      key TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, day TEXT, currency TEXT, seller_id TEXT, orders INTEGER NOT NULL,
      revenue_cents INTEGER NOT NULL, refunded_cents INTEGER NOT NULL, refund_count INTEGER NOT NULL, products TEXT
    ) STRICT;
    CREATE INDEX ${table}_by_day ON ${table} (day, currency, seller_id);
    CREATE INDEX ${table}_by_seller ON ${table} (seller_id, day);
  `);
}

export function dropRowsTable(database: DatabaseSync, table: string): void {
  database.exec(`DROP TABLE ${table}`);
}

/** Of each key the newest version stays. Within a transaction. */
export function writeRows(database: DatabaseSync, table: string, rows: readonly AggregateRow[], version: number): void {
  const write = database.prepare(
    `INSERT INTO ${table} (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})
     ON CONFLICT (key) DO UPDATE SET ${COLUMNS.slice(1)
       .map((column) => `${column} = excluded.${column}`)
       .join(', ')} WHERE excluded.version > ${table}.version`,
  );
  for (const row of rows) write.run(...valuesOf(row, version));
}

const COLUMNS = [
  'key',
  'version',
  'day',
  'currency',
  'seller_id',
  'orders',
  'revenue_cents',
  'refunded_cents',
  'refund_count',
  'products',
] as const;

function valuesOf(row: AggregateRow, version: number): SQLInputValue[] {
  const { key, day = null, currency = null, sellerId = null, products } = row;
  const measures = [row.orders, row.revenueCents, row.refundedCents, row.refundCount];
  return [key, version, day, currency, sellerId, ...measures, products ? JSON.stringify(products) : null];
}

/** Deletes the rows of days before this one; how many. */
export function expireRows(database: DatabaseSync, table: string, beforeDay: string): number {
  return Number(database.prepare(`DELETE FROM ${table} WHERE day < ?`).run(beforeDay).changes);
}
