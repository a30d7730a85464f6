import { passed } from '../back-off/pause.ts';
import type { Logger } from '../observability/logging.ts';
import type { Lease } from '../order-index/lease.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import { perform, unexpected, type ActionDependencies, type RebuildPoint } from './actions.ts';
import { RetryProgress } from './retry-progress.ts';
import { model, type Patch, type Response } from './model.ts';
import { next } from './next.ts';
import type { Kept, RunRecords } from './records.ts';
import { canBeCancelled, isEnd, isOver, type RunState, type Step } from './state.ts';

/** Where tests stop or kill the process: before the action of a step, between an action and the record of it, and inside of some. */
export type RebuildStep = `rebuild ${Step}` | `rebuild ${Step} acted` | RebuildPoint;

export interface RunDependencies extends Omit<
  ActionDependencies,
  'signal' | 'holdsLease' | 'onCopying' | 'onReplaying' | 'onCompared' | 'onMoved' | 'reached'
> {
  readonly records: RunRecords;
  readonly lease: Lease;
  readonly reached: (step: RebuildStep) => Promise<void>;
  /** Told of every state that is kept. */
  readonly onState: (state: RunState) => void;
  readonly log: Logger;
}

/** How often progress is kept, the lease renewed, and the operators' intent read. */
export const BEAT_MS = 1_000;
/** Before what an outage has held up is tried again. */
const HELD_PAUSE_MS = 1_000;

/** Why an action is stopped before its end. */
class Stop extends Error {
  readonly why: 'paused' | 'cancelled' | 'lease lost' | 'stopping';
  constructor(why: Stop['why']) {
    super(why);
    this.why = why;
  }
}

/**
 * Drives a run from the state that is kept to its end: does what `next` says, asks `model` what comes of it, keeps that, and so on.
 * Returns when the run is over, when another instance has it, or when `stopping` is aborted; what is kept can be gone on with by any.
 * @throws IndexUnavailableError where the state cannot be kept: nothing is lost by trying again
 */
export async function runRebuild(id: string, deps: RunDependencies, stopping: AbortSignal): Promise<void> {
  const kept = await deps.records.read(id);
  if (!kept || isOver(kept.state)) return;
  const run = new Run(kept, deps, stopping);
  await run.drive();
}

class Run {
  readonly #deps: RunDependencies;
  readonly #stopping: AbortSignal;
  #kept: Kept;
  /** Ahead of what is kept by the progress of the last moments. */
  #state: RunState;
  #lost = false;
  #rate = new Rate();
  /** Of the comparison of this step. */
  #compared = new RetryProgress();

  constructor(kept: Kept, deps: RunDependencies, stopping: AbortSignal) {
    this.#kept = kept;
    this.#state = kept.state;
    this.#deps = deps;
    this.#stopping = stopping;
  }

  async drive(): Promise<void> {
    while (!isOver(this.#state) && !this.#isOut()) {
      const intent = await this.#deps.records.intent(this.#state.id);
      if (intent.cancelled && canBeCancelled(this.#state)) {
        await this.#take({ kind: 'cancelled' });
      } else if (intent.paused && canBeCancelled(this.#state)) {
        await this.#beat();
        await this.#pause(BEAT_MS);
      } else {
        await this.#step();
      }
    }
  }

  /** Stopping, or another instance's by now. */
  #isOut(): boolean {
    return this.#lost || this.#stopping.aborted;
  }

  async #step(): Promise<void> {
    const { step } = this.#state;
    if (!isEnd(step)) await this.#deps.reached(`rebuild ${step}`);
    const response = await this.#perform();
    if (!isEnd(step)) await this.#deps.reached(`rebuild ${step} acted`);
    await this.#take(response);
    if (response.kind === 'held') await this.#pause(HELD_PAUSE_MS);
  }

  /** Beside the action the state's progress is kept, the lease renewed and the intent read; each of them may stop it. */
  async #perform(): Promise<Response> {
    const over = new AbortController();
    const stop = new AbortController();
    const stopping = (): void => stop.abort(new Stop('stopping'));
    this.#stopping.addEventListener('abort', stopping);
    if (this.#stopping.aborted) stopping();
    const beating = this.#keepBeating(stop, over.signal);
    let response: Response;
    try {
      response = await perform(next(this.#state), this.#state, {
        ...this.#deps,
        signal: stop.signal,
        holdsLease: () => this.#deps.lease.hold(),
        onCopying: (progress) => this.#learn({ copy: progress }, progress.copied),
        onReplaying: (progress) => this.#learn({ replay: progress }, progress.processed),
        onCompared: (orders) => {
          if (this.#compared.isMade(orders)) this.#getOn();
        },
        onMoved: () => this.#getOn(),
      });
    } finally {
      this.#stopping.removeEventListener('abort', stopping);
      over.abort();
      await beating;
    }
    return this.#orBeatFailure(response, stop.signal);
  }

  /** A bug beside the action, where progress is kept and the lease renewed, fails the run: the action would only be begun again. */
  #orBeatFailure(response: Response, { aborted, reason }: AbortSignal): Response {
    if (!aborted || reason instanceof Stop) return response;
    const failure = unexpected(reason, this.#state, this.#deps);
    return response.kind === 'interrupted' ? failure : response;
  }

  async #keepBeating(stop: AbortController, over: AbortSignal): Promise<void> {
    while (await passed(BEAT_MS, over)) {
      try {
        await this.#beat();
        const { paused, cancelled } = await this.#deps.records.intent(this.#state.id);
        if (this.#lost) stop.abort(new Stop('lease lost'));
        else if (cancelled && canBeCancelled(this.#state)) stop.abort(new Stop('cancelled'));
        else if (paused && canBeCancelled(this.#state)) stop.abort(new Stop('paused'));
      } catch (error) {
        // The action meets the same outage, and says so.
        if (!(error instanceof IndexUnavailableError)) stop.abort(error);
      }
    }
  }

  #learn(patch: Patch, processed: number): void {
    const rate = this.#rate.at(processed, performance.now());
    this.#getOn(rate === undefined ? patch : { ...patch, rate });
  }

  #getOn(patch: Patch = {}): void {
    this.#state = model(this.#state, { kind: 'learned', patch }, Date.now());
  }

  async #take(response: Response): Promise<void> {
    const before = this.#state;
    this.#state = model(before, response, Date.now());
    if (response.kind === 'held') this.#compared.failed();
    if (this.#state.step !== before.step) {
      this.#compared = new RetryProgress();
      const { id, step, generation, error } = this.#state;
      this.#deps.log.info(
        { rebuild: id, from: before.step, to: step, generation, ...(error !== undefined && { error }) },
        'rebuild',
      );
    }
    await this.#keep();
  }

  async #beat(): Promise<void> {
    if (!(await this.#deps.lease.hold())) this.#lost = true;
    else await this.#keep();
  }

  /** Only what was read last is replaced: a runner that has lost its lease finds another's state there, and stops. */
  #keeping: Promise<void> = Promise.resolve();
  #keep(): Promise<void> {
    const turn = this.#keeping.then(async () => {
      if (this.#lost) return;
      const state = this.#state;
      const kept = await this.#deps.records.replace(this.#kept, state);
      if (!kept) {
        this.#lost = true;
        return;
      }
      this.#kept = kept;
      this.#deps.onState(state);
    });
    this.#keeping = turn.catch(() => undefined); // Whoever waits for this turn is told.
    return turn;
  }

  /** Stopping ends it, and then the loop. */
  async #pause(ms: number): Promise<void> {
    await passed(ms, this.#stopping);
  }
}

/** Of the last seconds, an exponential average. */
class Rate {
  #last: { readonly processed: number; readonly at: number } | undefined;
  #perSecond: number | undefined;

  at(processed: number, now: number): number | undefined {
    const last = this.#last;
    if (!last || processed < last.processed) {
      this.#last = { processed, at: now };
      return this.#perSecond;
    }
    const seconds = (now - last.at) / 1_000;
    if (seconds < MIN_SAMPLE_SECONDS) return this.#perSecond;
    const sample = (processed - last.processed) / seconds;
    const weight = 1 - Math.exp(-seconds / RATE_SECONDS);
    this.#perSecond = this.#perSecond === undefined ? sample : this.#perSecond + weight * (sample - this.#perSecond);
    this.#last = { processed, at: now };
    return this.#perSecond;
  }
}

const MIN_SAMPLE_SECONDS = 0.2;
const RATE_SECONDS = 5;
