import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { readHints, type EventHints } from '../../order/event-hints.ts';
import type { DeadLetter } from '../port.ts';

export interface DeadLetters {
  /** Within a transaction of the caller's, or as one of its own. */
  insert(letter: DeadLetter): void;
  /** In the order of their arrival, after the given id. */
  list(page: { readonly after?: number; readonly size: number }): readonly (DeadLetter & { readonly id: number })[];
  remove(id: number): void;
  /**
   * What its body tells, for one of which the broker itself knows only that it gave up on it. It may be what kills the process as soon as
   * it is looked at: that it is looked at stands on the disk before, and it is done once. What was read stays with the letter.
   */
  lookInto(id: number, body: Uint8Array): EventHints;
}

/** @param inserted called with every letter, before the transaction is committed */
export function prepareDeadLetters(database: DatabaseSync, inserted: () => void): DeadLetters {
  const insert = database.prepare(
    `INSERT INTO dead_letters
       (body, reason, path, message, order_id, sequence, event_id, attempts, first_failed_at, last_failed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const page = database.prepare('SELECT * FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?');
  const beginLooking = database.prepare('UPDATE dead_letters SET looked_at = 1 WHERE id = ? AND looked_at = 0');
  const keepHints = database.prepare('UPDATE dead_letters SET order_id = ?, sequence = ?, event_id = ? WHERE id = ?');
  const remove = database.prepare('DELETE FROM dead_letters WHERE id = ?');
  return {
    insert({ body, refusal, orderId = null, sequence = null, eventId = null, attempts, firstFailedAt, lastFailedAt }) {
      const { reason, path, message } = refusal;
      insert.run(body, reason, path, message, orderId, sequence, eventId, attempts, firstFailedAt, lastFailedAt);
      inserted();
    },
    list: ({ after = 0, size }) => page.all(after, size).map(letterOf),
    remove: (id) => void remove.run(id),
    lookInto(id, body) {
      if (beginLooking.run(id).changes === 0) return {};
      const hints = readHints(body);
      keepHints.run(hints.orderId ?? null, hints.sequence ?? null, hints.eventId ?? null, id);
      return hints;
    },
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
