import type { Logger } from '../observability/logging.ts';
import type { AggregateDefinition, OrderIndex } from '../order-index/port.ts';
import { rowKey } from '../order-index/port.ts';
import { parseAggregateKey } from '../order/contribution.ts';
import { MAX_AHEAD_MS } from '../order/event-time.ts';
import { later } from '../order/instant.ts';
import type { Kept } from './records.ts';
import { nextTurn, wholeFrom, type BuildingRollup, type LiveRollup, type Origin, type RollupState } from './state.ts';
import { surroundingsOf, type SurroundingsDependencies } from './surroundings.ts';

/** Where tests stop or kill the process. */
export type RollupStep =
  | 'rollup claimed'
  | 'rollup created'
  | 'rollup checkpoint'
  | 'rollup computed'
  | 'rollup written'
  | 'rollup activated'
  | 'rollup kept';

export interface TurnDependencies extends SurroundingsDependencies {
  readonly index: Pick<OrderIndex, 'registry' | 'generations' | 'aggregates'>;
  /** RFC 3339: all that was published until then is in what a refresh of the orders makes visible. @throws IndexUnavailableError */
  readonly asOf: () => Promise<string>;
  readonly now: () => number;
  readonly reached: (step: RollupStep) => Promise<void>;
  readonly log: Logger;
  /** Aborted when the service stops: the turn ends between two pages, with its reason. */
  readonly signal?: AbortSignal;
  /** Told of rows that were added up and written. */
  readonly onWritten?: (aggregate: string, rows: number) => void;
}

export type TurnOutcome =
  /** There is more to do at once. */
  | 'more'
  | 'rested'
  /** Another one has taken a round meanwhile: it leads. */
  | 'lost lead'
  | 'waits for orders';

/** Keys that are computed and written together. */
const PAGE_KEYS = 200;

/**
 * Brings one aggregate a step on: counts what was written to the orders since, and builds what is to replace it. All of it is done under a
 * round of its own, and may be done again: a leader that dies between any two steps leaves nothing that the next one does not do anew,
 * from the checkpoint that is kept (design §4).
 * @throws IndexUnavailableError, AggregateMovedError: nothing is lost by trying again
 */
export async function takeTurn(
  aggregate: AggregateDefinition,
  deps: TurnDependencies,
  { refresh }: { readonly refresh: boolean },
): Promise<TurnOutcome> {
  const before = await deps.records.read(aggregate.name);
  const kept = await deps.records.replace(aggregate.name, before, { ...before.state, round: before.state.round + 1 });
  if (!kept) return 'lost lead';
  await deps.reached('rollup claimed');
  return await new Turn(aggregate, deps, kept).take(refresh);
}

class Turn {
  readonly #aggregate: AggregateDefinition;
  readonly #deps: TurnDependencies;
  #kept: Kept;

  constructor(aggregate: AggregateDefinition, deps: TurnDependencies, kept: Kept) {
    this.#aggregate = aggregate;
    this.#deps = deps;
    this.#kept = kept;
  }

  get #state(): RollupState {
    return this.#kept.state;
  }

  async take(refresh: boolean): Promise<TurnOutcome> {
    if (!(await this.#reconcile())) return 'lost lead';
    // Before it is looked up what is written to: all of that was written to whatever still is.
    const known = await this.#deps.asOf();
    const around = await surroundingsOf(this.#state, this.#aggregate.name, this.#deps);
    const { live } = this.#state;
    if (refresh && live && around.isOriginWritten && !(await this.#refresh(live, known))) return 'lost lead';
    const turn = nextTurn(this.#state, around);
    switch (turn.kind) {
      case 'wait for orders':
        return 'waits for orders';
      case 'rest':
        return 'rested';
      case 'begin':
        return await this.#begin(around.origin, turn.request, known);
      case 'abandon':
        return await this.#abandon();
      case 'build':
        return await this.#build(turn.building);
      case 'activate':
        return await this.#activate(turn.building, known);
    }
  }

  async #refresh(live: LiveRollup, known: string): Promise<boolean> {
    const { newestEventTime, ...progress } = await this.#catchUp(live, known);
    const whole = wholeFrom(live.wholeFrom, this.#deps.keptFrom());
    const refreshed: LiveRollup = { ...live, ...progress, ...whole, refreshedAt: this.#deps.now() };
    return await this.#keep({ ...this.#state, ...newest(this.#state, newestEventTime), live: refreshed });
  }

  /**
   * Counts anew what the documents that were written since the checkpoint may contribute to.
   * @param known the `asOf` of before: what was written until then is within the next checkpoint
   */
  async #catchUp(
    {
      generation,
      origin: { orders },
      checkpoint,
      asOf,
    }: Pick<LiveRollup, 'generation' | 'origin' | 'checkpoint' | 'asOf'>,
    known: string,
  ) {
    const { source } = this.#deps.index.aggregates;
    const until = await source.checkpoint(orders);
    await this.#deps.reached('rollup checkpoint');
    const { keys, newestEventTime } = await source.changed({
      orders,
      since: checkpoint,
      until,
      notAfter: this.#notAfter(),
    });
    for (let at = 0; at < keys.length; at += PAGE_KEYS)
      await this.#count(generation, orders, keys.slice(at, at + PAGE_KEYS));
    if (keys.length > 0) await this.#store.refresh(generation);
    return { checkpoint: until, asOf: later(asOf, known), newestEventTime };
  }

  /**
   * What readers see is what the alias says. A leader may have died between moving it and the record of that; and one that is gone, with
   * all that was counted, is not there any more however the record has it.
   */
  async #reconcile(): Promise<boolean> {
    const { live, building, ...state } = this.#state;
    const seen = (await this.#store.list()).find(({ isLive }) => isLive)?.name;
    if (building && building.generation === seen) return await this.#keep({ ...state, ...this.#activated(building) });
    if (!live || live.generation === seen) return true;
    const { generation } = live;
    this.#deps.log.warn(
      { aggregate: this.#aggregate.name, generation, seen },
      'the aggregate is gone: it is built anew',
    );
    return await this.#keep({ ...state, ...(building && { building }) });
  }

  #activated({
    generation,
    origin,
    checkpoint,
    asOf,
    processed,
    request,
    wholeFrom: from,
  }: BuildingRollup): Partial<RollupState> {
    const refreshedAt = this.#deps.now();
    return {
      live: {
        generation,
        origin,
        checkpoint,
        asOf,
        refreshedAt,
        built: processed,
        ...(from !== undefined && { wholeFrom: from }),
      },
      ...(request !== undefined && { fulfilled: request }),
    };
  }

  #notAfter(): string {
    return new Date(this.#deps.now() + MAX_AHEAD_MS).toISOString();
  }

  async #begin(origin: Origin, request: string | undefined, known: string): Promise<TurnOutcome> {
    const { index, reached } = this.#deps;
    const { source } = index.aggregates;
    const existing = await this.#store.list();
    const number = Math.max(this.#state.lastNumber ?? 0, ...existing.map((generation) => generation.number)) + 1;
    await this.#store.create(number);
    await reached('rollup created');
    const made = (await this.#store.list()).find((generation) => generation.number === number);
    if (!made) return 'lost lead';
    const whole = wholeFrom(undefined, this.#deps.keptFrom());
    const checkpoint = await source.checkpoint(origin.orders);
    const building: BuildingRollup = {
      ...{ generation: made.name, number, origin, checkpoint, asOf: known, processed: 0, isComplete: false },
      total: await source.countKeys(origin.orders),
      ...whole,
      ...(request !== undefined && { request }),
    };
    const newestEventTime = await source.newestEventTime(origin.orders, this.#notAfter());
    const seen = newest(this.#state, newestEventTime);
    const isKept = await this.#keep({ ...this.#state, ...seen, lastNumber: number, building });
    return isKept ? 'more' : 'lost lead';
  }

  async #build(building: BuildingRollup): Promise<TurnOutcome> {
    const { orders } = building.origin;
    const page = { orders, after: building.after, size: PAGE_KEYS };
    const keys = await this.#deps.index.aggregates.source.keys(page);
    const after = keys.at(-1);
    if (after === undefined) return await this.#complete(building);
    const done = building.after === undefined ? undefined : this.#rowOf(building.after);
    await this.#count(
      building.generation,
      orders,
      keys.filter((key) => this.#rowOf(key) !== done),
    );
    const processed = building.processed + keys.length;
    const next = { ...building, after, processed, total: Math.max(building.total, processed) };
    return (await this.#keep({ ...this.#state, building: next })) ? 'more' : 'lost lead';
  }

  async #complete(building: BuildingRollup): Promise<TurnOutcome> {
    const complete = { ...building, total: building.processed, isComplete: true };
    return (await this.#keep({ ...this.#state, building: complete })) ? 'more' : 'lost lead';
  }

  /** Readers never go back to what was counted when it was begun: it catches up first, after the one that they see now. */
  async #activate(built: BuildingRollup, known: string): Promise<TurnOutcome> {
    const { newestEventTime, ...progress } = await this.#catchUp(built, known);
    const building = { ...built, ...progress, ...wholeFrom(built.wholeFrom, this.#deps.keptFrom()) };
    if (!(await this.#keep({ ...this.#state, ...newest(this.#state, newestEventTime), building }))) return 'lost lead';
    const { generation, origin } = building;
    const { live, building: _, ...state } = this.#state;
    await this.#store.activate(generation, live?.generation ?? (await this.#readBefore(generation)));
    await this.#deps.reached('rollup activated');
    const isKept = await this.#keep({ ...state, ...this.#activated(building) });
    this.#deps.log.info(
      { aggregate: this.#aggregate.name, generation, orders: origin.orders },
      'rebuilt the aggregate',
    );
    return isKept ? 'more' : 'lost lead';
  }

  /** Where nothing is kept of what readers see: the control index was lost, and the aggregate was not. */
  async #readBefore(generation: string): Promise<string | undefined> {
    const live = (await this.#store.list()).find(({ isLive }) => isLive)?.name;
    return live === generation ? undefined : live;
  }

  /** What was built is dropped later: one that has lost the lead may just be moving readers there. */
  async #abandon(): Promise<TurnOutcome> {
    const { building: _, ...state } = this.#state;
    return (await this.#keep(state)) ? 'more' : 'lost lead';
  }

  /** Adds up the rows that these keys belong to, and writes them. */
  async #count(generation: string, orders: string, keys: readonly string[]): Promise<void> {
    const { index, keptFrom, reached } = this.#deps;
    const from = this.#aggregate.dimensions.includes('day') ? (keptFrom() ?? '') : '';
    const wanted = keys.filter((key) => parseAggregateKey(key).day >= from);
    if (wanted.length === 0) return;
    this.#deps.signal?.throwIfAborted();
    const rows = await index.aggregates.source.compute(this.#aggregate, orders, wanted);
    await reached('rollup computed');
    await this.#store.write(generation, rows, this.#state.round);
    this.#deps.onWritten?.(this.#aggregate.name, rows.length);
    await reached('rollup written');
  }

  #rowOf(key: string): string {
    return rowKey(this.#aggregate.dimensions, parseAggregateKey(key));
  }

  get #store() {
    return this.#deps.index.aggregates.store(this.#aggregate);
  }

  async #keep(state: RollupState): Promise<boolean> {
    const kept = await this.#deps.records.replace(this.#aggregate.name, this.#kept, state);
    if (!kept) return false;
    this.#kept = kept;
    await this.#deps.reached('rollup kept');
    return true;
  }
}

function newest({ newestEventTime = '' }: RollupState, seen: string | undefined): Pick<RollupState, 'newestEventTime'> {
  const time = later(newestEventTime, seen ?? '');
  return time === '' ? {} : { newestEventTime: time };
}
