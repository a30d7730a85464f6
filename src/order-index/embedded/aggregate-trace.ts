import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { parseAggregateKey } from '../../order/contribution.ts';
import type { OrderDocument } from '../../order/document.ts';
import { createTraceTables, tablesOf } from './schema.ts';

export type TracedDocument = Pick<OrderDocument, 'updatedAt' | 'aggregateKeys' | 'contributions' | 'sales'>;

/**
 * Tells of a document's write: that it is the newest one, and what the document adds to its aggregate keys now. Documents are never
 * deleted one by one, so the highest change only grows, also over restarts. Within the transaction that writes the document.
 */
export function prepareTrace(database: DatabaseSync, number: number): (id: number, document: TracedDocument) => void {
  const { changes, contributions } = tablesOf(number);
  const change = database.prepare(
    `INSERT INTO ${changes} (id, change, updated_at_ms) VALUES (?, (SELECT coalesce(max(change), 0) + 1 FROM ${changes}), ?)
     ON CONFLICT (id) DO UPDATE SET change = excluded.change, updated_at_ms = excluded.updated_at_ms`,
  );
  const columns = 'day, currency, seller_id, orders, revenue_cents, refunded_cents, refund_count, sales';
  const stored = database.prepare(`SELECT ${columns} FROM ${contributions} WHERE id = ?`);
  const put = database.prepare(
    `INSERT OR REPLACE INTO ${contributions} (${columns}, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const drop = database.prepare(
    `DELETE FROM ${contributions} WHERE day = ? AND currency = ? AND seller_id = ? AND id = ?`,
  );
  return (id, document) => {
    change.run(id, Date.parse(document.updatedAt));
    const wanted = new Map(contributionRows(document).map((row) => [keyOf(row), row]));
    // Most events change no money, and then nothing of it is written.
    for (const one of stored.all(id)) {
      const row = Object.values(one);
      const now = wanted.get(keyOf(row));
      if (!now) drop.run(...row.slice(0, KEY_COLUMNS), id);
      else if (JSON.stringify(now) === JSON.stringify(row)) wanted.delete(keyOf(row));
    }
    for (const row of wanted.values()) put.run(...row, id);
  };
}

/** Makes the trace of a generation that was begun by code which kept none. Within a transaction. */
export function completeTrace(database: DatabaseSync, number: number): void {
  const { changes, documents } = tablesOf(number);
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(changes);
  if (isThere !== undefined) return;
  createTraceTables(database, number);
  const trace = prepareTrace(database, number);
  for (const { id, view } of database.prepare(`SELECT id, view FROM ${documents} ORDER BY id`).iterate()) {
    trace(Number(id), JSON.parse(String(view)) as TracedDocument);
  }
}

type Row = readonly SQLInputValue[];

const KEY_COLUMNS = 3;

function keyOf(row: Row): string {
  return JSON.stringify(row.slice(0, KEY_COLUMNS));
}

/** One for each of its keys; of zeros where it adds nothing any more. */
function contributionRows({ aggregateKeys = [], contributions = [], sales = [] }: TracedDocument): Row[] {
  return aggregateKeys.map((key) => {
    const { day, currency, sellerId } = parseAggregateKey(key);
    const added = contributions.find((contribution) => contribution.key === key);
    const { orders = 0, revenueCents = 0, refundedCents = 0, refundCount = 0 } = added ?? {};
    const sold = sales.filter((sale) => sale.key === key).map(({ key: _, ...sale }) => sale);
    const products = sold.length === 0 ? null : JSON.stringify(sold);
    return [day, currency, sellerId, orders, revenueCents, refundedCents, refundCount, products];
  });
}
