import { backOffMs } from '../back-off/back-off.ts';
import { passed } from '../back-off/pause.ts';
import type { Logger } from '../observability/logging.ts';
import type { Lease } from '../order-index/lease.ts';
import { LeaseLoop } from '../order-index/lease-loop.ts';
import { AggregateMovedError, IndexUnavailableError } from '../order-index/port.ts';
import type { AggregateDefinition, AggregateStore } from '../order-index/port.ts';
import type { RollupState } from './state.ts';
import { takeTurn, type TurnDependencies } from './turn.ts';

export interface RefresherOptions extends TurnDependencies {
  readonly aggregates: readonly AggregateDefinition[];
  readonly lease: Lease;
  readonly intervalMs: number;
  readonly log: Logger;
  /**
   * Whether the orders lag behind what was published: what is counted then is soon counted anew, and takes from Elasticsearch what would
   * bring the orders up to date. @throws IndexUnavailableError
   */
  readonly isBehind: () => Promise<boolean>;
  /** Told whether this instance leads whenever it has tried to; where nobody can tell, it does not. */
  readonly onLead: (leads: boolean) => void;
  /** Told of each aggregate that could not be refreshed. */
  readonly onFailure: (aggregate: string, error: unknown) => void;
  /** Told of each that could be. */
  readonly onRefreshed: (aggregate: string) => void;
  /** Only tests change it. */
  readonly timing?: Partial<Timing>;
}

export interface Timing {
  /** The longest rest because the orders lag behind. */
  readonly maxRestBehindMs: number;
  /** So often the lease is renewed beside whatever takes long. Shorter than the lease's expiry, by as much as an answer may take. */
  readonly renewMs: number;
  /** Milliseconds of a clock that only goes forward, for what is kept for a while. */
  readonly clock: () => number;
}

/** While something is built, what readers see is refreshed between slices of this length. */
const BUILD_SLICE_MS = 2_000;
/** What nobody refers to is kept for a while: a reader may be in the middle of it. */
const LEFTOVER_MS = 60_000;
const TIDY_EVERY_MS = 10 * 60_000;
const MAX_BACK_OFF_MS = 60_000;
const REST_TIMES = 4;
/** Readers shall not wait for long because much was counted. */
const MAX_REST_MS = 10_000;
/** The same while the orders lag behind: so many times the work, and at least so many intervals. */
const REST_TIMES_BEHIND = 20;
const INTERVALS_BEHIND = 4;
/** So often that one that is started again after a crash leads at its second look. */
export const RENEW_MS = 2_000;
const TIMING: Timing = { maxRestBehindMs: 20_000, renewMs: RENEW_MS, clock: () => performance.now() };

/** Another instance leads: what is under way would only be done twice. */
class LeadLostError extends Error {
  override readonly name = 'LeadLostError';
}

/** The generations of an aggregate that nobody refers to, and when each was first seen so. */
type Leftovers = ReadonlyMap<string, number>;
const NO_LEFTOVERS: Leftovers = new Map();

/** Keeps the aggregates up to date, in micro-batches; of all instances that run one, the holder of the lease does (design §4). */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #timing: Timing;
  readonly #loop: LeaseLoop;
  /** As far as is known. */
  #hasLead = false;
  /** Ends what is under way between two pages. */
  #work = new AbortController();
  #failures = 0;
  /** Of each aggregate. */
  readonly #leftovers = new Map<string, Leftovers>();
  readonly #tidiedAt = new Map<string, number>();

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#loop = new LeaseLoop(options.lease);
  }

  start(): void {
    this.#loop.start(() => this.#run());
  }

  /** There is something to do at once. */
  wake(): void {
    this.#loop.wake();
  }

  /** Resolves when nothing is done any more; what is under way is gone on with by the next leader. */
  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #run(): Promise<void> {
    const over = new AbortController();
    const leading = this.#keepLead(over.signal);
    while (!this.#isStopping()) {
      const startedAt = performance.now();
      const outcome = await this.#attempt();
      const tookMs = performance.now() - startedAt;
      if (outcome === 'more') await this.#waitWhileOrdersLag(tookMs);
      else await this.#rest(tookMs, outcome);
    }
    over.abort();
    await leading;
  }

  /**
   * Renews the lease in the middle of turns and rests too. To catch up after an outage takes longer than the lease lasts, and is kept as a
   * whole: of two instances that took the lead from one another meanwhile, neither would ever get to its end.
   */
  async #keepLead(over: AbortSignal): Promise<void> {
    while (await passed(this.#timing.renewMs, over)) {
      if (!this.#hasLead) continue;
      try {
        if (!(await this.#hold())) this.#work.abort(new LeadLostError('another instance leads'));
      } catch (error) {
        // What is under way meets the same outage, and says so.
        if (!(error instanceof IndexUnavailableError)) this.#work.abort(error);
      }
    }
  }

  async #attempt(): Promise<'more' | 'rested' | 'failed'> {
    try {
      const outcome = (await this.#leads()) ? await this.#refreshAll() : 'rested';
      this.#failures = 0;
      return outcome;
    } catch (error) {
      if (error instanceof LeadLostError) return 'rested';
      if (this.#isStopping() && error === this.#loop.stopping.reason) return 'rested';
      this.#failures += 1;
      this.#tell(error);
      return 'failed';
    }
  }

  /**
   * A bug, or a row that the index refuses for good, must not end the process: it projects orders and answers searches. The health says
   * that nothing is refreshed.
   */
  #tell(error: unknown): void {
    const { log } = this.#options;
    const isExpected = error instanceof IndexUnavailableError || error instanceof AggregateMovedError;
    if (isExpected) log.warn({ reason: error.message }, 'the aggregates cannot be refreshed for now');
    else log.error({ err: error }, 'refreshing the aggregates has failed');
  }

  async #leads(): Promise<boolean> {
    const { aggregates, onFailure } = this.#options;
    try {
      return await this.#hold();
    } catch (error) {
      for (const { name } of aggregates) onFailure(name, error);
      throw error;
    }
  }

  /** Takes or renews the lease. */
  async #hold(): Promise<boolean> {
    const { lease, onLead } = this.#options;
    let leads = false;
    try {
      leads = await lease.hold();
      this.#hasLead = leads;
    } finally {
      onLead(leads);
    }
    return leads;
  }

  async #refreshAll(): Promise<'more' | 'rested'> {
    const { aggregates, onFailure, onRefreshed } = this.#options;
    this.#work = new AbortController();
    // Side by side, since most of the time is spent on waiting; none is left under way when another one fails.
    const results = await Promise.allSettled(aggregates.map((aggregate) => this.#refresh(aggregate)));
    results.forEach((result, place) => {
      const name = aggregates[place]?.name ?? '';
      if (result.status === 'fulfilled') onRefreshed(name);
      else if (!this.#isStopping() && !(result.reason instanceof LeadLostError)) onFailure(name, result.reason);
    });
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return results.some((result) => result.status === 'fulfilled' && result.value) ? 'more' : 'rested';
  }

  /** Whether there is more to do at once. */
  async #refresh(aggregate: AggregateDefinition): Promise<boolean> {
    const until = performance.now() + BUILD_SLICE_MS;
    const deps = { ...this.#options, signal: AbortSignal.any([this.#loop.stopping, this.#work.signal]) };
    let outcome = await takeTurn(aggregate, deps, { refresh: true });
    while (outcome === 'more' && performance.now() < until && !this.#isStopping()) {
      if (!(await this.#hold())) return false;
      outcome = await takeTurn(aggregate, deps, { refresh: false });
    }
    if (outcome === 'rested') await this.#tidy(aggregate);
    return outcome === 'more';
  }

  /** Drops what nobody refers to any more, and the days that are not kept. */
  async #tidy(aggregate: AggregateDefinition): Promise<void> {
    const { index, records, keptFrom } = this.#options;
    const store = index.aggregates.store(aggregate);
    const now = this.#timing.clock();
    const isDue = now - (this.#tidiedAt.get(aggregate.name) ?? -Infinity) >= TIDY_EVERY_MS;
    const known = this.#leftovers.get(aggregate.name) ?? NO_LEFTOVERS;
    if (!isDue && known.size === 0) return;
    this.#tidiedAt.set(aggregate.name, now);
    const { state } = await records.read(aggregate.name);
    const from = keptFrom();
    if (state.live && from !== undefined) await store.expire(state.live.generation, from);
    this.#leftovers.set(aggregate.name, await dropLeftovers(store, state, known, now));
  }

  /** Several times as long as the work took, so that a strained index has most of the time for itself; longer after failures. */
  async #rest(tookMs: number, outcome: 'rested' | 'failed'): Promise<void> {
    const { intervalMs } = this.#options;
    const limits = { firstMs: intervalMs, capMs: Math.max(MAX_BACK_OFF_MS, intervalMs) };
    await this.#loop.pause(outcome === 'failed' ? backOffMs(this.#failures, limits) : restAfter(tookMs, intervalMs));
    // Who does not lead looks at the lease all the time: it may be free because whoever led has died, and the orders lag for that very
    // reason.
    if (outcome === 'rested' && this.#hasLead) await this.#waitWhileOrdersLag(tookMs);
    this.#loop.sleepAgain();
  }

  /**
   * What is counted now would be counted again soon, and takes from the index what the backlog needs. Where somebody has woken it who
   * waits for what is built, it does not wait.
   */
  async #waitWhileOrdersLag(tookMs: number): Promise<void> {
    const { intervalMs } = this.#options;
    const enoughMs = Math.max(tookMs * REST_TIMES_BEHIND, intervalMs * INTERVALS_BEHIND);
    const until = performance.now() + Math.min(enoughMs, this.#timing.maxRestBehindMs);
    while (performance.now() < until && !this.#loop.isWoken && (await this.#isBehind()))
      await this.#loop.pause(Math.min(intervalMs, Math.max(0, until - performance.now())));
  }

  async #isBehind(): Promise<boolean> {
    const { isBehind } = this.#options;
    try {
      return await isBehind();
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      return false; // The next attempt tells why nothing is known.
    }
  }

  #isStopping(): boolean {
    return this.#loop.stopping.aborted;
  }
}

function restAfter(tookMs: number, intervalMs: number): number {
  return Math.max(intervalMs - tookMs, tookMs, Math.min(tookMs * REST_TIMES, MAX_REST_MS));
}

/** Drops those that have been left over for a while; the others. */
async function dropLeftovers(
  store: AggregateStore,
  { live, building }: RollupState,
  known: Leftovers,
  now: number,
): Promise<Leftovers> {
  const left = new Map<string, number>();
  for (const { name, isLive } of await store.list()) {
    if (isLive || name === live?.generation || name === building?.generation) continue;
    const since = known.get(name) ?? now;
    if (now - since >= LEFTOVER_MS) await store.drop(name);
    else left.set(name, since);
  }
  return left;
}
