import { backOffMs } from '../../back-off/back-off.ts';
import { passed } from '../../back-off/pause.ts';
import { isStorageFault } from '../../sqlite/database.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { DeadLetter, DeadLetterSubscription } from '../port.ts';
import type { DeadLetters } from './dead-letters.ts';

const AT_ONCE = 8;
const CANCEL_TIMEOUT_MS = 5_000;
const BACK_OFF = { firstMs: 100, capMs: 10_000 };

/** Hands the stored letters to a handler until it takes them, in the order of their arrival. What it has not taken at the end stays. */
export class DeadLetterConsumer implements DeadLetterSubscription {
  readonly #letters: DeadLetters;
  readonly #handler: (letter: DeadLetter) => Promise<void>;
  readonly #log: BrokerLog;
  readonly #cancelling = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** Everything up to this id is removed or under way. */
  #last = 0;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(letters: DeadLetters, handler: (letter: DeadLetter) => Promise<void>, log: BrokerLog) {
    this.#letters = letters;
    this.#handler = handler;
    this.#log = log;
    this.wake();
  }

  /** There may be letters; within a transaction too, since it looks later. */
  wake(): void {
    if (!this.#cancelling.signal.aborted) this.#scheduled ??= setImmediate(() => this.#take());
  }

  async cancel(): Promise<void> {
    this.#cancelling.abort();
    clearImmediate(this.#scheduled);
    const limit = new AbortController();
    await Promise.race([Promise.all(this.#underWay), passed(CANCEL_TIMEOUT_MS, limit.signal)]);
    limit.abort();
  }

  #take(): void {
    this.#scheduled = undefined;
    const room = AT_ONCE - this.#underWay.size;
    if (room <= 0) return;
    for (const letter of this.#page(room)) {
      this.#last = letter.id;
      const task = this.#hand(letter).finally(() => {
        this.#underWay.delete(task);
        this.wake();
      });
      this.#underWay.add(task);
    }
  }

  #page(size: number): ReturnType<DeadLetters['list']> {
    try {
      return this.#letters.list({ after: this.#last, size });
    } catch (error) {
      // A later letter, or the next start, looks again.
      if (!isStorageFault(error)) throw error;
      this.#log.warn({ err: error }, 'dead letters cannot be read');
      return [];
    }
  }

  async #hand({ id, ...stored }: DeadLetter & { readonly id: number }): Promise<void> {
    const isBrokers = stored.refusal.reason === 'delivery_limit';
    let letter: DeadLetter | undefined;
    const { signal } = this.#cancelling;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        letter ??= isBrokers ? { ...stored, ...this.#letters.lookInto(id, stored.body) } : stored;
        await this.#handler(letter);
        this.#letters.remove(id);
        return;
      } catch (error) {
        if (attempt === 0) this.#log.warn({ err: error }, 'a dead letter cannot be moved now, trying again');
      }
      // Cut short by the end.
      await passed(backOffMs(attempt, BACK_OFF), signal);
    }
  }
}
