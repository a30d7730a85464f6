import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { createGenerationTables, tablesOf } from './schema.ts';

/** A generation's tables and indices: how each was made, by its name; the generation's number is in neither. */
export type TableDescription = ReadonlyMap<string, string>;

/** As they are in the file. What SQLite makes by itself for them (a word index's own tables) differs by its version, and is left out. */
export function describeTables(database: DatabaseSync, number: number): TableDescription {
  const tables = Object.values(tablesOf(number));
  const rows = database
    .prepare(
      `SELECT name, sql FROM sqlite_schema WHERE tbl_name IN (SELECT value FROM json_each(?)) AND sql IS NOT NULL ORDER BY name`,
    )
    .all(JSON.stringify(tables));
  const [, suffix = ''] = /_(\d+)$/.exec(tablesOf(number).documents) ?? [];
  const general = (text: unknown) => String(text).replaceAll(`_${suffix}`, '').replaceAll(/\s+/g, ' ');
  return new Map(rows.map(({ name, sql }) => [general(name), general(sql)]));
}

/** Names tables by what they are. */
export function hashTables(tables: TableDescription): string {
  return createHash('sha256')
    .update(JSON.stringify([...tables]))
    .digest('hex')
    .slice(0, 16);
}

/** What the present code would make, and is not there or is there otherwise. */
export function compareTables(actual: TableDescription): {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
} {
  const missing: string[] = [];
  const changed: string[] = [];
  for (const [name, sql] of tablesOfThisCode()) {
    const there = actual.get(name);
    if (there === undefined) missing.push(name);
    else if (there !== sql) changed.push(name);
  }
  return { missing, changed };
}

/** What the present code would make. */
export function tablesOfThisCode(): TableDescription {
  const database = new DatabaseSync(':memory:');
  try {
    createGenerationTables(database, 1);
    return describeTables(database, 1);
  } finally {
    database.close();
  }
}
