import { compareOrderIds, IndexUnavailableError } from '../order-index/port.ts';
import type { OrderVersion, Snapshot, StoredOrder, WriteTarget } from '../order-index/port.ts';
import type { OrderDocument } from '../order/document.ts';
import { fold } from './copy.ts';
import type { FailedOrder } from './model.ts';
import type { RebuildIndex } from './state.ts';
import { MAX_NAMED, targetOf, writeSurely } from './write-surely.ts';

export interface CompareDependencies {
  readonly index: RebuildIndex;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

export interface Comparison {
  /** Orders that lagged behind, and were copied. */
  readonly copied: number;
  /** How many are different all the same: other events at the same version, or behind in spite of the copy. */
  readonly different: number;
  /** Up to {@link MAX_NAMED} of these. */
  readonly named: readonly FailedOrder[];
}

const PAGE = 5_000;
/** Documents at once, which may hold a megabyte of events each. */
const REPAIR_PAGE = 100;

/**
 * Compares every order of the live generation with another one, by version and the digest of its events, both read in the order of the order ids;
 * what lags is copied, and compared again in real time. The live one is looked at first: whatever is written to it was written to the
 * other one before.
 * @throws LostTargetError, RefusedError, SnapshotLostError, IndexUnavailableError, the signal's reason
 */
export async function compareWithLive(generation: string, deps: CompareDependencies): Promise<Comparison> {
  const { index } = deps;
  await targetOf(index, generation);
  const { live } = await index.registry();
  await index.generations.refresh(live.generation);
  const liveSnapshot = await index.generations.openSnapshot(live.generation);
  try {
    await index.generations.refresh(generation);
    const snapshot = await index.generations.openSnapshot(generation);
    try {
      const found: Finding = { copied: 0, different: 0, named: [] };
      for await (const suspects of inPages(lagging(liveSnapshot, snapshot, deps.signal), REPAIR_PAGE)) {
        await repair(suspects, generation, found, deps);
      }
      return found;
    } finally {
      await snapshot.close();
    }
  } finally {
    await liveSnapshot.close();
  }
}

interface Finding {
  copied: number;
  different: number;
  readonly named: FailedOrder[];
}

/** The orders of which the second snapshot has less than the first, or something else. */
async function* lagging(first: Snapshot, second: Snapshot, signal: AbortSignal): AsyncGenerator<string> {
  const others = versionsOf(second, signal);
  let other = await others.next();
  for await (const { orderId, version, eventsDigest } of versionsOf(first, signal)) {
    while (other.done !== true && compareOrderIds(other.value.orderId, orderId) < 0) other = await others.next();
    const there = other.done !== true && other.value.orderId === orderId ? other.value : undefined;
    if (!there || isBehind(there, { version, eventsDigest })) yield orderId;
  }
}

interface Place {
  readonly version: number;
  readonly eventsDigest?: string | undefined;
}

function isBehind(one: Place, live: Place): boolean {
  return one.version < live.version || isOther(one, live);
}

/** Two contents of one version. Where one of them does not say, they are the same as far as is known. */
function isOther(one: Place, live: Place): boolean {
  const isKnown = one.eventsDigest !== undefined && live.eventsDigest !== undefined;
  return one.version === live.version && isKnown && one.eventsDigest !== live.eventsDigest;
}

async function* versionsOf(snapshot: Snapshot, signal: AbortSignal): AsyncGenerator<OrderVersion> {
  for (let after: string | undefined; ;) {
    signal.throwIfAborted();
    const page = await snapshot.versions({ after, size: PAGE });
    yield* page;
    after = page.at(-1)?.orderId;
    if (after === undefined) return;
  }
}

async function* inPages<T>(values: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let page: T[] = [];
  for await (const value of values) {
    page.push(value);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** Copies what lags; what is behind after that, though nothing was ever written to the live one alone, is different. */
async function repair(
  orderIds: readonly string[],
  generation: string,
  found: Finding,
  deps: CompareDependencies,
): Promise<void> {
  const { index, now, signal } = deps;
  const before = await pairs(orderIds, generation, index);
  const behind = before.filter(({ live, there }) => there === undefined || there.version < live.version);
  const stored = behind.map(({ live }): StoredOrder => live);
  await writeSurely(index, generation, fold(stored, now()).writes, signal);
  found.copied += behind.length;
  for (const { live, there } of await pairs(orderIds, generation, index)) {
    const reason = differenceOf(there, live);
    if (reason === undefined) continue;
    found.different += 1;
    if (found.named.length < MAX_NAMED) found.named.push({ orderId: live.orderId, reason });
  }
}

function differenceOf(there: Place | undefined, live: Place): string | undefined {
  if (there === undefined) return 'it is missing';
  if (there.version < live.version) return `it is at version ${there.version}, live at ${live.version}`;
  return isOther(there, live) ? `its version ${live.version} is made of other events than the live one's` : undefined;
}

interface Pair {
  readonly live: OrderDocument;
  readonly there: OrderDocument | undefined;
}

/** The live ones are loaded first: what is written to them meanwhile is in the others too. */
async function pairs(orderIds: readonly string[], generation: string, index: RebuildIndex): Promise<Pair[]> {
  const { live } = await index.registry();
  const liveOnes = await load(index, live, orderIds);
  const others = await load(index, await targetOf(index, generation), orderIds);
  return orderIds.flatMap((orderId): Pair[] => {
    const document = liveOnes.get(orderId);
    return document ? [{ live: document, there: others.get(orderId) }] : [];
  });
}

/** @throws IndexUnavailableError */
export async function load(index: RebuildIndex, from: WriteTarget, orderIds: readonly string[]) {
  const loaded = await index.load(from, orderIds);
  if (loaded.kind === 'loaded') return loaded.documents;
  throw new IndexUnavailableError(loaded.reason);
}
