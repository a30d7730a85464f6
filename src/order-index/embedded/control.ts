import type { DatabaseSync } from 'node:sqlite';
import type { ControlRecord } from '../port.ts';

export interface Control {
  read(id: string): ControlRecord | undefined;
  /** One statement, so the comparison and the change are one. `expected` as in the port. */
  write(id: string, value: Readonly<Record<string, unknown>>, expected: string | null | undefined): boolean;
}

export function prepareControl(database: DatabaseSync): Control {
  const select = database.prepare('SELECT value, revision FROM control WHERE id = ?');
  const insert = database.prepare('INSERT OR IGNORE INTO control (id, value, revision) VALUES (?, ?, 1)');
  const replace = database.prepare(
    'UPDATE control SET value = ?, revision = revision + 1 WHERE id = ? AND revision = ?',
  );
  const upsert = database.prepare(
    `INSERT INTO control (id, value, revision) VALUES (?, ?, 1)
     ON CONFLICT (id) DO UPDATE SET value = excluded.value, revision = revision + 1`,
  );
  return {
    read(id) {
      const row = select.get(id);
      return (
        row && { value: JSON.parse(String(row['value'])) as ControlRecord['value'], revision: String(row['revision']) }
      );
    },
    write(id, value, expected) {
      const json = JSON.stringify(value);
      if (expected === undefined) return upsert.run(id, json).changes === 1;
      if (expected === null) return insert.run(id, json).changes === 1;
      // A revision that is no number was not made here, and matches nothing.
      return /^\d+$/.test(expected) && replace.run(json, id, Number(expected)).changes === 1;
    },
  };
}
