import type { ConnectionPool, PooledConnection } from './database.ts';
import { OUTBOX_CHANNEL } from './schema.ts';

/**
 * Says when to look into the outbox: at once when PostgreSQL notifies of something new, and every `pollMs` in any case, since a
 * notification is lost with the connection.
 */
export class Wake {
  readonly #pool: ConnectionPool;
  readonly #pollMs: number;
  readonly #onTrouble: (error: unknown) => void;
  readonly #stopping = new AbortController();
  #isDue = false;
  #sleeper: { readonly end: () => void; readonly endsByNews: boolean } | undefined;
  #connection: PooledConnection | undefined;
  #listening: Promise<void> = Promise.resolve();

  constructor(pool: ConnectionPool, pollMs: number, onTrouble: (error: unknown) => void) {
    this.#pool = pool;
    this.#pollMs = pollMs;
    this.#onTrouble = onTrouble;
  }

  start(): void {
    this.#listening = this.#listen();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#sleeper?.end();
    await this.#listening;
    this.#connection?.release(true);
    this.#connection = undefined;
  }

  /** Until something may be new: notified of since the last time, or after `pollMs`. */
  async next(): Promise<void> {
    if (!this.#isDue) await this.#sleep(this.#pollMs, true);
    this.#isDue = false;
    // The connection that told of news may be gone: then the poll is what is left, until there is another one.
    if (!this.#connection) this.#listening = this.#listening.then(() => this.#listen());
  }

  /** However much is new; shorter only where it is to stop. */
  async pause(ms: number): Promise<void> {
    await this.#sleep(ms, false);
  }

  async #sleep(ms: number, endsByNews: boolean): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#sleeper = { end: resolve, endsByNews };
    await promise;
    clearTimeout(timer);
    this.#sleeper = undefined;
  }

  #news(): void {
    this.#isDue = true;
    if (this.#sleeper?.endsByNews) this.#sleeper.end();
  }

  async #listen(): Promise<void> {
    if (this.#connection || this.#stopping.signal.aborted) return;
    try {
      const connection = await this.#pool.connect();
      const lost = () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        connection.release(true);
      };
      connection.on('error', lost);
      connection.on('end', lost);
      connection.on('notification', () => this.#news());
      this.#connection = connection;
      await connection.query(`LISTEN ${OUTBOX_CHANNEL}`);
    } catch (error) {
      this.#connection?.release(true);
      this.#connection = undefined;
      this.#onTrouble(error);
    }
  }
}
