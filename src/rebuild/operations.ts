import { randomUUID } from 'node:crypto';
import { pause } from '../back-off/pause.ts';
import { divergenceOf } from '../order-index/diverge.ts';
import { IndexConfigurationError, IndexUnavailableError, type Generation } from '../order-index/port.ts';
import { viewOf, type RunView } from './view.ts';
import { isUnder } from './event-source.ts';
import { NO_INTENT, type Kept, type RunCommand, type RunRecords } from './records.ts';
import {
  canBeCancelled,
  isEnd,
  isOver,
  newRun,
  type NewRun,
  type RebuildIndex,
  type RebuildRequest,
  type RunState,
} from './state.ts';

export interface OperationsDependencies {
  readonly index: RebuildIndex & { open(): Promise<void> };
  readonly records: RunRecords;
  /** Where this instance reads files from. */
  readonly importDir?: string | undefined;
  /** Whether another instance runs the rebuild, whose folder need not be known here. */
  readonly runsElsewhere: boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Lets this instance's runner look at once. */
  readonly wake: () => void;
  readonly signal: AbortSignal;
  /** After how long an activation is given up, whose every order is compared first; by default a minute. */
  readonly activationLimitMs?: number;
  /** How long after that it is waited for what becomes of it; by default half a minute. */
  readonly givingUpLimitMs?: number;
  /** How long a start waits for the index; by default ten seconds. */
  readonly startPatienceMs?: number;
}

export interface GenerationState {
  readonly name: string;
  readonly number: number;
  readonly state: 'building' | 'live' | 'standby' | 'diverged';
  readonly documents: number;
  readonly sizeBytes: number;
  readonly mappingHash: string;
  readonly foldVersion: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly reason: string | null;
}

/** The command line and the console wait for two minutes. */
const ACTIVATION_LIMIT_MS = 60_000;
const GIVING_UP_LIMIT_MS = 30_000;
const LOOK_MS = 100;
const START_PATIENCE_MS = 10_000;
const RETRY_MS = 250;

/** What operators do about rebuilds; every instance can, whichever runs them. All reject with IndexUnavailableError. */
export function createRebuildOperations(deps: OperationsDependencies) {
  const { records, now } = deps;
  const view = async (id: string): Promise<RunView | undefined> => {
    const kept = await records.read(id);
    // Of one that is over nothing is intended any more: a console that lists many asks for half as much.
    const intent = kept && !isOver(kept.state) ? await records.intent(id) : NO_INTENT;
    return kept && viewOf(kept, intent, now());
  };
  return {
    async start(request: RebuildRequest) {
      const mistake = mistakeIn(request, deps);
      if (mistake) return { kind: 'invalid' as const, ...mistake };
      const run = { id: randomUUID(), kind: 'rebuild', request, startedAt: now() } as const;
      const begun = await openAndBegin(run, deps);
      if (begun.kind === 'refused') return begun;
      if (begun.kind === 'begun') return { kind: 'started' as const, rebuild: viewOf(begun.kept, NO_INTENT, now()) };
      const { state } = begun.by;
      const by = viewOf(begun.by, await records.intent(state.id), now());
      return { kind: 'busy' as const, by, canBeCancelled: canBeCancelled(state) };
    },
    async list(): Promise<readonly RunView[]> {
      const views = await Promise.all((await records.ids()).map(view));
      return views.filter((one) => one !== undefined);
    },
    get: view,
    async change(id: string, command: RunCommand) {
      const kept = await records.read(id);
      if (!kept) return { kind: 'not_found' as const };
      if (!canBeCancelled(kept.state)) {
        return { kind: 'over' as const, rebuild: viewOf(kept, await records.intent(id), now()) };
      }
      await records.command(id, command);
      deps.wake();
      return { kind: 'accepted' as const, rebuild: viewOf(kept, await records.intent(id), now()) };
    },
  };
}

/** What can be told before it begins: the file itself is looked for by the instance that reads it. */
function mistakeIn({ source, path = '' }: RebuildRequest, { importDir, runsElsewhere }: OperationsDependencies) {
  if (source !== 'file') return undefined;
  if (importDir === undefined && !runsElsewhere)
    return { path: 'source', message: 'IMPORT_DIR is not set: set it to the folder that the file is in' };
  if (path.includes('\0') || (importDir !== undefined && !isUnder(importDir, path)))
    return { path: 'path', message: 'must name a file in IMPORT_DIR, relative to it' };
  return undefined;
}

/** The run that is not over, an activation too. @throws IndexUnavailableError */
export async function runUnderWay(records: RunRecords, now: number): Promise<RunView | undefined> {
  const kept = await keptUnderWay(records);
  return kept && viewOf(kept, await records.intent(kept.state.id), now);
}

async function keptUnderWay(records: RunRecords): Promise<Kept | undefined> {
  const id = await records.active();
  const kept = id === undefined ? undefined : await records.read(id);
  return kept && !isOver(kept.state) ? kept : undefined;
}

type Refused = { readonly kind: 'refused'; readonly reason: string };

/**
 * Where every index is gone, there is something to rebuild into again. That takes a moment in which nothing can be read, and whoever
 * brings everything back by one command need not notice; a start whose answer was lost finds its own run.
 * @throws IndexUnavailableError where that goes on
 */
async function openAndBegin(run: NewRun, deps: OperationsDependencies): Promise<Refused | Begun> {
  const { index, signal, startPatienceMs = START_PATIENCE_MS } = deps;
  const untilMs = performance.now() + startPatienceMs;
  for (;;) {
    try {
      const misconfigured = await openIndex(index);
      return misconfigured === undefined
        ? await begin({ ...run, startedAt: deps.now() }, deps)
        : { kind: 'refused', reason: misconfigured };
    } catch (error) {
      if (!(error instanceof IndexUnavailableError) || performance.now() > untilMs) throw error;
    }
    await pause(RETRY_MS, signal);
  }
}

/** Why it cannot be opened, where that is for an operator to mend. */
async function openIndex(index: OperationsDependencies['index']): Promise<string | undefined> {
  try {
    await index.open();
    return undefined;
  } catch (error) {
    if (!(error instanceof IndexConfigurationError)) throw error;
    return error.message;
  }
}

type Begun = { readonly kind: 'begun'; readonly kept: Kept } | { readonly kind: 'busy'; readonly by: Kept };

async function begin(run: NewRun, { records, wake }: OperationsDependencies): Promise<Begun> {
  for (;;) {
    const state = newRun(run);
    const begun = await records.begin(state);
    const kept = await records.read(begun.kind === 'begun' ? state.id : begun.id);
    if (!kept) continue;
    if (kept.state.id !== state.id) return { kind: 'busy', by: kept };
    wake();
    return { kind: 'begun', kept };
  }
}

/** What operators do about generations. All reject with IndexUnavailableError. */
export function createGenerationOperations(deps: OperationsDependencies) {
  const { index } = deps;
  const list = async (): Promise<GenerationState[]> => {
    const building = await generationBeingBuilt(deps.records);
    const generations = await index.generations.list();
    return await Promise.all(generations.map((generation) => stateOf(generation, building, index)));
  };
  const find = async (name: string) => (await list()).find((generation) => generation.name === name);
  return {
    list,
    async activate(name: string) {
      const found = await find(name);
      if (!found) return { kind: 'not_found' as const };
      if (found.state === 'live') return { kind: 'activated' as const, generation: found };
      if (found.state !== 'standby') return { kind: 'refused' as const, reason: whyNotActivated(found) };
      const failure = await activate(found, deps);
      if (failure !== undefined) return { kind: 'refused' as const, reason: failure };
      return { kind: 'activated' as const, generation: (await find(name)) ?? found };
    },
    async remove(name: string) {
      const found = await find(name);
      if (!found) return { kind: 'not_found' as const };
      if (found.state === 'live') return { kind: 'refused' as const, reason: whyLiveStays(name) };
      const busy = await keptUnderWay(deps.records);
      if (busy) return { kind: 'refused' as const, reason: busyReason(busy.state) };
      const { epoch, live, targets } = await index.registry();
      // An activation may have ended since it was looked up.
      if (live.generation === name) return { kind: 'refused' as const, reason: whyLiveStays(name) };
      if (targets.some(({ generation }) => generation === name)) {
        const { kind } = await index.generations.renameEpoch(epoch, { unregister: [name] });
        if (kind !== 'moved')
          return { kind: 'refused' as const, reason: 'the registry has just been changed: try again' };
      }
      await index.generations.drop(name);
      return { kind: 'deleted' as const };
    },
  };
}

function whyLiveStays(name: string): string {
  return `${name} is live: activate another one first`;
}

async function generationBeingBuilt(records: RunRecords): Promise<string | undefined> {
  const run = (await keptUnderWay(records))?.state;
  return run?.kind === 'rebuild' ? run.generation : undefined;
}

async function stateOf(
  generation: Generation,
  building: string | undefined,
  index: RebuildIndex,
): Promise<GenerationState> {
  const { isLive, isTarget, isFrozen: _, ...rest } = generation;
  const state = isLive ? 'live' : generation.name === building ? 'building' : isTarget ? 'standby' : 'diverged';
  const reason = state === 'diverged' ? await divergenceOf(index, generation.name) : undefined;
  return { ...rest, state, reason: reason ?? null };
}

function whyNotActivated({ name, state, reason }: GenerationState): string {
  if (state === 'building') return `${name} is being built`;
  return `${name} is not written to and lacks events${reason === null ? '' : ` (${reason})`}: rebuild instead`;
}

function busyReason({ id, kind, step, generation }: RunState): string {
  if (kind === 'activation') return `${generation} is being activated`;
  // Which one it makes is not known before it is made.
  const which = `the rebuild ${id}${generation === '' ? '' : ` of ${generation}`}`;
  if (!isEnd(step)) return `${which} is in ${step}`;
  const ended = step === 'CANCELLED' ? 'was cancelled' : 'has failed';
  return `${which} ${ended} and is being cleaned up: try again in a moment`;
}

/** By the same machine, so that an instance that dies in the middle of the swap leaves it to another one. Why it failed, or undefined. */
async function activate(target: GenerationState, deps: OperationsDependencies): Promise<string | undefined> {
  const { index, now, activationLimitMs = ACTIVATION_LIMIT_MS } = deps;
  const { live, epoch } = await index.registry();
  const { name, number } = target;
  const request: RebuildRequest = {
    projection: 'orders',
    source: 'index',
    activate: true,
    keep: 0,
    allowPartial: false,
  };
  const begun = await begin(
    {
      ...{ id: randomUUID(), kind: 'activation', request, startedAt: now() },
      target: { generation: name, number, from: live.generation, epoch },
    },
    deps,
  );
  if (begun.kind === 'busy') return busyReason(begun.by.state);
  const { id } = begun.kept.state;
  const kept = await whatBecomesOf(id, activationLimitMs, deps);
  return kept && isOver(kept.state) ? failureOf(kept.state) : await giveUp(id, kept, deps);
}

/** The run as it is when it is over, or after the time. */
async function whatBecomesOf(
  id: string,
  limitMs: number,
  { records, signal }: OperationsDependencies,
): Promise<Kept | undefined> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const kept = await records.read(id);
    if ((kept && isOver(kept.state)) || performance.now() > untilMs) return kept;
    await pause(LOOK_MS, signal);
  }
}

function failureOf({ step, error }: RunState): string | undefined {
  return step === 'DONE' ? undefined : (error ?? step);
}

/**
 * Readers must not be moved some time later, when nobody expects it. Its runner may have begun to move them by the time that it is told,
 * so it has the last word. Why it failed, or undefined.
 */
async function giveUp(id: string, kept: Kept | undefined, deps: OperationsDependencies): Promise<string | undefined> {
  const { records, wake, index, activationLimitMs = ACTIVATION_LIMIT_MS } = deps;
  const { givingUpLimitMs = GIVING_UP_LIMIT_MS } = deps;
  const limit = `${activationLimitMs / 1_000} s`;
  const why = kept?.state.held ? `: ${kept.state.held.reason}` : '';
  const moving = `readers are being moved, which takes longer than ${limit}${why}`;
  // Once they are moved, what is left to do changes nothing about that.
  const whileMoving = async ({ generation }: RunState) =>
    (await index.registry()).live.generation === generation ? undefined : moving;
  if (kept && !canBeCancelled(kept.state)) return await whileMoving(kept.state);
  await records.command(id, 'cancel');
  wake();
  const state = (await whatBecomesOf(id, givingUpLimitMs, deps))?.state;
  if (state?.step === 'CANCELLED') return `it was given up after ${limit}${why}`;
  if (state && (isOver(state) || isEnd(state.step))) return failureOf(state);
  if (state && !canBeCancelled(state)) return await whileMoving(state);
  const unheard = 'no instance has heard of that yet: look which generation is live before you go on';
  return `it was given up after ${limit}${why}; ${unheard}`;
}
