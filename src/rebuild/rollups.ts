import { pause } from '../back-off/pause.ts';
import type { Logger } from '../observability/logging.ts';
import type { Response } from './model.ts';
import type { Action } from './next.ts';
import type { CopyProgress, RebuildRollups, RollupProgress, RunState } from './state.ts';

export type RollupAction = Extract<Action, { readonly kind: 'await rollups' | 'rebuild rollup' | 'withdraw rollup' }>;

interface RollupDependencies {
  readonly rollups: RebuildRollups;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly onCopying: (progress: CopyProgress) => void;
  readonly onMoved: () => void;
}

const LOOK_MS = 200;
/** A leader that dies is followed by another one within this time. */
const SILENT_MS = 30_000;
/** The orders are live already: aggregates that nobody derives must not stand in the way of the next rebuild. */
const GIVEN_UP_MS = 5 * 60_000;
const NOBODY = 'nobody goes on with the aggregates: see the part "aggregates" of /health';

/** @throws IndexUnavailableError, the signal's reason */
export async function performRollups(action: RollupAction, run: RunState, deps: RollupDependencies): Promise<Response> {
  const { rollups } = deps;
  switch (action.kind) {
    case 'await rollups':
      return await awaitRollups(action.generation, run, deps);
    case 'rebuild rollup':
      try {
        return await untilDone(() => rollups.rebuild(action.aggregate, run.id), run, deps);
      } catch (error) {
        if (deps.signal.aborted) await rollups.pause(action.aggregate, run.id);
        throw error;
      }
    case 'withdraw rollup':
      await rollups.withdraw(action.aggregate, run.id);
      return { kind: 'done' };
  }
}

async function awaitRollups(generation: string, run: RunState, deps: RollupDependencies): Promise<Response> {
  const { dispensableSince = Infinity } = run.held ?? {};
  if (Date.now() - dispensableSince > GIVEN_UP_MS) {
    deps.log.warn({ rebuild: run.id }, `the rebuild goes on without the aggregates: ${NOBODY}`);
    return { kind: 'done' };
  }
  const response = await untilDone(() => deps.rollups.derivation(generation), run, {
    ...deps,
    onCopying: () => deps.onMoved(),
  });
  return response.kind === 'held' ? { ...response, dispensable: true } : { kind: 'done' };
}

async function untilDone(
  look: () => Promise<RollupProgress>,
  run: RunState,
  { signal, onCopying }: RollupDependencies,
): Promise<Extract<Response, { kind: 'done' | 'held' }>> {
  let pulse: string | undefined;
  let movedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const progress = await look();
    const copy = { ...run.copy, copied: progress.processed, total: progress.total };
    if (progress.isDone) return { kind: 'done', patch: { copy, generation: progress.generation } };
    if (progress.pulse !== pulse) {
      // That it moves is not said by the first look at what has held the run up.
      if (pulse !== undefined || run.held === undefined) onCopying(copy);
      pulse = progress.pulse;
      movedAt = performance.now();
    } else if (performance.now() - movedAt > SILENT_MS) return { kind: 'held', reason: NOBODY };
    await pause(LOOK_MS, signal);
  }
}
