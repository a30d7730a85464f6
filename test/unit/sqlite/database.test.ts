import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import {
  DataDirUnusableError,
  DatabaseInUseError,
  inTransaction,
  isTooBig,
  isStorageFault,
  openDatabase,
} from '../../../src/sqlite/database.ts';

function thrownBy(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

/** An unprivileged user of no importance. */
const NOBODY = 65_534;

/** As somebody else than root, who may write anywhere. */
function unprivileged<T>(attempt: () => T): T {
  if (process.geteuid?.() !== 0) return attempt();
  process.seteuid?.(NOBODY);
  try {
    return attempt();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a SQLite database of the service', () => {
  let directory: string;
  let database: DatabaseSync;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'order-search-sqlite-'));
    database = openDatabase(join(directory, 'deep', 'down', 'a.db'));
    database.exec('CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT) STRICT');
  });
  afterEach(() => {
    if (database.isOpen) database.close();
    rmSync(directory, { recursive: true });
  });

  const insert = (number: number, text = '') => database.prepare('INSERT INTO numbers VALUES (?, ?)').run(number, text);
  const count = () => database.prepare('SELECT count(*) AS count FROM numbers').get()?.['count'];

  describe('what others may learn from it', () => {
    it('is nothing that was deleted: not even the file has it', () => {
      const path = join(directory, 'deep', 'down', 'a.db');
      const isInFile = () => readFileSync(path, 'latin1').includes('Zebulon');
      for (let number = 0; number < 100; number++) insert(number, 'Zebulon '.repeat(100));
      database.exec('PRAGMA wal_checkpoint');
      assert.ok(isInFile());
      database.exec('DELETE FROM numbers WHERE number > 0');
      database.exec("UPDATE numbers SET text = ''");
      database.close();
      assert.ok(!isInFile());
    });

    it('is nothing that one long transaction wrote, once some short ones have followed its deletion', () => {
      const log = join(directory, 'deep', 'down', 'a.db-wal');
      inTransaction(database, () => {
        for (let number = 0; number < 3_000; number++) insert(number, 'Zebulon '.repeat(500));
      });
      assert.ok(readFileSync(log, 'latin1').includes('Zebulon'));
      database.exec("UPDATE numbers SET text = ''");
      for (let number = 3_000; number < 6_000; number++) insert(number);
      assert.ok(!readFileSync(log, 'latin1').includes('Zebulon'));
    });

    it('is nothing where it has made the folder, which is for the owner alone', () => {
      for (const folder of ['deep', 'deep/down']) assert.equal(statSync(join(directory, folder)).mode & 0o777, 0o700);
    });
  });

  describe('when a transaction throws', () => {
    it('leaves nothing of it, and takes the next one', () => {
      const broken = () =>
        inTransaction(database, () => {
          insert(1);
          throw new Error('half way');
        });
      assert.throws(broken, /half way/);
      assert.equal(count(), 0);
      assert.equal(
        inTransaction(database, () => insert(1).changes),
        1,
      );
      assert.equal(count(), 1);
    });
  });

  describe('when it is opened twice', () => {
    it('refuses the second until the first is closed', () => {
      const path = database.location() ?? '';
      assert.throws(() => openDatabase(path), DatabaseInUseError);
      insert(1);
      database.close();
      database = openDatabase(path);
      assert.equal(count(), 1);
    });
  });

  describe('when its folder cannot be written to', () => {
    function assertBlamed(folder: string, attempt: () => unknown): void {
      const error = thrownBy(attempt);
      assert.ok(error instanceof DataDirUnusableError, String(error));
      assert.ok(error.message.startsWith(`DATA_DIR="${folder}": cannot be written to (`), error.message);
      assert.match(error.message, /; name a folder that the service may write to$/);
    }

    it('blames DATA_DIR where a file is in its place, or above it', () => {
      const file = join(directory, 'file');
      writeFileSync(file, '');
      for (const folder of [file, join(file, 'data')]) assertBlamed(folder, () => openDatabase(join(folder, 'a.db')));
    });

    it('blames DATA_DIR where the system lets nobody make a folder, and says that the one above is not there', () => {
      const module = new URL('../../../src/sqlite/database.ts', import.meta.url).href;
      const script = `const { openDatabase } = await import('${module}'); openDatabase('/proc/x/y/a.db');`;
      // What never returns can only be ended from outside.
      const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        timeout: 20_000,
        killSignal: 'SIGKILL',
      });
      assert.equal(signal, null, 'it goes on for ever');
      assert.match(stderr, /DataDirUnusableError: DATA_DIR="\/proc\/x\/y": cannot be written to \(ENOENT/);
    });

    describe('by this user', () => {
      let folder: string;

      beforeEach(() => {
        folder = join(directory, 'locked');
        mkdirSync(folder);
        openDatabase(join(folder, 'there.db')).close();
        chmodSync(directory, 0o755);
        chmodSync(join(folder, 'there.db'), 0o444);
        chmodSync(folder, 0o555);
      });
      afterEach(() => chmodSync(folder, 0o755));

      it('blames DATA_DIR, whether the folder has to be made, the file, or neither', () => {
        const inside = join(folder, 'data');
        assertBlamed(inside, () => unprivileged(() => openDatabase(join(inside, 'a.db'))));
        for (const name of ['new.db', 'there.db']) {
          assertBlamed(folder, () => unprivileged(() => openDatabase(join(folder, name))));
        }
      });
    });
  });

  describe('when a statement fails', () => {
    it('takes a full disk for an outage, and is whole afterwards', () => {
      database.exec('PRAGMA max_page_count = 10');
      const fill = () => inTransaction(database, () => insert(1, 'x'.repeat(100_000)));
      assert.equal(isStorageFault(thrownBy(fill)), true);
      assert.equal(count(), 0);
      insert(2);
      assert.equal(count(), 1);
    });

    it('takes a closed database for an outage', () => {
      const prepared = database.prepare('SELECT 1');
      database.close();
      assert.equal(isStorageFault(thrownBy(() => prepared.get())), true);
      assert.equal(isStorageFault(thrownBy(() => database.exec('SELECT 1'))), true);
    });

    it('blames the value for its size', () => {
      const error = thrownBy(() => database.prepare('SELECT zeroblob(2000000000)').get());
      assert.equal(isTooBig(error), true);
      assert.equal(isStorageFault(error), false);
    });

    it('blames nobody for a bug', () => {
      insert(1);
      for (const bug of [() => insert(1), () => database.exec('SELEC'), () => void JSON.parse('{')]) {
        const error = thrownBy(bug);
        assert.deepEqual([isStorageFault(error), isTooBig(error)], [false, false]);
      }
    });
  });
});
