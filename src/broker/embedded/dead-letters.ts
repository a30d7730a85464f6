import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { DeadLetter } from '../port.ts';

export interface DeadLetters {
  /** Within a transaction of the caller's, or as one of its own. */
  insert(letter: DeadLetter): void;
  /** In the order of their arrival, after the given id. */
  list(page: { readonly after?: number; readonly size: number }): readonly (DeadLetter & { readonly id: number })[];
  remove(id: number): void;
}

/** @param inserted called with every letter, before the transaction is committed */
export function prepareDeadLetters(database: DatabaseSync, inserted: () => void): DeadLetters {
  const insert = database.prepare(
    `INSERT INTO dead_letters
       (body, reason, path, message, order_id, sequence, event_id, attempts, first_failed_at, last_failed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const page = database.prepare('SELECT * FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?');
  const remove = database.prepare('DELETE FROM dead_letters WHERE id = ?');
  return {
    insert({ body, refusal, orderId = null, sequence = null, eventId = null, attempts, firstFailedAt, lastFailedAt }) {
      const { reason, path, message } = refusal;
      insert.run(body, reason, path, message, orderId, sequence, eventId, attempts, firstFailedAt, lastFailedAt);
      inserted();
    },
    list: ({ after = 0, size }) => page.all(after, size).map(letterOf),
    remove: (id) => void remove.run(id),
  };
}

function letterOf(row: Readonly<Record<string, SQLOutputValue>>): DeadLetter & { readonly id: number } {
  return {
    id: Number(row['id']),
    body: row['body'] as Uint8Array,
    refusal: {
      reason: row['reason'] as DeadLetter['refusal']['reason'],
      path: String(row['path']),
      message: String(row['message']),
    },
    ...(row['order_id'] !== null && { orderId: String(row['order_id']) }),
    ...(row['sequence'] !== null && { sequence: Number(row['sequence']) }),
    ...(row['event_id'] !== null && { eventId: String(row['event_id']) }),
    attempts: Number(row['attempts']),
    firstFailedAt: String(row['first_failed_at']),
    lastFailedAt: String(row['last_failed_at']),
  };
}
