import type { ConnectionPool, PooledConnection } from './database.ts';
import { storedEvent, type OutboxEvent } from './events.ts';
import { Wake } from './wake.ts';

/** Where a relay is in a turn: a test's fault points. */
export type RelayStep = 'claimed' | 'published' | 'marked' | 'committed';

export interface RelayOptions {
  readonly pool: ConnectionPool;
  /**
   * Publishes the events in this order and resolves when the broker has confirmed every one. Where it rejects, all of them are published
   * again later.
   */
  readonly publish: (events: readonly OutboxEvent[]) => Promise<void>;
  /** Told of what did not work, and will be tried again. */
  readonly onTrouble: (error: unknown) => void;
  /** At most so many events at a time; by default 500. */
  readonly batchSize?: number;
  /** How often it looks without being notified; by default every second. */
  readonly pollMs?: number;
  /** Called at each step of a turn. */
  readonly reached?: (step: RelayStep) => Promise<void>;
}

const BATCH_SIZE = 500;
const POLL_MS = 1_000;
const PAUSE = { firstMs: 100, capMs: 5_000 };

/**
 * Whoever locks the first unpublished event of an order has the order to itself: nobody publishes what follows it before the lock is
 * gone, and then it is published. So any number of relays keep each order's events in sequence, and share the orders.
 */
const CLAIM = `
WITH heads AS (
  SELECT order_id FROM order_outbox AS head
  WHERE published_at IS NULL AND NOT EXISTS (
    SELECT FROM order_outbox AS earlier
    WHERE earlier.order_id = head.order_id AND earlier.sequence < head.sequence AND earlier.published_at IS NULL
  )
  ORDER BY position LIMIT $1
  FOR UPDATE SKIP LOCKED
)
SELECT position, event::text AS body FROM order_outbox JOIN heads USING (order_id)
WHERE published_at IS NULL
ORDER BY position LIMIT $1`;

const MARK = 'UPDATE order_outbox SET published_at = now() WHERE position = ANY($1::bigint[])';

const ERASED = 'order.erased.v1';
/** Whatever stands before an event of its order that is published is published too. */
const FORGET = `
DELETE FROM order_outbox AS earlier USING order_outbox AS erasure
WHERE erasure.position = ANY($1::bigint[]) AND earlier.order_id = erasure.order_id AND earlier.sequence < erasure.sequence`;

/**
 * Publishes what stands in the outbox: every committed event at least once, those of an order in their sequence, none of a transaction
 * that was rolled back. It may be ended at any time; what it had not marked is published again. Once an order's erasure is published
 * its events before that are deleted. `start` once, then `stop` once.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #wake: Wake;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#wake = new Wake(options.pool, options.pollMs ?? POLL_MS, options.onTrouble);
  }

  start(): void {
    this.#wake.start();
    this.#running = this.#run();
  }

  /** Ends after the batch that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#wake.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopping.signal.aborted;) {
      try {
        const published = await this.#turn();
        failures = 0;
        if (published === 0) await this.#wake.next();
      } catch (error) {
        this.#options.onTrouble(error);
        await this.#wake.pause(pauseMs(failures));
        failures += 1;
      }
    }
  }

  /** One batch, in a transaction that holds its orders; returns how many events it had. */
  async #turn(): Promise<number> {
    const connection = await this.#options.pool.connect();
    // A connection that is lost rejects what is under way; the event by itself would end the process.
    const ignore = () => undefined;
    connection.on('error', ignore);
    let isDone = false;
    try {
      const published = await this.#publishClaimed(connection);
      isDone = true;
      return published;
    } finally {
      // Closed, so that the transaction is over and its locks are gone, whatever has happened.
      connection.off('error', ignore);
      connection.release(!isDone);
    }
  }

  async #publishClaimed(connection: PooledConnection): Promise<number> {
    const { batchSize = BATCH_SIZE, publish, reached = () => Promise.resolve() } = this.#options;
    await connection.query('BEGIN');
    const { rows } = await connection.query(CLAIM, [batchSize]);
    await reached('claimed');
    if (rows.length > 0) {
      const events = rows.map(({ body }) => storedEvent(body));
      await publish(events);
      await reached('published');
      await connection.query(MARK, [rows.map(({ position }) => position)]);
      const erasures = rows.filter((_, index) => events[index]?.type === ERASED);
      if (erasures.length > 0) await connection.query(FORGET, [erasures.map(({ position }) => position)]);
      await reached('marked');
    }
    await connection.query('COMMIT');
    if (rows.length > 0) await reached('committed');
    return rows.length;
  }
}

/** Doubles, and is spread, so that relays do not come all at once. */
function pauseMs(failures: number): number {
  return Math.min(PAUSE.capMs, PAUSE.firstMs * 2 ** failures) * (0.5 + Math.random() / 2);
}
