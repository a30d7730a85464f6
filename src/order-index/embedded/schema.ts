import type { DatabaseSync } from 'node:sqlite';

/** The tables that belong to no generation. The registry is one row, so one look at it is atomic. */
const TECHNICAL = `
  CREATE TABLE IF NOT EXISTS generations (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, fold_version INTEGER NOT NULL,
    is_target INTEGER NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS registry (
    only INTEGER PRIMARY KEY CHECK (only = 1), epoch INTEGER NOT NULL, live TEXT NOT NULL REFERENCES generations (name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS parked (
    order_id TEXT NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL, parked_at TEXT NOT NULL,
    PRIMARY KEY (order_id, sequence)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS control (
    id TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS dead_letter_entries (
    id TEXT PRIMARY KEY, reason TEXT NOT NULL, path TEXT NOT NULL, message TEXT NOT NULL,
    order_id TEXT, sequence INTEGER, event_id TEXT,
    attempts INTEGER NOT NULL, first_failed_at TEXT NOT NULL, last_failed_at TEXT NOT NULL,
    settled_at TEXT, revision INTEGER NOT NULL, body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS aggregate_generations (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, aggregate TEXT NOT NULL, number INTEGER NOT NULL,
    is_live INTEGER NOT NULL, mapping_hash TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (aggregate, number)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS dead_letter_entries_by_failure ON dead_letter_entries (last_failed_at DESC, id);
  CREATE INDEX IF NOT EXISTS dead_letter_entries_by_order ON dead_letter_entries (order_id);
`;

/** The words are split at white space only: whatever ASCII might appear in a folded word is made a part of words. */
const ASCII_PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const TOKENIZER = `ascii tokenchars '${ASCII_PUNCTUATION.replaceAll("'", "''")}'`;

/** The tables of one generation, by its number. */
export interface GenerationTables {
  readonly documents: string;
  readonly words: string;
  readonly vocabulary: string;
  readonly exact: string;
  readonly terms: string;
  readonly changes: string;
  readonly contributions: string;
}

export function tablesOf(number: number): GenerationTables {
  const suffix = String(number).padStart(6, '0');
  return {
    documents: `documents_${suffix}`,
    words: `words_${suffix}`,
    vocabulary: `vocabulary_${suffix}`,
    exact: `exact_${suffix}`,
    terms: `terms_${suffix}`,
    changes: `changes_${suffix}`,
    contributions: `contributions_${suffix}`,
  };
}

/** The number of the generation that a table or index belongs to, also one that SQLite has made for it; undefined for those of none. */
export function numberInName(name: string): number | undefined {
  const [, digits] =
    /^(?:sqlite_autoindex_)?(?:documents|words|vocabulary|exact|terms|changes|contributions)_(\d{6,})(?:_|$)/.exec(
      name,
    ) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

export function createTechnicalTables(database: DatabaseSync): void {
  database.exec(TECHNICAL);
}

/**
 * What searches need stands before the events, which may be long: SQLite reads a row from its front.
 * The word index keeps no text of its own (`search` has it), and holds visible orders only.
 */
export function createGenerationTables(database: DatabaseSync, number: number): void {
  const { documents, words, vocabulary, exact } = tablesOf(number);
  database.exec(`
    CREATE TABLE ${documents} (
      id INTEGER PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, visible INTEGER NOT NULL, status TEXT NOT NULL,
      customer_id TEXT, seller_id TEXT, placed_at_ms INTEGER NOT NULL, total_cents INTEGER NOT NULL, search TEXT, view TEXT NOT NULL, events TEXT NOT NULL
    ) STRICT;
    CREATE INDEX ${documents}_by_date ON ${documents} (placed_at_ms, order_id) WHERE visible = 1;
    CREATE INDEX ${documents}_by_total ON ${documents} (total_cents, order_id) WHERE visible = 1;
    CREATE INDEX ${documents}_by_status ON ${documents} (status, placed_at_ms) WHERE visible = 1;
    CREATE INDEX ${documents}_by_customer ON ${documents} (customer_id, placed_at_ms) WHERE visible = 1;
    CREATE INDEX ${documents}_by_seller ON ${documents} (seller_id, placed_at_ms) WHERE visible = 1;
    CREATE VIRTUAL TABLE ${words} USING fts5(
      words, items, customer, content = '', contentless_delete = 1, prefix = '2 3', tokenize = "${TOKENIZER.replaceAll('"', '""')}"
    );
    CREATE VIRTUAL TABLE ${vocabulary} USING fts5vocab(${words}, row);
    CREATE TABLE ${exact} (folded TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (folded, id)) STRICT, WITHOUT ROWID;
    CREATE INDEX ${exact}_by_document ON ${exact} (id);
  `);
  createTermsTable(database, number);
  createTraceTables(database, number);
}

/**
 * Of visible orders, the values that filters and facets take and no column of the documents holds. Does nothing where it is there already.
 */
export function createTermsTable(database: DatabaseSync, number: number): void {
  const { terms } = tablesOf(number);
  database.exec(`
    CREATE TABLE IF NOT EXISTS ${terms} (
      field TEXT NOT NULL, value TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (field, value, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ${terms}_by_document ON ${terms} (id, field);
  `);
}

/**
 * Of all documents, hidden ones too: each one's last write, counted over all of them, and a row for each of its aggregate keys, with
 * what it adds there now. The order of the key's parts is that of the keys, as a day and a currency always have the same length.
 */
export function createTraceTables(database: DatabaseSync, number: number): void {
  const { changes, contributions } = tablesOf(number);
  database.exec(`
    CREATE TABLE ${changes} (
      id INTEGER PRIMARY KEY, change INTEGER NOT NULL UNIQUE, updated_at_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX ${changes}_by_time ON ${changes} (updated_at_ms);
    CREATE TABLE ${contributions} (
      day TEXT NOT NULL, currency TEXT NOT NULL, seller_id TEXT NOT NULL, id INTEGER NOT NULL, orders INTEGER NOT NULL,
      revenue_cents INTEGER NOT NULL, refunded_cents INTEGER NOT NULL, refund_count INTEGER NOT NULL, sales TEXT,
      PRIMARY KEY (day, currency, seller_id, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ${contributions}_by_document ON ${contributions} (id);
  `);
}

/** With their indices. Within a transaction. */
export function dropGenerationTables(database: DatabaseSync, number: number): void {
  const { documents, words, vocabulary, exact, terms, changes, contributions } = tablesOf(number);
  for (const table of [vocabulary, words, exact, terms, changes, contributions, documents]) {
    database.exec(`DROP TABLE IF EXISTS ${table}`);
  }
}
