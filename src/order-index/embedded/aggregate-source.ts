import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { aggregateKey, parseAggregateKey } from '../../order/contribution.ts';
import { AggregateMovedError } from '../aggregates-port.ts';
import type { AggregateRow, AggregateSource, Changes, CheckpointRange } from '../aggregates-port.ts';
import { computeRows, rowsInParts } from './aggregate-compute.ts';
import { generationNumber } from './registry.ts';
import { tablesOf } from './schema.ts';
import type { GenerationTables } from './schema.ts';
import type { Reading } from './store.ts';

/**
 * The port on the trace of a generation's documents. A checkpoint is one number: the last of the generation's writes, which are one after
 * the other, visible at once, and in one file with the checkpoint itself.
 */
export function aggregateSource(reading: Reading): AggregateSource {
  const readingOf = <T>(orders: string, read: (database: DatabaseSync, tables: GenerationTables) => T) =>
    reading(({ database }) => read(database, tablesIn(database, orders)));
  return {
    checkpoint: (orders) => readingOf(orders, (database, { changes }) => [lastChange(database, changes)]),
    changed: (range) => readingOf(range.orders, (database, tables) => changesIn(database, tables, range)),
    keys: ({ orders, after, size }) =>
      readingOf(orders, (database, tables) => keysAfter(database, tables, after, size)),
    countKeys: (orders) => readingOf(orders, countKeys),
    newestEventTime: (orders, notAfter) =>
      readingOf(orders, (database, { changes }) => {
        const sql = `SELECT max(updated_at_ms) AS ms FROM ${changes} WHERE updated_at_ms <= ?`;
        return instantOf(database.prepare(sql).get(Date.parse(notAfter))?.['ms']);
      }),
    async compute(aggregate, orders, keys) {
      const rows: AggregateRow[] = [];
      for (const part of rowsInParts(aggregate, keys)) {
        rows.push(...(await readingOf(orders, (database, tables) => computeRows(database, tables, aggregate, part))));
        await nextTurn();
      }
      return rows;
    },
  };
}

/** @throws AggregateMovedError where the generation is gone */
function tablesIn(database: DatabaseSync, orders: string): GenerationTables {
  const number = generationNumber(database, orders);
  if (number === undefined) throw new AggregateMovedError(`the generation ${orders} is gone`);
  return tablesOf(number);
}

/** 0 where nothing was ever written. */
function lastChange(database: DatabaseSync, changes: string): number {
  return Number(database.prepare(`SELECT coalesce(max(change), 0) AS last FROM ${changes}`).get()?.['last']);
}

function changesIn(
  database: DatabaseSync,
  { changes, contributions }: GenerationTables,
  { since: [since = 0], until: [until = 0], notAfter }: CheckpointRange,
): Changes {
  if (since === until) return { keys: [], newestEventTime: undefined };
  const keys = database
    .prepare(
      `SELECT DISTINCT k.day, k.currency, k.seller_id FROM ${changes} c JOIN ${contributions} k ON k.id = c.id
       WHERE c.change > ?`,
    )
    .all(since)
    .map(keyOfRow);
  const newest = database
    .prepare(`SELECT max(updated_at_ms) AS ms FROM ${changes} WHERE change > ? AND +updated_at_ms <= ?`)
    .get(since, Date.parse(notAfter));
  return { keys, newestEventTime: instantOf(newest?.['ms']) };
}

function keysAfter(
  database: DatabaseSync,
  { contributions }: GenerationTables,
  after: string | undefined,
  size: number,
): string[] {
  const { day, currency, sellerId } = parseAggregateKey(after ?? '');
  return database
    .prepare(
      `SELECT DISTINCT day, currency, seller_id FROM ${contributions} WHERE (day, currency, seller_id) > (?, ?, ?)
       ORDER BY day, currency, seller_id LIMIT ?`,
    )
    .all(day, currency, sellerId, size)
    .map(keyOfRow);
}

function countKeys(database: DatabaseSync, { contributions }: GenerationTables): number {
  const sql = `SELECT count(*) AS keys FROM (SELECT DISTINCT day, currency, seller_id FROM ${contributions})`;
  return Number(database.prepare(sql).get()?.['keys']);
}

function keyOfRow(row: Readonly<Record<string, unknown>>): string {
  return aggregateKey({
    day: String(row['day']),
    currency: String(row['currency']),
    sellerId: String(row['seller_id']),
  });
}

function instantOf(epochMs: unknown): string | undefined {
  return typeof epochMs === 'number' ? new Date(epochMs).toISOString() : undefined;
}
