import type { Response } from './model.ts';
import type { RebuildIndex } from './state.ts';

export interface SwapDependencies {
  readonly index: RebuildIndex;
  /** Whether this instance holds the lease still, as of now. */
  readonly holdsLease: () => Promise<boolean>;
  readonly reached: (point: 'rebuild frozen' | 'rebuild fenced' | 'rebuild moved') => Promise<void>;
}

export interface Swap {
  readonly from: string;
  readonly to: string;
  /** Of the registry when `to` was found to have everything. */
  readonly epoch: number;
}

/**
 * Moves the read alias so that no reader goes back in time (design §2): refreshes of the old generation stop, its writes are blocked
 * and those under way waited for, the new one is refreshed, and then alias and epoch move in one call. Writers hold for these
 * milliseconds, readers notice nothing. The block is lifted whatever happens; a runner that dies in between, or loses its lease, leaves
 * that to the next.
 * @throws IndexUnavailableError: the same again
 */
export async function swap({ from, to, epoch }: Swap, deps: SwapDependencies): Promise<Response> {
  const { generations } = deps.index;
  const before = await deps.index.registry();
  if (before.live.generation === to) {
    if (from !== to) await thawUnlessAnotherSwaps(from, deps);
    return { kind: 'done' };
  }
  if (before.epoch !== epoch || before.live.generation !== from) {
    // A runner that died in the middle may have left it frozen, and the comparison that comes now takes its time.
    await thawUnlessAnotherSwaps(from, deps);
    return { kind: 'registry moved', epoch: before.epoch };
  }
  if (!before.targets.some(({ generation }) => generation === to)) {
    await thawUnlessAnotherSwaps(from, deps);
    return { kind: 'lost target', reason: `${to} is no write target any more` };
  }
  let moved: Awaited<ReturnType<typeof generations.renameEpoch>>;
  try {
    await generations.freeze(from);
    await deps.reached('rebuild frozen');
    await generations.refresh(to);
    if (!(await deps.holdsLease())) return { kind: 'interrupted' };
    await deps.reached('rebuild fenced');
    moved = await generations.renameEpoch(epoch, { live: to });
    await deps.reached('rebuild moved');
  } finally {
    await thawUnlessAnotherSwaps(from, deps);
  }
  // Whoever moved the alias there could only do so upon the epoch that was validated, like this runner; something else came after it.
  const isThere = moved.kind === 'moved' || moved.registry.live.generation === to;
  return isThere ? { kind: 'done' } : { kind: 'registry moved', epoch: moved.registry.epoch };
}

/**
 * A runner that has lost its lease may stand in the middle of another one's swap away from the same generation, whose block it must not
 * lift. Of one that is not live any more nobody swaps away. False where it was left to the other one.
 */
export async function thawUnlessAnotherSwaps(
  from: string,
  { index, holdsLease }: Pick<SwapDependencies, 'index' | 'holdsLease'>,
): Promise<boolean> {
  const mayLift = (await holdsLease()) || (await index.registry()).live.generation !== from;
  if (mayLift) await index.generations.thaw(from);
  return mayLift;
}

/**
 * The standbys beyond those to keep: the one that was live last is worth most, then the newest. What was just built counts for none.
 * @throws IndexUnavailableError
 */
export async function chooseSurplus(
  index: RebuildIndex,
  { from, keep, built }: { readonly from: string; readonly keep: number; readonly built: string },
): Promise<Response> {
  const { live, targets } = await index.registry();
  const standbys = targets
    .map(({ generation }) => generation)
    .filter((one) => one !== live.generation && one !== built);
  const byWorth = standbys.toSorted((a, b) => Number(b === from) - Number(a === from) || (a < b ? 1 : -1));
  return { kind: 'learned', patch: { surplus: byWorth.slice(keep) } };
}

/**
 * Unregisters generations and drops them. Nobody can write to what was dropped, since the write aliases went with the epoch, and a load
 * from it is told so.
 * @throws IndexUnavailableError
 */
export async function prune(
  index: RebuildIndex,
  { surplus, epoch }: { readonly surplus: readonly string[]; readonly epoch: number },
): Promise<Response> {
  const registry = await index.registry();
  const registered = registry.targets.map(({ generation }) => generation).filter((one) => surplus.includes(one));
  if (registered.includes(registry.live.generation)) return { kind: 'learned', patch: { surplus: [] } };
  if (registered.length > 0) {
    if (registry.epoch !== epoch) return { kind: 'registry moved', epoch: registry.epoch };
    const moved = await index.generations.renameEpoch(epoch, { unregister: registered });
    if (moved.kind === 'lost_race') return { kind: 'registry moved', epoch: moved.registry.epoch };
  }
  for (const generation of surplus) await index.generations.drop(generation);
  return { kind: 'done' };
}

/**
 * What a rebuild has made is unregistered and dropped; the live generation is as it was.
 * @throws IndexUnavailableError
 */
export async function discard(
  deps: Pick<SwapDependencies, 'index' | 'holdsLease'>,
  { generation, from, epoch }: { readonly generation: string; readonly from: string; readonly epoch: number },
): Promise<Response> {
  const { index } = deps;
  const registry = await index.registry();
  if (registry.live.generation === generation) throw new Error(`${generation} is live: it must not be discarded`);
  if (!(await thawUnlessAnotherSwaps(from, deps))) return { kind: 'interrupted' };
  if (registry.targets.some((target) => target.generation === generation)) {
    if (registry.epoch !== epoch) return { kind: 'registry moved', epoch: registry.epoch };
    const moved = await index.generations.renameEpoch(epoch, { unregister: [generation] });
    if (moved.kind === 'lost_race') return { kind: 'registry moved', epoch: moved.registry.epoch };
  }
  await index.generations.drop(generation);
  return { kind: 'done' };
}
