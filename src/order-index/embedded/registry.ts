import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../../sqlite/database.ts';
import { IndexConfigurationError } from '../port.ts';
import type { Registry, WriteTarget } from '../port.ts';
import { completeTrace } from './aggregate-trace.ts';
import { createGenerationTables, createTechnicalTables } from './schema.ts';
import { completeTerms } from './terms.ts';

export interface GenerationRow {
  readonly name: string;
  readonly number: number;
  readonly foldVersion: number;
}

/** Makes the tables and the first generation where there are none. @throws IndexConfigurationError where newer code owns a write target */
export function prepareRegistry(database: DatabaseSync, prefix: string, foldVersion: number): void {
  inTransaction(database, () => {
    createTechnicalTables(database);
    if (database.prepare('SELECT 1 FROM registry').get() !== undefined) {
      for (const { number } of database.prepare('SELECT number FROM generations').all()) {
        completeTerms(database, Number(number));
        completeTrace(database, Number(number));
      }
      return;
    }
    createGenerationTables(database, 1);
    const name = addGeneration(database, { prefix, number: 1, foldVersion, isTarget: true });
    database.prepare('INSERT INTO registry (only, epoch, live) VALUES (1, 1, ?)').run(name);
  });
  const newer = newerTarget(database, foldVersion);
  if (newer !== undefined) throw new IndexConfigurationError(newer);
}

/** Why code of `foldVersion` must not write: a write target was made by newer code. Undefined where none was. */
export function newerTarget(database: DatabaseSync, foldVersion: number): string | undefined {
  const newer = database
    .prepare(
      `SELECT name, fold_version AS version FROM generations WHERE is_target = 1 AND fold_version > ?
       ORDER BY fold_version DESC LIMIT 1`,
    )
    .get(foldVersion);
  return (
    newer &&
    `generation ${String(newer['name'])} was made by newer code (fold version ${Number(newer['version'])}, ` +
      `this is ${foldVersion}): run that version, or a newer one`
  );
}

/** Its name. */
export function addGeneration(
  database: DatabaseSync,
  {
    prefix,
    number,
    foldVersion,
    isTarget,
  }: { readonly prefix: string; readonly number: number; readonly foldVersion: number; readonly isTarget: boolean },
): string {
  const name = `${prefix}-${String(number).padStart(6, '0')}`;
  database
    .prepare('INSERT INTO generations (name, number, fold_version, is_target, created_at) VALUES (?, ?, ?, ?, ?)')
    .run(name, number, foldVersion, Number(isTarget), new Date().toISOString());
  return name;
}

/** One statement, so one atomic look. The live target comes last. */
export function readRegistry(database: DatabaseSync): Registry {
  const rows = database
    .prepare(
      `SELECT r.epoch, g.name, g.name = r.live AS live FROM registry r JOIN generations g ON g.is_target = 1
       ORDER BY g.name = r.live, g.number`,
    )
    .all();
  const targets = rows.map(({ epoch, name }) => targetOf(String(name), Number(epoch)));
  const [last, live] = [rows.at(-1), targets.at(-1)];
  if (!last || !live || last['live'] !== 1) throw new IndexConfigurationError('the registry has no live generation');
  return { epoch: Number(last['epoch']), live, targets };
}

function targetOf(generation: string, epoch: number): WriteTarget {
  return { generation, address: `${generation}-w${epoch}` };
}

/** The generation that is live, whatever its epoch. */
export function liveGeneration(database: DatabaseSync): GenerationRow {
  const row = database
    .prepare(
      'SELECT g.name, g.number, g.fold_version AS foldVersion FROM registry r JOIN generations g ON g.name = r.live',
    )
    .get();
  if (!row) throw new IndexConfigurationError('the registry has no live generation');
  return { name: String(row['name']), number: Number(row['number']), foldVersion: Number(row['foldVersion']) };
}

/** The number of the generation that an address of the present epoch leads to; undefined once the registry has moved on. */
export function resolveAddress(database: DatabaseSync, target: WriteTarget): number | undefined {
  const row = database
    .prepare(
      `SELECT g.number FROM registry r JOIN generations g ON g.is_target = 1
       WHERE g.name = ? AND g.name || '-w' || r.epoch = ?`,
    )
    .get(target.generation, target.address);
  return row && Number(row['number']);
}

/** The number of a generation that is still there, written to or not. */
export function generationNumber(database: DatabaseSync, name: string): number | undefined {
  const row = database.prepare('SELECT number FROM generations WHERE name = ?').get(name);
  return row && Number(row['number']);
}
