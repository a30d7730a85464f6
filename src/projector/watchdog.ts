import type { PartHealth } from '../observability/health.ts';
import type { LetterOutage } from './dead-letter-sender.ts';

export type ProjectorState = 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** What a projector looks like from outside; times in epoch milliseconds. */
export interface Progress {
  readonly now: number;
  readonly state: ProjectorState;
  /** Events taken and not settled, those aside that wait to be dead-lettered. */
  readonly inHand: number;
  /** Since when something has been in hand without anything being settled; undefined where nothing is. */
  readonly unsettledSince: number | undefined;
  /** Since when messages have been waiting without any being taken; undefined where that is not so. */
  readonly untakenSince: number | undefined;
  /** What some projector has last said of the index's freshness: this one may be the passive consumer beside it. */
  readonly asOf: number | undefined;
  readonly outage: { readonly reason: string; readonly since: number } | undefined;
  /**
   * Dead letters that the broker does not take. `isFull` where their deliveries are all that may be held, so that nothing else is taken.
   */
  readonly letterOutage: (LetterOutage & { readonly isFull: boolean }) | undefined;
}

/** Longer than any single request to the index or the broker may take. */
const PATIENCE_MS = 60_000;

/** Judges whether a projector does its work: a check that is green while nothing moves would be worse than none. */
export function judgeProgress(progress: Progress): PartHealth {
  const { now, state, inHand, unsettledSince, untakenSince, asOf, outage, letterOutage } = progress;
  if (state !== 'running') return { state: 'down', reason: `the projector is ${state}` };
  if (outage) return heldUp(outage.since, held(outage, now), now);
  if (unsettledSince !== undefined && impatient(unsettledSince, now)) {
    return {
      state: 'down',
      reason: `${inHand} events are in hand, and none has been settled for ${age(unsettledSince, now)}`,
    };
  }
  if (letterOutage) return heldLetters(letterOutage, now);
  if (untakenSince !== undefined && impatient(untakenSince, now) && (asOf === undefined || impatient(asOf, now))) {
    return { state: 'down', reason: `messages wait, and none has been taken for ${age(untakenSince, now)}` };
  }
  return { state: 'up' };
}

function heldUp(since: number, reason: string, now: number): PartHealth {
  return { state: impatient(since, now) ? 'down' : 'degraded', reason, isHeldUp: true };
}

function held({ reason, since }: { readonly reason: string; readonly since: number }, now: number): string {
  return `held up for ${age(since, now)}: ${reason}`;
}

/** Everything else goes on, unless it is full. */
function heldLetters(
  { letters, reason, since, isFull }: NonNullable<Progress['letterOutage']>,
  now: number,
): PartHealth {
  const said = `${letters} dead ${letters === 1 ? 'letter has' : 'letters have'} not been published for ${age(since, now)}: ${reason}`;
  if (!isFull) return { state: 'degraded', reason: said };
  return heldUp(since, `${said}; nothing more is taken before they are`, now);
}

function impatient(since: number, now: number): boolean {
  return now - since > PATIENCE_MS;
}

function age(since: number, now: number): string {
  return `${Math.round((now - since) / 1_000)} s`;
}
