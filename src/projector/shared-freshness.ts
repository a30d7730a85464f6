import type { OrderIndex } from '../order-index/port.ts';

/** The document of `orders-control` in which the projectors tell one another, and the instances that only serve, how far they are. */
const FRESHNESS_RECORD = 'freshness';

/** What one projector says of itself; epoch milliseconds. */
export interface InstanceProgress {
  /** Everything that was delivered to it before then is settled. */
  readonly settledTo: number;
  /** When it said so. */
  readonly at: number;
  /** Up to then deliveries of its may have gone back to the queue unsettled. */
  readonly returnedAt: number;
  /** Events that it had taken and not settled then; absent in a farewell. */
  readonly inHand?: number;
  /** Of all that ever go by a name each has another; absent in a farewell. */
  readonly process?: string;
}

export interface FreshnessRecord {
  readonly asOf: number;
  readonly instances: Readonly<Record<string, InstanceProgress>>;
}

/** What the other projectors leave to be believed of a heartbeat. */
export interface Trust {
  /** A heartbeat published up to then may have overtaken what has gone back to the queue meanwhile. */
  readonly publishedAfter: number;
  /** One received from then on may have predecessors that another projector still has in hand. */
  readonly receivedBefore: number;
}

/**
 * A projector that says nothing for this long is dead, and RabbitMQ has noticed too: it closes a silent connection after two heartbeat
 * intervals of 60 s. Until then what it had in hand is nowhere else.
 */
const EXPIRY_MS = 130_000;
/** Five beats. Of one that says nothing for so long nobody knows what it has in hand; if it is dead, that waits in the queue again. */
const IN_HAND_EXPIRY_MS = 5_000;
/** Clocks of two machines, and messages on their way. */
export const SKEW_MS = 1_000;
/**
 * A time that is further ahead was told by a clock that was wrong. Taken for true, it would promise what is not there until it has come.
 */
export const MOST_AHEAD_MS = 120_000;

/** Epoch milliseconds. */
export function isFarAhead(time: number, now: number): boolean {
  return time > now + MOST_AHEAD_MS;
}

/** `settledTo` of one that has left in good order: nothing will ever be in its hand again, whatever it says no more. */
const FOR_EVER = Number.MAX_SAFE_INTEGER;

function parseFreshness(value: Readonly<Record<string, unknown>> | undefined, now: number): FreshnessRecord {
  const { asOf, instances } = (value ?? {}) as { asOf?: string; instances?: FreshnessRecord['instances'] };
  const known = asOf === undefined ? 0 : Date.parse(asOf);
  return { asOf: isFarAhead(known, now) ? 0 : known, instances: instances ?? {} };
}

/** The last word of a projector that stops; `returnedAt`: when all that it could not settle is in the queue again. */
export function farewell(now: number, returnedAt: number): InstanceProgress {
  return { settledTo: FOR_EVER, at: now, returnedAt };
}

export function hasLeft({ settledTo }: InstanceProgress): boolean {
  return settledTo === FOR_EVER;
}

/** Events in the hands of the others, by their last words. `now`: epoch ms. */
export function inHandElsewhere({ instances }: FreshnessRecord, own: string, now: number): number {
  const others = Object.entries(instances).filter(([id, { at }]) => id !== own && now - at <= IN_HAND_EXPIRY_MS);
  return others.reduce((sum, [, { inHand = 0 }]) => sum + inHand, 0);
}

/** A projector that says nothing any more. */
export interface SilentProjector {
  readonly id: string;
  /** Epoch ms. */
  readonly saidLastAt: number;
  /** Epoch ms; what it had in hand is in the queue again by then. */
  readonly waitedForUntil: number;
}

/** Those that have not left, and are silent: nobody knows what they have settled, so that `asOf` stands still until they are given up. */
export function silentOthers(
  record: FreshnessRecord,
  own: string,
  now: number,
  silentMs: number,
): readonly SilentProjector[] {
  const { others } = divided(record, own, now);
  return others
    .filter((one) => !hasLeft(one) && now - one.at > silentMs)
    .map(({ id, at }) => ({ id, saidLastAt: at, waitedForUntil: at + EXPIRY_MS }));
}

/** A queue hands out its messages in order, so what stands before a heartbeat was delivered, to whomever, before it was. */
export function trustIn(record: FreshnessRecord, own: string, now: number): Trust {
  const { others, gone } = divided(record, own, now);
  return {
    publishedAfter: Math.max(distrustLeft(gone, now), ...others.map(({ returnedAt }) => returnedAt)),
    receivedBefore: Math.min(...others.map(({ settledTo }) => settledTo)) - SKEW_MS,
  };
}

/**
 * The record without those of which nothing more is to be waited for. They leave behind up to when no heartbeat may be trusted: whoever
 * writes this record must say so in its own progress from then on, since the others may not have seen them go.
 */
export function withoutGone(record: FreshnessRecord, own: string, now: number) {
  const { gone } = divided(record, own, now);
  const ids = new Set(gone.map(({ id }) => id));
  const instances = Object.fromEntries(Object.entries(record.instances).filter(([id]) => !ids.has(id)));
  return { record: { ...record, instances }, distrustedUntil: distrustLeft(gone, now) };
}

type Other = InstanceProgress & { readonly id: string };

function divided(record: FreshnessRecord, own: string, now: number): { others: Other[]; gone: Other[] } {
  const all = Object.entries(record.instances).flatMap(([id, progress]) => (id === own ? [] : [{ id, ...progress }]));
  const { others = [], gone = [] } = Object.groupBy(all, ({ at }) => (now - at <= EXPIRY_MS ? 'others' : 'gone'));
  return { others, gone };
}

/** What a dead one held went back to the queue before now, and nobody knows when. */
function distrustLeft(gone: readonly Other[], now: number): number {
  return Math.max(0, ...gone.map((one) => (hasLeft(one) ? one.returnedAt : now)));
}

/** Writes this instance's progress; false when another one was faster: the next beat tries again. */
export async function recordProgress(
  index: Pick<OrderIndex, 'writeControl'>,
  read: { readonly record: FreshnessRecord; readonly revision: string | null },
  own: string,
  progress: InstanceProgress,
  asOf: number,
): Promise<boolean> {
  const instances = { ...read.record.instances, [own]: progress };
  const newest = new Date(Math.max(asOf, read.record.asOf)).toISOString();
  return index.writeControl(FRESHNESS_RECORD, { asOf: newest, instances }, read.revision);
}

export async function readFreshness(index: Pick<OrderIndex, 'readControl'>) {
  const found = await index.readControl(FRESHNESS_RECORD);
  return { record: parseFreshness(found?.value, Date.now()), revision: found?.revision ?? null };
}
