import type { DatabaseSync } from 'node:sqlite';

const LOOKED_AT = 'looked_at INTEGER NOT NULL DEFAULT 0';

/**
 * Ids are never used twice (AUTOINCREMENT), also when a table has been empty: the queue's order and the history's offsets rest on it.
 * A heartbeat has no body.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, published_at_ms INTEGER NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0, body BLOB
  ) STRICT;
  CREATE TABLE IF NOT EXISTS history (
    position INTEGER PRIMARY KEY AUTOINCREMENT, published_at_ms INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS history_by_time ON history (published_at_ms);
  CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL, reason TEXT NOT NULL, path TEXT NOT NULL, message TEXT NOT NULL,
    order_id TEXT, sequence INTEGER, event_id TEXT,
    attempts INTEGER NOT NULL, first_failed_at TEXT NOT NULL, last_failed_at TEXT NOT NULL,
    ${LOOKED_AT}
  ) STRICT;
`;

export function createTables(database: DatabaseSync): void {
  database.exec(TABLES);
  // A file of an older version has the table without it.
  const columns = database.prepare("SELECT name FROM pragma_table_info('dead_letters')").all();
  if (!columns.some(({ name }) => name === 'looked_at'))
    database.exec(`ALTER TABLE dead_letters ADD COLUMN ${LOOKED_AT}`);
}
