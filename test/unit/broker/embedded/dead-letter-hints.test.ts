import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { prepareDeadLetters } from '../../../../src/broker/embedded/dead-letters.ts';
import { createTables } from '../../../../src/broker/embedded/schema.ts';
import type { DeadLetter } from '../../../../src/broker/port.ts';

const BODY = new TextEncoder().encode('{"subject":"o-1","sequence":7,"id":"e-7"}');
const LETTER: DeadLetter = {
  body: BODY,
  refusal: { reason: 'delivery_limit', path: '', message: 'was delivered 4 times and never settled' },
  attempts: 4,
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:00.000Z',
};
/** Whoever looks at it dies of it. */
const DEADLY = {
  get byteLength(): number {
    throw new Error('killed');
  },
} as Uint8Array;
const HINTS = { orderId: 'o-1', sequence: 7, eventId: 'e-7' };

describe('a letter of which the embedded broker knows nothing', () => {
  let dataDir: string;
  let database: DatabaseSync;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-letters-'));
    database = new DatabaseSync(join(dataDir, 'broker.db'));
  });
  afterEach(() => {
    database.close();
    rmSync(dataDir, { recursive: true });
  });

  function letters() {
    createTables(database);
    return prepareDeadLetters(database, () => undefined);
  }

  describe('when it is looked into', () => {
    it('tells the order, the sequence and the event, and keeps them', () => {
      letters().insert(LETTER);
      assert.deepEqual(letters().lookInto(1, BODY), HINTS);
      assert.deepEqual(letters().list({ size: 1 }), [{ id: 1, ...LETTER, ...HINTS }]);
    });
  });

  describe('when the process has died of the look', () => {
    it('is not looked into again', () => {
      letters().insert(LETTER);
      assert.throws(() => letters().lookInto(1, DEADLY), /killed/);
      assert.deepEqual(letters().lookInto(1, BODY), {});
      assert.deepEqual(letters().list({ size: 1 }), [{ id: 1, ...LETTER }]);
    });
  });

  describe('when the file was made by an older version', () => {
    it('is looked into as any other', () => {
      database.exec(`
        CREATE TABLE dead_letters (
          id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL, reason TEXT NOT NULL, path TEXT NOT NULL, message TEXT NOT NULL,
          order_id TEXT, sequence INTEGER, event_id TEXT,
          attempts INTEGER NOT NULL, first_failed_at TEXT NOT NULL, last_failed_at TEXT NOT NULL
        ) STRICT;
      `);
      letters().insert(LETTER);
      assert.deepEqual(letters().lookInto(1, BODY), HINTS);
    });
  });
});
