import {
  IndexUnavailableError,
  type OrderIndex,
  type RefreshPace as Pace,
  type WriteTarget,
} from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';

/** From then on what is found is so old that it does not matter when in the next seconds newer orders become visible. */
const BEHIND_MS = 10_000;
/** Later than it begins, so that a lag about the limit does not move it to and fro. */
const CAUGHT_UP_MS = 5_000;

export interface RefreshPaceOptions {
  readonly index: Pick<OrderIndex, 'registry'> & {
    readonly generations: Pick<OrderIndex['generations'], 'paceRefreshes'>;
  };
  readonly log: Logger;
  readonly batchSize: number;
  readonly prefetch: number;
}

/** How far a projector is behind. */
export interface Backlog {
  readonly lagMs: number;
  /** Events taken from the broker and not settled yet. */
  readonly inHand: number;
}

/**
 * While a backlog is worked off the live index is refreshed less often: each refresh makes a segment, and segments have to be merged, work
 * that the backlog needs. `asOf` promises nothing that is not visible: a heartbeat has the index refreshed by itself.
 */
export class RefreshPace {
  readonly #options: RefreshPaceOptions;
  /** What is known of it. Another projector that lags, or has died, may leave it at either pace. */
  #kept: { readonly pace: Pace; readonly address: string } | undefined;
  #moving: Promise<void> | undefined;

  constructor(options: RefreshPaceOptions) {
    this.#options = options;
  }

  /** Called every second; what fails is tried again the next time. */
  look(backlog: Backlog): void {
    const pace = this.#wanted(backlog);
    if (pace !== 'usual' && this.#kept?.pace === 'usual') this.#kept = undefined;
    if (pace === undefined || (pace === 'usual' && this.#kept?.pace === 'usual')) return;
    this.#moving ??= this.#move(pace)
      .catch((error: unknown) => {
        if (!(error instanceof IndexUnavailableError)) throw error;
        this.#options.log.debug({ reason: error.message }, 'the pace of refreshes stays as it is');
      })
      .finally(() => (this.#moving = undefined));
  }

  /** A pace that is being set is set. */
  async stop(): Promise<void> {
    await this.#moving;
  }

  #wanted({ lagMs, inHand }: Backlog): Pace | undefined {
    const { batchSize, prefetch } = this.#options;
    // More than the next batch takes; of a smaller prefetch some is always being settled.
    if (lagMs > BEHIND_MS && inHand >= Math.min(batchSize, prefetch / 2)) return 'relaxed';
    return lagMs < CAUGHT_UP_MS ? 'usual' : undefined;
  }

  async #move(pace: Pace): Promise<void> {
    const { index, log } = this.#options;
    const { live, targets } = await index.registry();
    if (this.#isKept(pace, live) || targets.length > 1) return; // Swaps stop and restore the refreshes of their generations.
    if (!(await index.generations.paceRefreshes(live, pace))) return;
    this.#kept = { pace, address: live.address };
    log.debug({ generation: live.generation, pace }, 'pace of refreshes');
  }

  #isKept(pace: Pace, { address }: WriteTarget): boolean {
    return this.#kept?.pace === pace && this.#kept.address === address;
  }
}
