import type { Logger } from '../observability/logging.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import type { RebuildIndex } from './state.ts';

export interface HousekeepingDependencies {
  readonly index: RebuildIndex;
  /**
   * How long what was live before a swap is written to, so that rolling back loses nothing; and how long what nobody can go back to is
   * kept.
   */
  readonly standbyTtlMs: number;
  /** Whether this instance holds the lease still, as of now. */
  readonly holdsLease: () => Promise<boolean>;
  /** Whether a run is under way by now. */
  readonly isRunning: () => Promise<boolean>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * What no run is there to do: lifts the write block of one that was given up in the middle of a swap, lets go of standbys after
 * their time, and drops what is left over: what has diverged, and what whoever unregistered it did not live to drop. Only while no run
 * is under way.
 * @throws IndexUnavailableError
 */
export async function keepHouse(deps: HousekeepingDependencies): Promise<void> {
  const { generations } = deps.index;
  for (const { name, isFrozen } of await generations.list()) {
    if (!isFrozen) continue;
    // It may be the block of another one's swap by now.
    if (!(await deps.holdsLease())) return;
    deps.log.warn({ generation: name }, 'lifting the write block that a swap has left behind');
    await generations.thaw(name);
  }
  await expireStandbys(deps);
  await dropLeftovers(deps);
}

async function expireStandbys(deps: HousekeepingDependencies): Promise<void> {
  const { index, standbyTtlMs, now, log } = deps;
  const { epoch, live, targets } = await index.registry();
  const standbys = targets.map(({ generation }) => generation).filter((one) => one !== live.generation);
  const since = await knownSince(index, STANDBYS, standbys, now());
  const expired = standbys.filter((generation) => now() - (since[generation] ?? now()) >= standbyTtlMs);
  if (expired.length === 0) return;
  const { kind } = await index.generations.renameEpoch(epoch, { unregister: expired });
  if (kind !== 'moved') return; // Somebody is at work: next time.
  const dropped: string[] = [];
  for (const generation of expired) if (await drop(generation, deps)) dropped.push(generation);
  if (dropped.length > 0) log.info({ generations: dropped }, 'dropped standbys after their time');
}

/**
 * Nobody can go back to a generation that is not written to. What is listed first, and no target after that, has not been registered
 * meanwhile; only a run registers generations, and none is given the name of one that was there before.
 */
async function dropLeftovers(deps: HousekeepingDependencies): Promise<void> {
  const { index, standbyTtlMs, isRunning, now, log } = deps;
  const generations = await index.generations.list();
  // Not by what is listed: without the aliases nothing there would be live.
  const { targets } = await index.registry();
  const leftovers = generations
    .map(({ name }) => name)
    .filter((name) => !targets.some(({ generation }) => generation === name));
  const since = await knownSince(index, LEFTOVERS, leftovers, now());
  for (const generation of leftovers) {
    if (now() - (since[generation] ?? now()) < standbyTtlMs) continue;
    // It may be what a run builds that has begun since.
    if (await isRunning()) return;
    if (await drop(generation, deps)) log.info({ generation }, 'dropped a generation that was not written to any more');
  }
}

/** False where it cannot be dropped now: it is a leftover then, to be dropped another time, and in the way of nothing else. */
async function drop(
  generation: string,
  { index, log }: Pick<HousekeepingDependencies, 'index' | 'log'>,
): Promise<boolean> {
  try {
    await index.generations.drop(generation);
    return true;
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) throw error;
    log.warn({ generation, reason: error.message }, 'a generation could not be dropped: it is tried again later');
    return false;
  }
}

const STANDBYS = 'standbys';
const LEFTOVERS = 'leftovers';

/**
 * Begins the time anew of one that readers were moved away from: a look now and then would not see that it was live for less than a
 * minute.
 * @throws IndexUnavailableError
 */
export async function beginStandby(
  index: Pick<RebuildIndex, 'readControl' | 'writeControl'>,
  generation: string,
  now: number,
): Promise<void> {
  for (;;) {
    const record = await index.readControl(STANDBYS);
    if (await index.writeControl(STANDBYS, { ...record?.value, [generation]: now }, record?.revision ?? null)) return;
  }
}

/** Since when each is such a one, as far as is known (epoch milliseconds); one that was found not to be meanwhile begins anew. */
async function knownSince(
  index: RebuildIndex,
  id: string,
  generations: readonly string[],
  now: number,
): Promise<Readonly<Record<string, number>>> {
  const record = await index.readControl(id);
  const known = (record?.value ?? {}) as Readonly<Record<string, number>>;
  const since = Object.fromEntries(generations.map((generation) => [generation, known[generation] ?? now]));
  const isSame =
    Object.keys(known).length === generations.length &&
    generations.every((generation) => known[generation] !== undefined);
  if (!isSame) await index.writeControl(id, since, record?.revision ?? null);
  return since;
}
