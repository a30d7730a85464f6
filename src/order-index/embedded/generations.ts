import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../../sqlite/database.ts';
import type {
  Generation,
  Generations,
  MappingDrift,
  MoveResult,
  RegistryChange,
  Snapshot,
} from '../generations-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { intended, isCarriedOut } from '../registry-change.ts';
import { addGeneration, liveGeneration, readRegistry } from './registry.ts';
import { createGenerationTables, dropGenerationTables, numberInName, tablesOf } from './schema.ts';
import type { OpenSnapshot, Snapshots } from './snapshots.ts';
import type { Reading, Store } from './store.ts';
import { compareTables, describeTables, hashTables, tablesOfThisCode } from './table-drift.ts';

/** Of the code that makes generations. */
export interface GenerationCode {
  readonly prefix: string;
  readonly foldVersion: number;
}

/**
 * The port on one SQLite file. What is written is visible at once and there are no settings, so refreshing and restoring settings
 * only make sure that the generation is there.
 */
export function embeddedGenerations(reading: Reading, { prefix, foldVersion }: GenerationCode): Generations {
  return {
    list: () => reading(listGenerations),
    create: (number) => reading(({ database }) => create(database, { prefix, number, foldVersion })),
    renameEpoch: (expectedEpoch, change) => reading(({ database }) => moveRegistry(database, expectedEpoch, change)),
    restoreSettings: (name) =>
      reading((store) => {
        expectNumber(store.database, name);
        return { kind: 'ready' };
      }),
    writeBlock: (name) =>
      reading(({ database, frozen }) => {
        expectNumber(database, name);
        return frozen.has(name) ? 'frozen' : undefined;
      }),
    refresh: (name) => reading(({ database }) => void expectNumber(database, name)),
    openSnapshot: (name) =>
      reading(({ database, snapshots }) => {
        const snapshot = snapshots.open(expectNumber(database, name));
        return snapshotOf(reading, name, snapshot);
      }),
    freeze: (name) =>
      reading(({ database, frozen }) => {
        expectNumber(database, name);
        frozen.add(name);
      }),
    thaw: (name) => reading(({ frozen }) => void frozen.delete(name)),
    paceRefreshes: ({ address }) =>
      reading(({ database }) => readRegistry(database).targets.some((target) => target.address === address)),
    drop: (name) => reading((store) => drop(store, name)),
    origin: (name) => reading(({ database }) => originOf(database, name)),
    drift: () => reading(({ database }) => driftOf(database, foldVersion)),
    code: () => ({ mappingHash: hashTables(tablesOfThisCode()), foldVersion }),
  };
}

function snapshotOf(reading: Reading, name: string, snapshot: OpenSnapshot): Snapshot {
  const readingIt = <T>(read: (snapshots: Snapshots) => T) =>
    reading(({ database, snapshots }) => {
      expectNumber(database, name);
      return read(snapshots);
    });
  return {
    orders: (page) => readingIt((snapshots) => snapshots.orders(snapshot, page)),
    versions: (page) => readingIt((snapshots) => snapshots.versions(snapshot, page)),
    async close() {
      try {
        await reading(({ snapshots }) => snapshots.close(snapshot));
      } catch (error) {
        // It ended with the connection at the latest.
        if (!(error instanceof IndexUnavailableError)) throw error;
      }
    },
  };
}

/** @throws IndexUnavailableError where it is gone */
function expectNumber(database: DatabaseSync, name: string): number {
  const row = database.prepare('SELECT number FROM generations WHERE name = ?').get(name);
  if (!row) throw gone(name);
  return Number(row['number']);
}

/** @throws IndexUnavailableError where it is gone */
function originOf(database: DatabaseSync, name: string): Awaited<ReturnType<Generations['origin']>> {
  const row = database.prepare('SELECT number, created_at, fold_version FROM generations WHERE name = ?').get(name);
  if (!row) throw gone(name);
  return {
    mappingHash: hashTables(describeTables(database, Number(row['number']))),
    foldVersion: Number(row['fold_version']),
    createdAt: String(row['created_at']),
  };
}

function gone(name: string): IndexUnavailableError {
  return new IndexUnavailableError(`the generation ${name} is gone`);
}

function create(database: DatabaseSync, made: GenerationCode & { readonly number: number }): 'created' | 'exists' {
  return inTransaction(database, () => {
    const { number } = made;
    if (database.prepare('SELECT 1 FROM generations WHERE number = ?').get(number) !== undefined) return 'exists';
    createGenerationTables(database, number);
    addGeneration(database, { ...made, isTarget: false });
    return 'created';
  });
}

/** The look and the move are one transaction, so what is there now is what is changed. */
function moveRegistry(database: DatabaseSync, expectedEpoch: number, change: RegistryChange): MoveResult {
  return inTransaction(database, () => {
    const before = readRegistry(database);
    if (before.epoch !== expectedEpoch) {
      const isOurs = before.epoch === expectedEpoch + 1 && isCarriedOut(before, change);
      return { kind: isOurs ? 'moved' : 'lost_race', registry: before };
    }
    const { live, targets } = intended(before, change);
    for (const name of targets) expectNumber(database, name);
    const names = JSON.stringify(targets);
    database.prepare('UPDATE generations SET is_target = name IN (SELECT value FROM json_each(?))').run(names);
    database.prepare('UPDATE registry SET epoch = epoch + 1, live = ?').run(live);
    return { kind: 'moved', registry: readRegistry(database) };
  });
}

/**
 * The pages of its tables are free for the next generation; the file keeps its length, since giving them back would mean to write all
 * the others anew.
 */
function drop({ database, generations, frozen, snapshots }: Store, name: string): void {
  const row = database.prepare('SELECT number, is_target FROM generations WHERE name = ?').get(name);
  if (!row) return;
  if (row['is_target'] === 1) throw new Error(`${name} is a write target: it cannot be dropped`);
  const number = Number(row['number']);
  snapshots.lose(number);
  inTransaction(database, () => {
    dropGenerationTables(database, number);
    database.prepare('DELETE FROM generations WHERE name = ?').run(name);
  });
  // Another one of that number has words of its own.
  generations.delete(number);
  frozen.delete(name);
}

function listGenerations({ database, frozen }: Store): readonly Generation[] {
  const sizes = sizesByNumber(database);
  const rows = database
    .prepare(
      `SELECT name, number, name = (SELECT live FROM registry) AS isLive, is_target AS isTarget, fold_version AS foldVersion,
         created_at AS createdAt
       FROM generations ORDER BY number`,
    )
    .all();
  return rows.map((row): Generation => {
    const number = Number(row['number']);
    const name = String(row['name']);
    return {
      name,
      number,
      isLive: row['isLive'] === 1,
      isTarget: row['isTarget'] === 1,
      isFrozen: frozen.has(name),
      documents: countDocuments(database, number),
      sizeBytes: sizes.get(number) ?? 0,
      mappingHash: hashTables(describeTables(database, number)),
      foldVersion: Number(row['foldVersion']),
      createdAt: String(row['createdAt']),
    };
  });
}

/** Hidden orders too. */
function countDocuments(database: DatabaseSync, number: number): number {
  return Number(
    database.prepare(`SELECT count(*) AS documents FROM ${tablesOf(number).documents}`).get()?.['documents'],
  );
}

/** Looks at every page of the file once: about a quarter of a second a gigabyte. */
function sizesByNumber(database: DatabaseSync): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const { name, pgsize } of database.prepare('SELECT name, pgsize FROM dbstat WHERE aggregate = 1').iterate()) {
    const number = numberInName(String(name));
    if (number !== undefined) sizes.set(number, (sizes.get(number) ?? 0) + Number(pgsize));
  }
  return sizes;
}

/** How the live generation stands to the code of `foldVersion`. */
export function driftOf(database: DatabaseSync, foldVersion: number): MappingDrift {
  const live = liveGeneration(database);
  if (live.foldVersion !== foldVersion) {
    const reason = `it was folded by version ${live.foldVersion}, the code's is ${foldVersion}`;
    return { mapping: 'rebuild needed', reason };
  }
  const { missing, changed } = compareTables(describeTables(database, live.number));
  if (changed.length > 0) return { mapping: 'rebuild needed', reason: `made otherwise: ${changed.join(', ')}` };
  if (missing.length > 0) return { mapping: 'additive', reason: `not there yet: ${missing.join(', ')}` };
  return { mapping: 'current' };
}
