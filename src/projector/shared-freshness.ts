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
/** Clocks of two machines, and messages on their way. */
const SKEW_MS = 1_000;

function parseFreshness(value: Readonly<Record<string, unknown>> | undefined): FreshnessRecord {
  const { asOf, instances } = (value ?? {}) as { asOf?: string; instances?: FreshnessRecord['instances'] };
  return { asOf: asOf === undefined ? 0 : Date.parse(asOf), instances: instances ?? {} };
}

/** A queue hands out its messages in order, so what stands before a heartbeat was delivered, to whomever, before it was. */
export function trustIn(record: FreshnessRecord, own: string, now: number): Trust {
  const others = Object.entries(record.instances).filter(([id]) => id !== own);
  const living = others.filter(([, { at }]) => now - at <= EXPIRY_MS).map(([, progress]) => progress);
  return {
    publishedAfter: Math.max(
      0,
      ...living.map(({ returnedAt }) => returnedAt),
      ...(living.length < others.length ? [now] : []),
    ),
    receivedBefore: Math.min(...living.map(({ settledTo }) => settledTo)) - SKEW_MS,
  };
}

/** Writes this instance's progress; false when another one was faster: the next beat tries again. */
export async function recordProgress(
  index: Pick<OrderIndex, 'writeControl'>,
  read: { readonly record: FreshnessRecord; readonly revision: string | null },
  own: string,
  progress: InstanceProgress | undefined,
  asOf: number,
): Promise<boolean> {
  const now = progress?.at ?? Date.now();
  const others = Object.entries(read.record.instances).filter(([id, { at }]) => id !== own && now - at <= EXPIRY_MS);
  const instances = Object.fromEntries([...others, ...(progress ? [[own, progress] as const] : [])]);
  const newest = new Date(Math.max(asOf, read.record.asOf)).toISOString();
  return index.writeControl(FRESHNESS_RECORD, { asOf: newest, instances }, read.revision);
}

export async function readFreshness(index: Pick<OrderIndex, 'readControl'>) {
  const found = await index.readControl(FRESHNESS_RECORD);
  return { record: parseFreshness(found?.value), revision: found?.revision ?? null };
}
