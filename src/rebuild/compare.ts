import { loadDocuments } from '../order-index/load-documents.ts';
import { compareOrderIds } from '../order-index/port.ts';
import type { OrderVersion, Snapshot, StoredOrder, WriteTarget } from '../order-index/port.ts';
import type { OrderDocument } from '../order/document.ts';
import { fold } from './copy.ts';
import type { FailedOrder } from './model.ts';
import type { RebuildIndex } from './state.ts';
import { MAX_NAMED, targetOf, writeUntilStored } from './write-until-stored.ts';

export interface CompareDependencies {
  readonly index: RebuildIndex;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Told after each page how many orders it has come past; what lagged of them is copied by then. */
  readonly onCompared: (orders: number) => void;
}

export interface Comparison {
  /** Orders that lagged behind, and were copied. */
  readonly copied: number;
  /** How many are different all the same: other events at the same version, or behind in spite of the copy. */
  readonly different: number;
  /** Up to {@link MAX_NAMED} of these. */
  readonly named: readonly FailedOrder[];
}

/** Elasticsearch gives no more hits at once. */
const PAGE = 10_000;
/** Documents at once, which may hold a megabyte of events each. */
const REPAIR_PAGE = 100;

/**
 * Compares every order of the live generation with another one, by version and the digest of its events, both read in the order of the
 * order ids; what lags is copied, and compared again in real time. The live one is looked at first: whatever is written to it was written
 * to the other one before.
 * @throws LostTargetError, RefusedError, SnapshotLostError, IndexUnavailableError, the signal's reason
 */
export async function compareWithLive(generation: string, deps: CompareDependencies): Promise<Comparison> {
  const { index } = deps;
  await targetOf(index, generation);
  const { live } = await index.registry();
  const found: Finding = { copied: 0, different: 0, named: [] };
  for await (const suspects of behindLive(generation, live, deps)) await repair(suspects, generation, found, deps);
  return found;
}

/**
 * The orders of which a generation has less than the live one, or something else; a few at a time. As both were refreshed now, the live
 * one first.
 * @throws SnapshotLostError, IndexUnavailableError, the signal's reason
 */
export async function* behindLive(
  generation: string,
  live: WriteTarget,
  { index: { generations }, signal, onCompared }: Omit<CompareDependencies, 'now'>,
): AsyncGenerator<string[]> {
  await generations.refresh(live.generation);
  const liveSnapshot = await generations.openSnapshot(live.generation);
  try {
    await generations.refresh(generation);
    const snapshot = await generations.openSnapshot(generation);
    try {
      yield* lagging(liveSnapshot, snapshot, { signal, onCompared });
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

/** The orders of which the second snapshot has less than the first, or something else; a few at a time. */
async function* lagging(
  first: Snapshot,
  second: Snapshot,
  { signal, onCompared }: Pick<CompareDependencies, 'signal' | 'onCompared'>,
): AsyncGenerator<string[]> {
  const [pages, others] = [readAhead(first, signal), readAhead(second, signal)];
  try {
    const place: Place = { page: await others.next(), at: 0 };
    let compared = 0;
    for (let page = await pages.next(); page.length > 0; page = await pages.next()) {
      const suspects = await laggingOf(page, place, others);
      for (let at = 0; at < suspects.length; at += REPAIR_PAGE) yield suspects.slice(at, at + REPAIR_PAGE);
      compared += page.length;
      onCompared(compared);
    }
  } finally {
    await Promise.all([pages.close(), others.close()]);
  }
}

/** Where a snapshot is looked at; the empty page is its end. */
interface Place {
  page: Page;
  at: number;
}

/** Leaves the place where the next page of the live orders goes on. */
async function laggingOf(live: Page, place: Place, others: ReadAhead): Promise<string[]> {
  const suspects: string[] = [];
  for (const order of live) {
    skipBefore(place, order);
    while (place.at === place.page.length && place.page.length > 0) {
      place.page = await others.next();
      place.at = 0;
      skipBefore(place, order);
    }
    const there = place.page[place.at];
    if (there?.orderId !== order.orderId || isBehind(there, order)) suspects.push(order.orderId);
  }
  return suspects;
}

/** Mostly the ids are the same: to compare the bytes of each would take longer than all the rest. */
function skipBefore(place: Place, { orderId }: OrderVersion): void {
  for (; place.at < place.page.length; place.at += 1) {
    const there = place.page[place.at]?.orderId ?? '';
    if (there === orderId || compareOrderIds(there, orderId) > 0) return;
  }
}

type Page = readonly OrderVersion[];

interface ReadAhead {
  /** Empty at the end. */
  next(): Promise<Page>;
  /** Resolves when nothing is being read any more. */
  close(): Promise<void>;
}

/** The page after the one that is looked at is being read meanwhile, of both sides. */
function readAhead(snapshot: Snapshot, signal: AbortSignal): ReadAhead {
  const read = async (after: string | undefined): Promise<Page> => {
    signal.throwIfAborted();
    return await snapshot.versions({ after, size: PAGE });
  };
  const begin = (after: string | undefined): Promise<Page> => {
    const page = read(after);
    page.catch(() => undefined); // Whoever asks for it is told.
    return page;
  };
  let reading = begin(undefined);
  return {
    async next() {
      const page = await reading;
      const last = page.at(-1);
      if (last) reading = begin(last.orderId);
      return page;
    },
    async close() {
      await reading.catch(() => undefined); // It ends by its failure, if it was not asked for.
    },
  };
}

interface Content {
  readonly version: number;
  readonly eventsDigest?: string | undefined;
}

function isBehind(one: Content, live: Content): boolean {
  return one.version < live.version || isOther(one, live);
}

/** Two contents of one version. Where one of them does not say, they are the same as far as is known. */
function isOther(one: Content, live: Content): boolean {
  const isKnown = one.eventsDigest !== undefined && live.eventsDigest !== undefined;
  return one.version === live.version && isKnown && one.eventsDigest !== live.eventsDigest;
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
  const { writes } = await fold(stored, now());
  await writeUntilStored(index, generation, writes, signal);
  found.copied += behind.length;
  for (const { live, there } of await pairs(orderIds, generation, index)) {
    const reason = differenceOf(there, live);
    if (reason === undefined) continue;
    found.different += 1;
    if (found.named.length < MAX_NAMED) found.named.push({ orderId: live.orderId, reason });
  }
}

function differenceOf(there: Content | undefined, live: Content): string | undefined {
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
  const liveOnes = await loadDocuments(index, live, orderIds);
  const others = await loadDocuments(index, await targetOf(index, generation), orderIds);
  return orderIds.flatMap((orderId): Pair[] => {
    const document = liveOnes.get(orderId);
    return document ? [{ live: document, there: others.get(orderId) }] : [];
  });
}
