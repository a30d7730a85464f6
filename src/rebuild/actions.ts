import type { Logger } from '../observability/logging.ts';
import type { StorageLimits } from '../order/fold.ts';
import { BrokerUnavailableError } from '../broker/port.ts';
import { forgetDivergence } from '../order-index/diverge.ts';
import { forgetLostParked } from '../order-index/lost-indices.ts';
import { IndexUnavailableError, SnapshotLostError } from '../order-index/port.ts';
import { compareWithLive } from './compare.ts';
import { copyLive } from './copy.ts';
import { EventSourceError, type EventSource } from './event-source.ts';
import { propagateErasures } from './propagate-erasures.ts';
import { beginStandby } from './housekeeping.ts';
import type { Response } from './model.ts';
import type { Action } from './next.ts';
import { replay } from './replay.ts';
import { performRollups, type RollupAction } from './rollups.ts';
import {
  canBeCancelled,
  type CopyProgress,
  type RebuildIndex,
  type RebuildRequest,
  type RebuildRollups,
  type ReplayProgress,
  type RunState,
} from './state.ts';
import { chooseSurplus, discard, thawUnlessAnotherSwaps, prune, swap, type Swap } from './swap.ts';
import { LostTargetError, RefusedError, targetOf } from './write-until-stored.ts';

/** Places inside of actions at which tests stop or kill the process. */
export type RebuildPoint = 'rebuild refreshed' | 'rebuild page' | 'rebuild frozen' | 'rebuild fenced' | 'rebuild moved';

export interface ActionDependencies {
  readonly index: RebuildIndex;
  readonly rollups: RebuildRollups;
  /** @throws EventSourceError */
  readonly openSource: (request: RebuildRequest) => Promise<EventSource>;
  readonly storageLimits: StorageLimits;
  readonly maxMessageBytes: number;
  readonly now: () => Date;
  readonly log: Logger;
  /** Aborted to pause, cancel or stop: the action ends `interrupted`. */
  readonly signal: AbortSignal;
  readonly holdsLease: () => Promise<boolean>;
  readonly onCopying: (progress: CopyProgress) => void;
  readonly onReplaying: (progress: ReplayProgress) => void;
  /** Told how many orders the comparison has come past that is under way. */
  readonly onCompared: (orders: number) => void;
  /** Told that an action gets on that has no progress to keep. */
  readonly onMoved: () => void;
  readonly reached: (point: RebuildPoint) => Promise<void>;
}

/** Does what a state asks for. An outage or a refusal is an answer; a bug throws. */
export async function perform(action: Action, run: RunState, deps: ActionDependencies): Promise<Response> {
  try {
    return await attempt(action, run, deps);
  } catch (error) {
    if (deps.signal.aborted && error === deps.signal.reason) return { kind: 'interrupted' };
    if (error instanceof RefusedError) return { kind: 'refused', orders: error.orders, total: error.total };
    if (error instanceof LostTargetError) return { kind: 'lost target', reason: error.message };
    if (error instanceof EventSourceError) return { kind: 'failed', reason: error.message };
    if (isOutage(error)) return { kind: 'held', reason: error.message };
    return unexpected(error, run, deps);
  }
}

/**
 * A bug, or something that Elasticsearch refuses for good. To end the process over it would end every process that goes on with the
 * run. Until readers are moved the run can be given up; after that, and while it cleans up, only tried again.
 */
export function unexpected(error: unknown, run: RunState, { log }: Pick<ActionDependencies, 'log'>): Response {
  log.error({ err: error, rebuild: run.id, step: run.step }, 'an action of the rebuild has failed');
  const reason = error instanceof Error ? error.message : String(error);
  return canBeCancelled(run) ? { kind: 'failed', reason } : { kind: 'held', reason };
}

function isOutage(error: unknown): error is Error {
  return (
    error instanceof IndexUnavailableError ||
    error instanceof BrokerUnavailableError ||
    error instanceof SnapshotLostError
  );
}

async function attempt(action: Action, run: RunState, deps: ActionDependencies): Promise<Response> {
  const { index } = deps;
  switch (action.kind) {
    case 'choose':
      return await choose(index);
    case 'register':
      return await register(index, action);
    case 'swap':
      return await moved(action, run, deps);
    case 'choose surplus':
      return await chooseSurplus(index, action);
    case 'prune':
      return await prune(index, action);
    case 'discard':
      return await discard(deps, action);
    case 'nothing to discard':
      return { kind: 'done' };
    case 'await rollups':
    case 'rebuild rollup':
    case 'withdraw rollup':
      return await performRollups(action, run, deps);
    default:
      return await build(action, run, deps);
  }
}

/**
 * What was read beside the queue may tell of erasures; copies of the live generation tell of none that it had not. The whole history
 * has the events that were parked in a lost index.
 */
async function moved(action: Swap, run: RunState, deps: ActionDependencies): Promise<Response> {
  const response = await swap(action, deps);
  if (response.kind !== 'done') return response;
  if (action.from !== action.to) await beginStandby(deps.index, action.from, deps.now().getTime());
  if (run.kind === 'activation' || run.request.source !== 'index') await propagateErasures(deps);
  if (run.kind === 'rebuild' && run.request.source === 'history' && run.request.from === undefined)
    await forgetLostParked(deps.index, run.startedAt);
  return response;
}

type Registering = 'choose' | 'register' | 'swap' | 'choose surplus' | 'prune' | 'discard' | 'nothing to discard';
type Building = Exclude<Action, RollupAction | { readonly kind: Registering }>;

/** What has to do with the content and the settings of generations, and not with the registry. */
async function build(action: Building, run: RunState, deps: ActionDependencies): Promise<Response> {
  const { generations } = deps.index;
  switch (action.kind) {
    case 'create':
      // What is not there is missed now, and not after everything was copied.
      if (run.request.source !== 'index') await deps.openSource(run.request);
      await forgetDivergence(deps.index, run.generation);
      await generations.create(action.number);
      return { kind: 'done' };
    case 'refresh live':
      return await refreshLive(run, deps.index);
    case 'copy':
      return await copied(action.generation, action.progress, deps);
    case 'replay':
      return await replayed(run, deps);
    case 'compare':
      await compareWithLive(action.generation, deps);
      return { kind: 'done' };
    case 'restore settings':
      return await restoreSettings(action.generation, run, deps);
    case 'refresh':
      await targetOf(deps.index, action.generation);
      await generations.refresh(action.generation);
      return { kind: 'done' };
    case 'validate':
      return await validate(action.generation, deps);
    case 'thaw':
      return (await thawUnlessAnotherSwaps(action.generation, deps)) ? { kind: 'done' } : { kind: 'interrupted' };
  }
}

/** Nobody else has its number, since only who holds the lease chooses. */
async function choose(index: RebuildIndex): Promise<Response> {
  const [{ epoch, live }, generations] = await Promise.all([index.registry(), index.generations.list()]);
  const number = await nextNumber(index, Math.max(0, ...generations.map((generation) => generation.number)));
  const generation = nameLike(live.generation, number);
  return { kind: 'learned', patch: { generation, number, from: live.generation, epoch } };
}

const NUMBERS = 'generation-numbers';

/** Beyond all that there are, and all that there were: what is known of a name must not be true of another generation. */
async function nextNumber(index: RebuildIndex, highest: number): Promise<number> {
  for (;;) {
    const record = await index.readControl(NUMBERS);
    const number = Math.max(highest, Number(record?.value['highest'] ?? 0)) + 1;
    if (await index.writeControl(NUMBERS, { highest: number }, record?.revision ?? null)) return number;
  }
}

/** Generations are called alike but for their number, of six digits or more (contract §4). */
function nameLike(generation: string, number: number): string {
  return generation.replace(/\d+$/, String(number).padStart(6, '0'));
}

async function register(
  index: RebuildIndex,
  { generation, epoch }: { readonly generation: string; readonly epoch: number },
): Promise<Response> {
  // A backlog's pace is left alone beside a second target, for as long as that is kept; no projector sets the same pace twice.
  const { live, targets } = await index.registry();
  if (targets.length === 1) await index.generations.paceRefreshes(live, 'usual');
  const { kind, registry } = await index.generations.renameEpoch(epoch, { register: [generation] });
  return kind === 'moved'
    ? { kind: 'done', patch: { epoch: registry.epoch } }
    : { kind: 'registry moved', epoch: registry.epoch };
}

async function refreshLive(run: RunState, index: RebuildIndex): Promise<Response> {
  const { live } = await index.registry();
  await index.generations.refresh(live.generation);
  const generations = await index.generations.list();
  const total = generations.find(({ isLive }) => isLive)?.documents ?? 0;
  return { kind: 'done', patch: { copy: { ...run.copy, total } } };
}

async function copied(generation: string, progress: CopyProgress, deps: ActionDependencies): Promise<Response> {
  const copy = await copyLive(generation, progress, { ...deps, onProgress: deps.onCopying });
  return { kind: 'done', patch: { copy } };
}

async function replayed(run: RunState, deps: ActionDependencies): Promise<Response> {
  const source = await deps.openSource(run.request);
  return { kind: 'done', patch: { replay: await replay(run, { ...deps, source, onProgress: deps.onReplaying }) } };
}

/** Copies come whenever there is a node for them: readers need not wait for that, and the live generation has no better place. */
const COPIES_PATIENCE_MS = 600_000;

async function restoreSettings(
  generation: string,
  { id, held }: RunState,
  deps: ActionDependencies,
): Promise<Response> {
  const { index, now, log } = deps;
  await targetOf(index, generation);
  const readiness = await index.generations.restoreSettings(generation);
  if (readiness.kind === 'ready') return { kind: 'done' };
  const { reason, onlyCopies } = readiness;
  if (!onlyCopies) return { kind: 'held', reason };
  const { dispensableSince = Infinity } = held ?? {};
  if (now().getTime() - dispensableSince < COPIES_PATIENCE_MS) {
    const goesOn = `it goes on without them after ${COPIES_PATIENCE_MS / 60_000} minutes`;
    return { kind: 'held', reason: `${reason}; ${goesOn}`, dispensable: true };
  }
  log.warn({ rebuild: id, generation, reason }, 'the rebuild goes on without all copies');
  return { kind: 'done' };
}

/**
 * The registry must be the same before and after: who is live and who is written to has not changed while it was looked at. What takes no
 * writes must not become live: that is asked first, since a comparison takes its time, and again after it.
 */
async function validate(generation: string, deps: ActionDependencies): Promise<Response> {
  const before = await deps.index.registry();
  const blocked = await heldByBlock(generation, deps.index);
  if (blocked) return blocked;
  const { different, named } = await compareWithLive(generation, deps);
  const { epoch } = await deps.index.registry();
  if (epoch !== before.epoch) return { kind: 'registry moved', epoch };
  if (different > 0) return { kind: 'refused', orders: named, total: different };
  return (
    (await heldByBlock(generation, deps.index)) ?? { kind: 'done', patch: { epoch, from: before.live.generation } }
  );
}

async function heldByBlock(generation: string, index: RebuildIndex): Promise<Response | undefined> {
  await targetOf(index, generation);
  const block = await index.generations.writeBlock(generation);
  return block === undefined
    ? undefined
    : { kind: 'held', reason: `${generation} takes no writes: take its ${block} off` };
}
