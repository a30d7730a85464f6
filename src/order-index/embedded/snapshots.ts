import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { OrderView } from '../../order/document.ts';
import type { OrderEvent } from '../../order/event.ts';
import { inTransaction } from '../../sqlite/database.ts';
import { SnapshotLostError } from '../generations-port.ts';
import type { OrderVersion, Slice, SnapshotPage, StoredOrder } from '../generations-port.ts';
import { tablesOf } from './schema.ts';

/**
 * The moments at which generations are being read. The file is one connection's alone, so none of them can be a read transaction
 * (which would besides keep the write-ahead log from being cut for as long as it lasts). Instead each has a temporary table, into which
 * a trigger puts what a document was before its first change: a snapshot costs nothing to open, and at most a second copy, on the disk,
 * of what changes while it is read. Documents are never deleted one by one and ids only grow, so those beyond the newest are new.
 */
export interface Snapshots {
  open(generation: number): OpenSnapshot;
  /** @throws SnapshotLostError */
  orders(snapshot: OpenSnapshot, page: SnapshotPage & { readonly slice: Slice }): readonly StoredOrder[];
  /** @throws SnapshotLostError */
  versions(snapshot: OpenSnapshot, page: SnapshotPage): readonly OrderVersion[];
  /** Does nothing where it is lost. */
  close(snapshot: OpenSnapshot): void;
  /** Gives up all of a generation that is about to be dropped. Not within a transaction. */
  lose(generation: number): void;
}

export interface OpenSnapshot {
  readonly generation: number;
  /** Of the temporary table. */
  readonly name: string;
  readonly orders: StatementSync;
  readonly versions: StatementSync;
}

type Row = Readonly<Record<string, unknown>>;

/** `keptMs`: one that is not read for so long may be given up, so that none is kept for a reader who has gone without closing it. */
export function prepareSnapshots(database: DatabaseSync, keptMs: number): Snapshots {
  const readAtMs = new Map<OpenSnapshot, number>();
  let opened = 0;
  const close = (snapshot: OpenSnapshot) => {
    if (readAtMs.delete(snapshot)) inTransaction(database, () => dropMoment(database, snapshot));
  };
  const closeAll = (isOver: (snapshot: OpenSnapshot, lastReadMs: number) => boolean) => {
    for (const [snapshot, lastReadMs] of readAtMs) if (isOver(snapshot, lastReadMs)) close(snapshot);
  };
  const read = (snapshot: OpenSnapshot, page: () => readonly Row[]): readonly Row[] => {
    if (!readAtMs.has(snapshot))
      throw new SnapshotLostError('the snapshot is closed, or was given up: open another one');
    readAtMs.set(snapshot, Date.now());
    return page();
  };
  return {
    open(generation) {
      closeAll((_snapshot, lastReadMs) => lastReadMs + keptMs < Date.now());
      opened += 1;
      const name = `snapshot_${opened}`;
      const snapshot = inTransaction(database, () => makeMoment(database, generation, name));
      readAtMs.set(snapshot, Date.now());
      return snapshot;
    },
    orders: (snapshot, { after = '', size, slice: { number, slices } }) =>
      read(snapshot, () => snapshot.orders.all(after, slices, number, size)).map(orderOfRow),
    versions: (snapshot, { after = '', size }) =>
      read(snapshot, () => snapshot.versions.all(after, size)).map(versionOfRow),
    close,
    lose: (generation) => closeAll((snapshot) => snapshot.generation === generation),
  };
}

function makeMoment(database: DatabaseSync, generation: number, name: string): OpenSnapshot {
  const { documents } = tablesOf(generation);
  const newest = Number(database.prepare(`SELECT max(id) AS newest FROM ${documents}`).get()?.['newest'] ?? 0);
  database.exec(`
    CREATE TEMP TABLE ${name} (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, view TEXT NOT NULL, events TEXT NOT NULL) STRICT;
    CREATE TEMP TRIGGER ${name}_keeps AFTER UPDATE ON main.${documents} WHEN OLD.id <= ${newest} BEGIN
      INSERT OR IGNORE INTO ${name} (id, version, view, events) VALUES (OLD.id, OLD.version, OLD.view, OLD.events);
    END;
  `);
  // An order's row keeps its id, so its part is told by it.
  const then = `FROM main.${documents} d LEFT JOIN temp.${name} b ON b.id = d.id WHERE d.order_id > ? AND d.id <= ${newest}`;
  const version = 'd.order_id AS orderId, coalesce(b.version, d.version) AS version';
  const inOrder = 'ORDER BY d.order_id LIMIT ?';
  return {
    generation,
    name,
    orders: database.prepare(
      `SELECT ${version}, coalesce(b.events, d.events) AS events, coalesce(b.view, d.view) ->> 'aggregateKeys' AS keys ${then} AND d.id % ? = ? ${inOrder}`,
    ),
    versions: database.prepare(`SELECT ${version}, coalesce(b.view, d.view) AS view ${then} ${inOrder}`),
  };
}

function dropMoment(database: DatabaseSync, { name }: OpenSnapshot): void {
  database.exec(`DROP TRIGGER temp.${name}_keeps; DROP TABLE temp.${name}`);
}

function orderOfRow(row: Row): StoredOrder {
  const events = JSON.parse(String(row['events'])) as readonly OrderEvent[];
  const keys = row['keys'];
  return {
    orderId: String(row['orderId']),
    version: Number(row['version']),
    events,
    ...(typeof keys === 'string' && { aggregateKeys: JSON.parse(keys) as readonly string[] }),
  };
}

function versionOfRow(row: Row): OrderVersion {
  const { eventsDigest } = JSON.parse(String(row['view'])) as OrderView & { readonly eventsDigest?: string };
  return { orderId: String(row['orderId']), version: Number(row['version']), eventsDigest };
}
