import { setTimeout as delay } from 'node:timers/promises';
import type PQueue from 'p-queue';
import type { Arrival } from './read-delivery.ts';

/** Ten thousand suspects are then some 150 groups, of which the first sixteen are one each. */
const TRIED_FOR_ONE_MORE = 8;
const MAX_GROUP = 100;
/**
 * What was settled has left the process by then. Neither broker sends an acknowledgement in the turn of the event loop in which it is told.
 */
const SETTLING_MS = 10;

export interface SuspectsDependencies {
  /** What else is under way. */
  readonly queue: PQueue;
  /** Reads and handles them until they are settled. */
  readonly handle: (group: readonly Arrival[]) => Promise<void>;
  /** Whether no more are to be begun with. */
  readonly signal: () => AbortSignal;
  /** Told when the others may go on. */
  readonly ended: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Deliveries that have come back again and again. One of them may be what kills the process, by what it does or as soon as it is read; the
 * others that were in hand then are suspected with it. They are read and handled with nothing else beside them but, once many have got
 * through, some other suspects. They are tried in random order: each crash leaves about half of them. A group is a small part of those
 * that have got through, so that it makes no great difference.
 */
export class Suspects {
  readonly #deps: SuspectsDependencies;
  #waiting: Arrival[] = [];
  #trying: Promise<void> | undefined;

  constructor(deps: SuspectsDependencies) {
    this.#deps = deps;
  }

  add(arrival: Arrival): void {
    this.#waiting.push(arrival);
    this.#trying ??= this.#tryAll();
  }

  /** Forgets those that it has not begun with. */
  drop(): void {
    this.#waiting = [];
  }

  /** Resolves when none is tried any more. */
  async idle(): Promise<void> {
    await this.#trying;
  }

  /** Never rejects. One that is added at any time before it ends is tried too. */
  async #tryAll(): Promise<void> {
    const { queue, handle, signal, ended, failed } = this.#deps;
    queue.pause();
    try {
      await queue.onPendingZero();
      for (let tried = 0; this.#waiting.length > 0;) {
        await delay(SETTLING_MS);
        signal().throwIfAborted();
        const group = this.#any(Math.max(1, Math.min(MAX_GROUP, Math.floor(tried / TRIED_FOR_ONE_MORE))));
        await handle(group);
        tried += group.length;
      }
    } catch (error) {
      failed(error);
    } finally {
      this.#trying = undefined;
      queue.start();
      ended();
    }
  }

  #any(count: number): Arrival[] {
    const taken: Arrival[] = [];
    while (taken.length < count && this.#waiting.length > 0)
      taken.push(...this.#waiting.splice(Math.floor(Math.random() * this.#waiting.length), 1));
    return taken;
  }
}
