import type { DatabaseSync } from 'node:sqlite';

export interface HistoryEntry {
  /** Grows with every event, from 1; gaps are possible. */
  readonly offset: number;
  readonly publishedAtMs: number;
  readonly body: Uint8Array;
}

/** The replayable log: append-only, forgotten by age. */
export interface History {
  /** Within the publisher's transaction. */
  append(body: Uint8Array, publishedAtMs: number): void;
  read(page: { readonly from?: number; readonly size: number }): readonly HistoryEntry[];
  /** Forgets what is too old, at most once an hour. */
  trim(nowMs: number): void;
}

const TRIM_INTERVAL_MS = 3_600_000;

export function prepareHistory(database: DatabaseSync, maxAgeMs: number): History {
  const insert = database.prepare('INSERT INTO history (published_at_ms, body) VALUES (?, ?)');
  const page = database.prepare(
    'SELECT position, published_at_ms AS publishedAtMs, body FROM history WHERE position >= ? ORDER BY position LIMIT ?',
  );
  const forget = database.prepare('DELETE FROM history WHERE published_at_ms < ?');
  let trimmedAtMs = -Infinity;
  return {
    append(body, publishedAtMs) {
      insert.run(publishedAtMs, body);
    },
    read: ({ from = 0, size }) =>
      page.all(from, size).map(({ position, publishedAtMs, body }) => ({
        offset: Number(position),
        publishedAtMs: Number(publishedAtMs),
        body: body as Uint8Array,
      })),
    trim(nowMs) {
      if (nowMs - trimmedAtMs < TRIM_INTERVAL_MS) return;
      forget.run(nowMs - maxAgeMs);
      trimmedAtMs = nowMs;
    },
  };
}
