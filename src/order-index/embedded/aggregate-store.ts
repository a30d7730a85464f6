import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../../sqlite/database.ts';
import { AggregateMovedError } from '../aggregates-port.ts';
import type { AggregateDefinition, AggregateGeneration, AggregateStore } from '../aggregates-port.ts';
import { AggregatesNotBuiltError } from '../port.ts';
import { createRowsTable, dropRowsTable, expireRows, rowsTable, writeRows } from './aggregate-rows.ts';
import { readRows, readTopProducts, readWholeRows } from './aggregate-queries.ts';
import type { Reading } from './store.ts';

/** The port on one table a generation. What is written is visible at once, so refreshing only makes sure that it is there. */
export function aggregateStore(reading: Reading, prefix: string, aggregate: AggregateDefinition): AggregateStore {
  const { name } = aggregate;
  /** Within one transaction, so a generation that is there stays so. */
  const changing = <T>(generation: string, change: (database: DatabaseSync, table: string) => T) =>
    reading(({ database }) =>
      inTransaction(database, () => change(database, rowsTable(expectId(database, name, generation)))),
    );
  const readingLive = <T>(read: (database: DatabaseSync, table: string) => T) =>
    reading(({ database }) => {
      const live = liveOf(database, name);
      if (!live) throw AggregatesNotBuiltError.noneLive(name);
      return read(database, rowsTable(live.id));
    });
  return {
    list: () => reading(({ database }) => list(database, name)),
    create: (number) => reading(({ database }) => create(database, `${prefix}-${name}`, number, aggregate)),
    write: (generation, rows, version) =>
      changing(generation, (database, table) => writeRows(database, table, rows, version)),
    activate: (generation, from) => reading(({ database }) => activate(database, name, generation, from)),
    refresh: (generation) => reading(({ database }) => void expectId(database, name, generation)),
    drop: (generation) => reading(({ database }) => drop(database, name, generation)),
    expire: (generation, beforeDay) =>
      changing(generation, (database, table) => expireRows(database, table, beforeDay)),
    rows: (query) => readingLive((database, table) => readRows(database, table, query)),
    wholeRows: (page) => readingLive((database, table) => readWholeRows(database, table, page)),
    topProducts: (query) => readingLive((database, table) => readTopProducts(database, table, query)),
  };
}

interface Found {
  readonly id: number;
  readonly name: string;
}

function find(
  database: DatabaseSync,
  aggregate: string,
  generation: string,
): (Found & { isLive: boolean }) | undefined {
  const row = database
    .prepare('SELECT id, is_live FROM aggregate_generations WHERE aggregate = ? AND name = ?')
    .get(aggregate, generation);
  return row && { id: Number(row['id']), name: generation, isLive: row['is_live'] === 1 };
}

/** @throws AggregateMovedError where it is gone */
function expectId(database: DatabaseSync, aggregate: string, generation: string): number {
  const found = find(database, aggregate, generation);
  if (!found) throw new AggregateMovedError(`the generation ${generation} is gone`);
  return found.id;
}

function liveOf(database: DatabaseSync, aggregate: string): Found | undefined {
  const row = database
    .prepare('SELECT id, name FROM aggregate_generations WHERE aggregate = ? AND is_live = 1')
    .get(aggregate);
  return row && { id: Number(row['id']), name: String(row['name']) };
}

function create(
  database: DatabaseSync,
  alias: string,
  number: number,
  aggregate: AggregateDefinition,
): 'created' | 'exists' {
  return inTransaction(database, () => {
    const { changes, lastInsertRowid } = database
      .prepare(
        `INSERT OR IGNORE INTO aggregate_generations (name, aggregate, number, is_live, mapping_hash, created_at)
         VALUES (?, ?, ?, 0, ?, ?)`,
      )
      .run(
        `${alias}-${String(number).padStart(6, '0')}`,
        aggregate.name,
        number,
        hashOf(aggregate),
        new Date().toISOString(),
      );
    if (changes === 0) return 'exists';
    createRowsTable(database, rowsTable(Number(lastInsertRowid)));
    return 'created';
  });
}

/** Names what the rows of an aggregate are made by. */
function hashOf({ dimensions, products, mapping }: AggregateDefinition): string {
  return createHash('sha256').update(JSON.stringify({ dimensions, products, mapping })).digest('hex').slice(0, 16);
}

function activate(database: DatabaseSync, aggregate: string, generation: string, from: string | undefined): void {
  inTransaction(database, () => {
    expectId(database, aggregate, generation);
    const live = liveOf(database, aggregate)?.name;
    if (live === generation) return;
    if (live !== from) throw new AggregateMovedError(`${live ?? 'none'} is live, not ${from ?? 'none'}`);
    database
      .prepare('UPDATE aggregate_generations SET is_live = name = ? WHERE aggregate = ?')
      .run(generation, aggregate);
  });
}

function drop(database: DatabaseSync, aggregate: string, generation: string): void {
  inTransaction(database, () => {
    const found = find(database, aggregate, generation);
    if (!found) return;
    if (found.isLive) throw new Error(`${generation} is live: it cannot be dropped`);
    dropRowsTable(database, rowsTable(found.id));
    database.prepare('DELETE FROM aggregate_generations WHERE id = ?').run(found.id);
  });
}

function list(database: DatabaseSync, aggregate: string): AggregateGeneration[] {
  return database
    .prepare('SELECT * FROM aggregate_generations WHERE aggregate = ? ORDER BY number')
    .all(aggregate)
    .map((row) => {
      const table = rowsTable(Number(row['id']));
      return {
        name: String(row['name']),
        number: Number(row['number']),
        isLive: row['is_live'] === 1,
        documents: Number(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows']),
        sizeBytes: sizeOf(database, table),
        mappingHash: String(row['mapping_hash']),
        createdAt: String(row['created_at']),
      };
    });
}

/** With its indices. */
function sizeOf(database: DatabaseSync, table: string): number {
  const row = database
    .prepare(
      `SELECT total(s.pgsize) AS bytes FROM sqlite_schema t CROSS JOIN dbstat s ON s.name = t.name AND s.aggregate = 1
       WHERE t.tbl_name = ?`,
    )
    .get(table);
  return Number(row?.['bytes']);
}
