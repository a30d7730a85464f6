/** `blocked`: by a write block, which a swap sets too; those of full disks and operators' `read_only` are `unavailable`. */
export type WhyNotWritten = 'unavailable' | 'blocked';

/** By write addresses: a generation's name may be given up and used again. */
export interface StandbyPatience {
  /** A standby could not be written to although the live generation can. Whether that has lasted for too long. */
  isExhausted(target: string, live: string, why: WhyNotWritten): boolean;
  /** It could be written to. */
  worked(target: string): void;
}

/** Live writes wait for a standby, so it is not waited for as long as for the live generation. */
const STANDBY_MS = 10_000;
/**
 * A swap freezes what is live, and moves the alias before it lifts the block: where its runner has died in between, the block is on a
 * standby until the lease has expired and another runner goes on.
 */
const BLOCKED_MS = 20_000;
/** For the one that is being built, which takes longer to make anew. */
const BUILT_MS = 50_000;

/** How long live writes wait for a generation that readers do not see. `now`: milliseconds of a clock that only goes forward. */
export function createStandbyPatience(now: () => number): StandbyPatience {
  const since = new Map<string, number>();
  return {
    isExhausted(target, live, why) {
      const first = since.get(target) ?? now();
      since.set(target, first);
      // They begin with the generation's name, which ends with its number, padded: what is built is newer than what is live.
      const patienceMs = target > live ? BUILT_MS : why === 'blocked' ? BLOCKED_MS : STANDBY_MS;
      return now() - first >= patienceMs;
    },
    worked: (target) => void since.delete(target),
  };
}
