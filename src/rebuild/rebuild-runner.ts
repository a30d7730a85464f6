import { LeaseLoop } from '../order-index/lease-loop.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import { runRebuild, type RunDependencies } from './run-rebuild.ts';

export interface RunnerOptions extends RunDependencies {
  /** Done about once a minute by the instance that holds the lease, while no run is under way; also after it has failed. */
  readonly housekeeping: () => Promise<void>;
}

const POLL_MS = 1_000;
const HOUSEKEEPING_MS = 60_000;

/** Runs whatever run is not over, whoever began it; one instance at a time does, and another goes on where it stops. */
export class RebuildRunner {
  readonly #options: RunnerOptions;
  readonly #loop: LeaseLoop;
  #keptHouseAt = -Infinity;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#loop = new LeaseLoop(options.lease);
  }

  start(): void {
    this.#loop.start(() => this.#run());
  }

  /** There is something to run. */
  wake(): void {
    this.#loop.wake();
  }

  /** Resolves when nothing is done any more; a run under way is kept where it is. */
  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #run(): Promise<void> {
    while (!this.#loop.stopping.aborted) {
      try {
        await this.#look();
      } catch (error) {
        if (!(error instanceof IndexUnavailableError)) throw error;
        this.#options.log.warn({ reason: error.message }, 'the rebuild cannot go on for now');
      }
      await this.#loop.pause(POLL_MS);
      this.#loop.sleepAgain();
    }
  }

  async #look(): Promise<void> {
    const { records, lease } = this.#options;
    const id = await records.active();
    const isRunning = id !== undefined && (await this.#isUnderWay(id));
    const isDue = performance.now() - this.#keptHouseAt >= HOUSEKEEPING_MS;
    if ((!isRunning && !isDue) || !(await lease.hold())) return;
    if (isRunning) await runRebuild(id, this.#options, this.#loop.stopping);
    else await this.#keepHouse();
  }

  /** What fails now may fail for long. */
  async #keepHouse(): Promise<void> {
    try {
      await this.#options.housekeeping();
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      this.#options.log.warn({ reason: error.message }, 'the housekeeping has failed: it is tried again in a minute');
    }
    this.#keptHouseAt = performance.now();
  }

  async #isUnderWay(id: string): Promise<boolean> {
    const kept = await this.#options.records.read(id);
    return kept !== undefined && kept.state.finishedAt === undefined;
  }
}
