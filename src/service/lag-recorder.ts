import type { Freshness } from '../http/dependencies.ts';
import type { LagReport, LagSample } from '../http/lag-report.ts';
import { ifAvailable } from './if-available.ts';

export interface LagRecorderOptions {
  /** As the projectors tell it to one another: of several instances each has a record of its own, and these agree. */
  readonly freshness: () => Promise<Freshness>;
  /** Messages that wait. */
  readonly queueDepth: () => Promise<number>;
  /** Messages that the projectors have taken from the queue, and not settled yet. */
  readonly inHand: () => Promise<number>;
  readonly intervalMs: number;
  /** A sample that is older is forgotten. */
  readonly keptMs: number;
  readonly now: () => number;
}

interface Look {
  readonly at: number;
  readonly lagSeconds: number | null;
  readonly messages: number | null;
}

/**
 * Remembers how far answers were behind, a sample every interval, in memory: it begins with the process and is bounded. While the index
 * cannot be asked the lag grows on from what was last known, since nothing gets fresher that nobody can read.
 */
export class LagRecorder {
  readonly #options: LagRecorderOptions;
  #looks: Look[] = [];
  #asOf = 0;
  #timer: NodeJS.Timeout | undefined;
  #sampling: Promise<void> | undefined;

  constructor(options: LagRecorderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), this.#options.intervalMs);
  }

  /** The newest that is known, epoch milliseconds; 0 before anything is. */
  get asOf(): number {
    return this.#asOf;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sampling;
  }

  /** @param since RFC 3339: only samples that were taken after that */
  async report(since?: string): Promise<LagReport> {
    const { at, messages } = await this.#look();
    const after = since === undefined ? -Infinity : Date.parse(since);
    return {
      samples: this.#kept(this.#looks, at).flatMap((look) => (look.at > after ? [sampleOf(look)] : [])),
      messages,
      asOf: new Date(this.#asOf).toISOString(),
      lagSeconds: secondsBetween(this.#asOf, at),
    };
  }

  #sample(): void {
    this.#sampling ??= this.#look()
      .then((look) => {
        this.#looks = this.#kept([...this.#looks, look], look.at);
      })
      .finally(() => {
        this.#sampling = undefined;
      });
  }

  async #look(): Promise<Look> {
    const { freshness, queueDepth, inHand, now } = this.#options;
    const [fresh, waiting, taken] = await Promise.all([ifAvailable(freshness()), ifAvailable(queueDepth()), inHand()]);
    this.#asOf = Math.max(this.#asOf, Date.parse(fresh?.asOf ?? '') || 0);
    const at = now();
    return {
      at,
      // Before the first heartbeat has come through nothing is known, and a lag since 1970 would dwarf everything after it.
      lagSeconds: this.#asOf === 0 ? null : secondsBetween(this.#asOf, at),
      messages: waiting === undefined ? null : waiting + taken,
    };
  }

  /** Bounded by number too: a clock may be put back. */
  #kept(looks: readonly Look[], now: number): Look[] {
    const { keptMs, intervalMs } = this.#options;
    return looks.slice(-Math.ceil(keptMs / intervalMs)).filter(({ at }) => now - at <= keptMs);
  }
}

function sampleOf({ at, lagSeconds, messages }: Look): LagSample {
  return { at: new Date(at).toISOString(), lagSeconds, messages };
}

function secondsBetween(from: number, to: number): number {
  return Math.max(0, Math.round(to - from)) / 1_000;
}
