import { passed } from '../back-off/pause.ts';
import type { Lease } from './lease.ts';
import { IndexUnavailableError } from './port.ts';

/** What one instance does again and again, under a lease that it gives back at the end. It rests between, unless it is woken. */
export class LeaseLoop {
  readonly #lease: Lease;
  readonly #stopping = new AbortController();
  #wake = Promise.withResolvers<void>();
  #isWoken = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  /** Aborted by {@link stop}. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** @param run goes on until it is stopped */
  start(run: () => Promise<void>): void {
    this.#ended = this.#runAndRelease(run);
  }

  /** There is something to do at once. */
  wake(): void {
    this.#isWoken = true;
    this.#wake.resolve();
  }

  /** Resolves when nothing is done any more, and the lease is given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#ended;
  }

  /** Whether it was woken since {@link sleepAgain}. */
  get isWoken(): boolean {
    return this.#isWoken;
  }

  /** Waits that long; not at all once it is woken. */
  async pause(ms: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([passed(ms, enough.signal), this.#wake.promise]);
    enough.abort();
  }

  /** What it was woken for is done next: pauses are pauses again. */
  sleepAgain(): void {
    this.#wake = Promise.withResolvers();
    this.#isWoken = false;
  }

  async #runAndRelease(run: () => Promise<void>): Promise<void> {
    await run();
    try {
      await this.#lease.release();
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      // It expires by itself.
    }
  }
}
