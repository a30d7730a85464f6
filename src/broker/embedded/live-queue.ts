import type { DatabaseSync } from 'node:sqlite';
import { inTransaction } from '../../sqlite/database.ts';
import type { DeadLetters } from './dead-letters.ts';
import { upToBytes, type Row } from './up-to-bytes.ts';

/** Taken at once at most, or one message: what the consumer has no room for is read in vain, and kept in memory meanwhile. */
const TAKEN_BYTES = 8 * 1024 * 1024;

/** A message that was taken and is now out for delivery. */
export interface TakenMessage {
  readonly id: number;
  /** How often it was taken before. */
  readonly redeliveries: number;
  readonly publishedAtMs: number;
  /** Undefined for a heartbeat. */
  readonly body: Uint8Array | undefined;
}

/**
 * The durable queue. What is out for delivery is known to this process alone: after a restart it is all ready again, and how often a
 * message was taken is counted on the disk before it goes out, so that one which kills the process is known by its count.
 */
export class LiveQueue {
  readonly #database: DatabaseSync;
  readonly #deadLetters: DeadLetters;
  readonly #deliveryLimit: number;
  readonly #statements;
  /** Taken, and not given back: out for delivery, or settled and not yet removed. */
  readonly #taken = new Set<number>();
  readonly #settled: number[] = [];
  /** Given back, in the queue's order; all of them come before {@link #next}. */
  #returned: number[] = [];
  /** Nothing from this id on was taken yet. */
  #next = 0;
  #stored: number;

  constructor(database: DatabaseSync, deadLetters: DeadLetters, deliveryLimit: number) {
    this.#database = database;
    this.#deadLetters = deadLetters;
    this.#deliveryLimit = deliveryLimit;
    this.#statements = prepare(database);
    this.#stored = Number(this.#statements.count.get()?.['stored']);
  }

  /** Messages that can be taken. */
  get ready(): number {
    return this.#stored - this.#taken.size;
  }

  /** Within the publisher's transaction; {@link added} says when it is committed. */
  insert(body: Uint8Array | null, publishedAtMs: number): void {
    this.#statements.insert.run(publishedAtMs, body);
  }

  added(count: number): void {
    this.#stored += count;
  }

  /** The next messages, at most `count`, in the queue's order. Those that were delivered too often go to the dead letters instead. */
  take(count: number): readonly TakenMessage[] {
    const messages = inTransaction(this.#database, () => {
      const found = this.#peek(count);
      for (const message of found) {
        if (this.#isOverLimit(message)) this.#bury(message);
        else this.#statements.countDelivery.run(message.id);
      }
      return found;
    });
    const last = messages.at(-1);
    if (last) this.#next = Math.max(this.#next, last.id + 1);
    const ids = new Set(messages.map(({ id }) => id));
    this.#returned = this.#returned.filter((id) => !ids.has(id));
    const out = messages.filter((message) => !this.#isOverLimit(message));
    for (const { id } of out) this.#taken.add(id);
    this.#stored -= messages.length - out.length;
    return out;
  }

  requeue(ids: readonly number[]): void {
    for (const id of ids) this.#taken.delete(id);
    this.#returned = [...this.#returned, ...ids].sort((a, b) => a - b);
  }

  /** They are removed with the next {@link flush}; a crash before it delivers them once more. */
  settle(ids: readonly number[]): void {
    this.#settled.push(...ids);
  }

  flush(): void {
    if (this.#settled.length === 0) return;
    inTransaction(this.#database, () => {
      for (const id of this.#settled) this.#statements.remove.run(id);
    });
    for (const id of this.#settled) this.#taken.delete(id);
    this.#stored -= this.#settled.length;
    this.#settled.length = 0;
  }

  #peek(count: number): readonly TakenMessage[] {
    return upToBytes(this.#rows(count), toMessage, TAKEN_BYTES);
  }

  *#rows(count: number): Generator<Row> {
    const again = this.#returned.slice(0, count);
    for (const id of again) yield* this.#statements.byId.all(id);
    if (count > again.length) yield* this.#statements.from.iterate(this.#next, count - again.length);
  }

  #isOverLimit({ redeliveries }: TakenMessage): boolean {
    return redeliveries > this.#deliveryLimit;
  }

  /** A heartbeat says nothing later on: it is only dropped. */
  #bury({ id, redeliveries, publishedAtMs, body }: TakenMessage): void {
    this.#statements.remove.run(id);
    if (!body) return;
    this.#deadLetters.insert({
      body,
      refusal: { reason: 'delivery_limit', path: '', message: `was delivered ${redeliveries} times and never settled` },
      attempts: redeliveries,
      firstFailedAt: new Date(publishedAtMs).toISOString(),
      lastFailedAt: new Date().toISOString(),
    });
  }
}

function toMessage({ id, deliveries, publishedAtMs, body }: Row): TakenMessage {
  return {
    id: Number(id),
    redeliveries: Number(deliveries),
    publishedAtMs: Number(publishedAtMs),
    body: body instanceof Uint8Array ? body : undefined,
  };
}

function prepare(database: DatabaseSync) {
  const columns = 'id, deliveries, published_at_ms AS publishedAtMs, body';
  return {
    count: database.prepare('SELECT count(*) AS stored FROM queue'),
    insert: database.prepare('INSERT INTO queue (published_at_ms, body) VALUES (?, ?)'),
    byId: database.prepare(`SELECT ${columns} FROM queue WHERE id = ?`),
    from: database.prepare(`SELECT ${columns} FROM queue WHERE id >= ? ORDER BY id LIMIT ?`),
    countDelivery: database.prepare('UPDATE queue SET deliveries = deliveries + 1 WHERE id = ?'),
    remove: database.prepare('DELETE FROM queue WHERE id = ?'),
  };
}
