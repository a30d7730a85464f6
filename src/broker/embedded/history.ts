import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HistoryMessage, ReadHistoryOptions } from '../port.ts';
import { upToBytes, type Row } from './up-to-bytes.ts';

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
  read(page: { readonly from: number; readonly size: number }): readonly HistoryEntry[];
  /** The offset of the first event published at that time or later; undefined where there is none. */
  offsetAt(publishedAtMs: number): number | undefined;
  /** The newest event's offset; 0 where there is none. */
  newest(): number;
  size(): number;
  /** Forgets what is too old, at most once an hour. */
  trim(nowMs: number): void;
}

const TRIM_INTERVAL_MS = 3_600_000;
const PAGE = 200;
/** A page ends once it has as many; a single message may have more. */
const PAGE_BYTES = 8 * 1024 * 1024;

export function prepareHistory(database: DatabaseSync, maxAgeMs: number): History {
  const insert = database.prepare('INSERT INTO history (published_at_ms, body) VALUES (?, ?)');
  const page = database.prepare(
    'SELECT position, published_at_ms AS publishedAtMs, body FROM history WHERE position >= ? ORDER BY position LIMIT ?',
  );
  const firstAt = database.prepare('SELECT min(position) AS position FROM history WHERE published_at_ms >= ?');
  const last = database.prepare('SELECT max(position) AS position FROM history');
  const forget = database.prepare('DELETE FROM history WHERE published_at_ms < ?');
  const count = database.prepare('SELECT count(*) AS size FROM history');
  let trimmedAtMs = -Infinity;
  return {
    append(body, publishedAtMs) {
      insert.run(publishedAtMs, body);
    },
    offsetAt: (publishedAtMs) => optional(firstAt.get(publishedAtMs)?.['position']),
    newest: () => Number(last.get()?.['position'] ?? 0),
    size: () => Number(count.get()?.['size'] ?? 0),
    read: ({ from, size }) => upToBytes(page.iterate(from, size), toEntry, PAGE_BYTES),
    trim(nowMs) {
      if (nowMs - trimmedAtMs < TRIM_INTERVAL_MS) return;
      forget.run(nowMs - maxAgeMs);
      trimmedAtMs = nowMs;
    },
  };
}

function toEntry({ position, publishedAtMs, body }: Row): HistoryEntry {
  return { offset: Number(position), publishedAtMs: Number(publishedAtMs), body: body as Uint8Array };
}

function optional(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/**
 * `Broker.readHistory` over a log that knows its end.
 * @param using gives the log to a synchronous use of it. @throws BrokerUnavailableError where it is closed
 */
export async function* readHistoryPages(
  using: <T>(use: (history: History) => T) => Promise<T>,
  { from, signal }: ReadHistoryOptions,
): AsyncGenerator<HistoryMessage, void, undefined> {
  signal.throwIfAborted();
  const end = await using((history) => history.newest());
  let next: number | undefined = await using((history) => {
    if (from.kind === 'time') return history.offsetAt(from.at.getTime());
    return from.kind === 'first' ? 0 : from.offset;
  });
  while (next !== undefined && next <= end) {
    const start: number = next;
    const page = await using((history) => history.read({ from: start, size: PAGE }));
    for (const { offset, publishedAtMs, body } of page) {
      signal.throwIfAborted();
      if (offset > end) return;
      yield { offset, body, publishedAt: new Date(publishedAtMs) };
    }
    // SQLite answers at once: without this nothing else would get its turn.
    await nextTurn();
    const last = page.at(-1);
    next = last && last.offset + 1;
  }
}
