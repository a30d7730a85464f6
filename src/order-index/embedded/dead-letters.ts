import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { RefusalReason } from '../../order/event.ts';
import { inTransaction } from '../../sqlite/database.ts';
import { addFailure, deadLetterId, decodeDeadLetterCursor, encodeDeadLetterCursor } from '../dead-letter-entries.ts';
import type { FailureCount } from '../dead-letter-entries.ts';
import { LISTED_BODY_BYTES } from '../dead-letter-port.ts';
import type {
  DeadLetterEntry,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterWithBody,
  FailedMessage,
} from '../dead-letter-port.ts';

/** The port's operations, synchronously, each in one transaction. */
export interface DeadLetters {
  put(failed: FailedMessage): string;
  list(query: DeadLetterQuery): DeadLetterPage;
  get(id: string): DeadLetterWithBody | undefined;
  settle(id: string, revision: string | undefined): boolean;
  count(): number;
  forgetSettled(settledBefore: Date): void;
  forgetOrder(orderId: string): void;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** A settled entry stays as a trace without its body, so that its attempts go on counting. */
export function prepareDeadLetters(database: DatabaseSync): DeadLetters {
  const statements = prepare(database);
  return {
    put: (failed) => inTransaction(database, () => put(statements, failed)),
    list: (query) => list(statements, query),
    get(id) {
      const row = statements.get.get(id);
      return row && { ...entryOf(row), body: row['body'] as Uint8Array, revision: String(row['revision']) };
    },
    settle: (id, revision) =>
      statements.settle.run(new Date().toISOString(), id, revision ?? null, revision ?? null).changes === 1,
    count: () => Number(statements.count.get()?.['entries']),
    forgetSettled: (settledBefore) => void statements.forgetSettled.run(settledBefore.toISOString()),
    forgetOrder: (orderId) => void statements.forgetOrder.run(orderId),
  };
}

function prepare(database: DatabaseSync) {
  return {
    failures: database.prepare(
      `SELECT attempts, first_failed_at AS firstFailedAt, last_failed_at AS lastFailedAt, revision, settled_at IS NOT NULL AS settled
       FROM dead_letter_entries WHERE id = ?`,
    ),
    replace: database.prepare(
      `INSERT OR REPLACE INTO dead_letter_entries
         (id, reason, path, message, order_id, sequence, event_id, attempts, first_failed_at, last_failed_at, body, revision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    get: database.prepare(
      'SELECT *, length(body) AS body_bytes FROM dead_letter_entries WHERE id = ? AND settled_at IS NULL',
    ),
    page: database.prepare(
      `SELECT id, reason, path, message, order_id, sequence, event_id, attempts, first_failed_at, last_failed_at,
         length(body) AS body_bytes, CASE WHEN length(body) <= ${LISTED_BODY_BYTES} THEN body END AS body
       FROM dead_letter_entries
       WHERE settled_at IS NULL
         AND (:reasons IS NULL OR reason IN (SELECT value FROM json_each(:reasons)))
         AND (:orderIds IS NULL OR order_id IN (SELECT value FROM json_each(:orderIds)))
         AND (:lastFailedAt IS NULL OR last_failed_at < :lastFailedAt OR (last_failed_at = :lastFailedAt AND id > :id))
       ORDER BY last_failed_at DESC, id LIMIT :size`,
    ),
    settle: database.prepare(
      `UPDATE dead_letter_entries
       SET settled_at = ?, path = '', message = '', sequence = NULL, event_id = NULL, body = x'', revision = revision + 1
       WHERE id = ? AND settled_at IS NULL AND (? IS NULL OR CAST(revision AS TEXT) = ?)`,
    ),
    count: database.prepare('SELECT count(*) AS entries FROM dead_letter_entries WHERE settled_at IS NULL'),
    forgetSettled: database.prepare('DELETE FROM dead_letter_entries WHERE settled_at < ?'),
    forgetOrder: database.prepare('DELETE FROM dead_letter_entries WHERE order_id = ?'),
  };
}

type Statements = ReturnType<typeof prepare>;

function put({ failures, replace }: Statements, failed: FailedMessage): string {
  const id = deadLetterId(failed);
  const row = failures.get(id);
  const known = row && { ...(row as unknown as FailureCount), settled: row['settled'] === 1 };
  const counted = addFailure(known, failed);
  if (!counted) return id;
  const { refusal, orderId = null, sequence = null, eventId = null, body } = failed;
  const { attempts, firstFailedAt, lastFailedAt } = counted;
  const what = [id, refusal.reason, refusal.path, refusal.message, orderId, sequence, eventId] as const;
  replace.run(...what, attempts, firstFailedAt, lastFailedAt, body, Number(row?.['revision'] ?? 0) + 1);
  return id;
}

function list({ page }: Statements, query: DeadLetterQuery): DeadLetterPage {
  const { reason, orderId, size, cursor } = query;
  const after = cursor === undefined ? undefined : decodeDeadLetterCursor(query, cursor);
  const rows = page.all({
    reasons: reason ? JSON.stringify(reason) : null,
    orderIds: orderId ? JSON.stringify(orderId) : null,
    lastFailedAt: after?.lastFailedAt ?? null,
    id: after?.id ?? null,
    size: size + 1,
  });
  const items = rows.slice(0, size).map(entryOf);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > size && last ? encodeDeadLetterCursor(query, last) : null };
}

function entryOf(row: Row): DeadLetterEntry {
  return {
    id: String(row['id']),
    refusal: {
      reason: row['reason'] as RefusalReason,
      path: String(row['path']),
      message: String(row['message']),
    },
    ...(row['order_id'] !== null && { orderId: String(row['order_id']) }),
    ...(row['sequence'] !== null && { sequence: Number(row['sequence']) }),
    ...(row['event_id'] !== null && { eventId: String(row['event_id']) }),
    attempts: Number(row['attempts']),
    firstFailedAt: String(row['first_failed_at']),
    lastFailedAt: String(row['last_failed_at']),
    bodyBytes: Number(row['body_bytes']),
    ...(row['body'] instanceof Uint8Array && { body: row['body'] }),
  };
}
