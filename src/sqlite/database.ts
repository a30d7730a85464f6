import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another process (or another part of this one) has the file open. */
export class DatabaseInUseError extends Error {
  readonly code = 'DATABASE_IN_USE';
  override readonly name = 'DatabaseInUseError';
}

/** The folder of the file cannot be made or written to: only an operator can mend that. */
export class DataDirUnusableError extends Error {
  readonly code = 'DATA_DIR_UNUSABLE';
  override readonly name = 'DataDirUnusableError';
}

/** How long an opening waits for the holder of a file to let it go: a service that is being restarted is gone by then. */
const LOCK_WAIT_MS = 250;

/** Orders are personal data. A folder that is there already keeps the rights that it has. */
const OWNER_ONLY = 0o700;

/** As many as SQLite writes before it moves them into the file and begins the log anew, and so overwrites them: 1,000 pages. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;

/** SQLite's primary result codes for what the machine did (a full disk, another process's lock): the statement may succeed later. */
const STORAGE_FAULTS: ReadonlySet<number> = new Set([
  5, // SQLITE_BUSY
  6, // SQLITE_LOCKED
  7, // SQLITE_NOMEM
  8, // SQLITE_READONLY
  10, // SQLITE_IOERR
  11, // SQLITE_CORRUPT
  13, // SQLITE_FULL
  14, // SQLITE_CANTOPEN
  26, // SQLITE_NOTADB
]);
const SQLITE_BUSY = 5;
const SQLITE_TOOBIG = 18;

/** What an opening fails with where the file, or its folder, cannot be written. */
const UNWRITABLE: ReadonlySet<number> = new Set([
  8, // SQLITE_READONLY
  14, // SQLITE_CANTOPEN
  3850, // SQLITE_IOERR_LOCK: a file that is open for reading cannot be locked for writing
]);

/**
 * Opens (or makes) the file for this process alone. The lock is the operating system's and dies with the process, however it ends,
 * so there is never a stale one to clean up.
 * @throws DatabaseInUseError where someone else has it
 * @throws DataDirUnusableError where it cannot be written
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    makeFolder(dirname(path));
  } catch (error) {
    throw unusable(dirname(path), error);
  }
  try {
    return openForThisProcessAlone(path);
  } catch (error) {
    throw UNWRITABLE.has(extendedResultCode(error) ?? 0) ? unusable(dirname(path), error) : error;
  }
}

/**
 * And those above it, one by one: Node's recursive `mkdirSync` never returns where the system denies a folder whose parent is there
 * with ENOENT, as in /proc. Whatever is wrong with one (a read-only file system, a file in its place, no right to) is wrong with DATA_DIR.
 */
function makeFolder(folder: string): void {
  const above = dirname(folder);
  if (!existsSync(above)) makeFolder(above);
  try {
    mkdirSync(folder, { mode: OWNER_ONLY });
  } catch (error) {
    // It is there, or another one has made it meanwhile.
    if (!isFolder(folder)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function unusable(folder: string, cause: unknown): DataDirUnusableError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DataDirUnusableError(
    `DATA_DIR=${JSON.stringify(folder)}: cannot be written to (${reason}); name a folder that the service may write to`,
    { cause },
  );
}

function openForThisProcessAlone(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
  try {
    // In exclusive mode a WAL connection takes the file's lock with its first transaction and keeps it until it is closed.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON');
    database.exec('BEGIN IMMEDIATE; COMMIT');
    // What is deleted is overwritten, not only given free: an erased order's texts must not stay in the file.
    // And what one long transaction has left in the log is cut off, since short ones would not overwrite it for long.
    database.exec(`PRAGMA secure_delete = ON; PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`);
    setDurability(database, 'power-loss');
    return database;
  } catch (error) {
    database.close();
    if (resultCode(error) !== SQLITE_BUSY) throw error;
    throw new DatabaseInUseError(`${path} is in use by another process: only one may run on a DATA_DIR`, {
      cause: error,
    });
  }
}

/**
 * What a commit survives: `power-loss` waits for the disk, `process-crash` only hands the pages to the operating system. A commit of
 * the first kind makes all those before it durable too. Not within a transaction.
 */
export function setDurability(database: DatabaseSync, against: 'power-loss' | 'process-crash'): void {
  database.exec(against === 'power-loss' ? 'PRAGMA synchronous = FULL' : 'PRAGMA synchronous = NORMAL');
}

/** Runs `body` in one transaction: all of it or, when it throws, nothing. */
export function inTransaction<T>(database: DatabaseSync, body: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = body();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // Some errors (a full disk) have rolled it back already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Whether a statement failed for a reason that may pass: a full disk, a lock, an unreadable file, or a database closed by now. */
export function isStorageFault(error: unknown): boolean {
  const code = resultCode(error);
  if (code !== undefined) return STORAGE_FAULTS.has(code);
  return error instanceof Error && 'code' in error && error.code === 'ERR_INVALID_STATE';
}

/** Whether a value is longer than SQLite (or a JavaScript string) can hold. */
export function isTooBig(error: unknown): boolean {
  return resultCode(error) === SQLITE_TOOBIG || (error instanceof RangeError && /string length/.test(error.message));
}

/** The primary result code, without the extension in the higher bits. */
function resultCode(error: unknown): number | undefined {
  const extended = extendedResultCode(error);
  return extended === undefined ? undefined : extended & 0xff;
}

function extendedResultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}
