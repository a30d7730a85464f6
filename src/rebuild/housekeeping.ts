import type { Logger } from '../observability/logging.ts';
import type { RebuildIndex } from './state.ts';

export interface HousekeepingDependencies {
  readonly index: RebuildIndex;
  /** How long what was live before a swap is written to, so that rolling back loses nothing. */
  readonly standbyTtlMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly log: Logger;
}

/**
 * What no run is there to do: lifts the write block of one that was given up in the middle of a swap, and lets go of standbys after
 * their time. Only while no run is under way.
 * @throws IndexUnavailableError
 */
export async function keepHouse(deps: HousekeepingDependencies): Promise<void> {
  const { generations } = deps.index;
  for (const { name, isFrozen } of await generations.list()) {
    if (!isFrozen) continue;
    deps.log.warn({ generation: name }, 'lifting the write block that a swap has left behind');
    await generations.thaw(name);
  }
  await expireStandbys(deps);
}

async function expireStandbys({ index, standbyTtlMs, now, log }: HousekeepingDependencies): Promise<void> {
  const { epoch, live, targets } = await index.registry();
  const standbys = targets.map(({ generation }) => generation).filter((one) => one !== live.generation);
  const since = await standbysSince(index, standbys, now());
  const expired = standbys.filter((generation) => now() - (since[generation] ?? now()) >= standbyTtlMs);
  if (expired.length === 0) return;
  const { kind } = await index.generations.renameEpoch(epoch, { unregister: expired });
  if (kind !== 'moved') return; // Somebody is at work: next time.
  for (const generation of expired) await index.generations.drop(generation);
  log.info({ generations: expired }, 'dropped standbys after their time');
}

const STANDBYS = 'standbys';

/** When each was first found to be one (epoch milliseconds): an activation begins it anew. */
async function standbysSince(
  index: RebuildIndex,
  standbys: readonly string[],
  now: number,
): Promise<Readonly<Record<string, number>>> {
  const record = await index.readControl(STANDBYS);
  const known = (record?.value ?? {}) as Readonly<Record<string, number>>;
  const since = Object.fromEntries(standbys.map((generation) => [generation, known[generation] ?? now]));
  const isSame =
    Object.keys(known).length === standbys.length && standbys.every((generation) => known[generation] !== undefined);
  if (!isSame) await index.writeControl(STANDBYS, since, record?.revision ?? null);
  return since;
}
