import type { Job } from './work.ts';

export interface EarlyHoldOptions {
  /** From its arrival on, how long an early event waits in memory for its predecessor; 0: not at all. */
  readonly holdMs: number;
  /** Beyond as many no more are held: they count as taken, and must not use up the prefetch. */
  readonly maxJobs: number;
  /** Of the monotonic clock: one that is put back must not keep events unsettled. */
  readonly now: () => number;
  /** Offers them to their orders once more. Must not throw. */
  readonly release: (jobs: readonly Job[]) => void;
}

/**
 * Early events that wait a moment before they are parked. Projectors that share a queue take the events of one order at the same time:
 * nearly every hole they see is filled within milliseconds by the other one, and parking each costs four requests to the index. What
 * is held is unsettled, so nothing is lost with the process; one that has waited is parked like any other, so it is held once only.
 */
export class EarlyHold {
  readonly #options: EarlyHoldOptions;
  readonly #held = new Set<Job>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: EarlyHoldOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether an early event should be held now rather than parked. */
  mayHold(job: Job): boolean {
    return !this.#closed && this.#held.size < this.#options.maxJobs && this.#dueInMs(job) > 0;
  }

  /** Keeps them until they have waited long enough. Each is released once, unless it is dropped before. */
  hold(jobs: readonly Job[]): void {
    for (const job of jobs) this.#held.add(job);
    if (this.#closed) this.#release(() => true);
    else this.#schedule();
  }

  /** Forgets everything: the deliveries are void, or went back to the queue. */
  drop(): void {
    this.#held.clear();
    this.#schedule();
  }

  /** Releases everything and holds nothing any more. */
  close(): void {
    this.#closed = true;
    this.#release(() => true);
  }

  #dueInMs({ receivedMs }: Job): number {
    return receivedMs + this.#options.holdMs - this.#options.now();
  }

  #release(isMeant: (job: Job) => boolean): void {
    const released = [...this.#held].filter(isMeant);
    for (const job of released) this.#held.delete(job);
    this.#schedule();
    if (released.length > 0) this.#options.release(released);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#held.size === 0) return;
    const nextMs = Math.min(...[...this.#held].map((job) => this.#dueInMs(job)));
    this.#timer = setTimeout(() => this.#release((job) => this.#dueInMs(job) <= 0), Math.max(1, nextMs));
  }
}
