import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { PartHealth } from '../../observability/health.ts';
import type { Logger } from '../../observability/logging.ts';
import { inTransaction } from '../../sqlite/database.ts';
import type { DeadLetterStore } from '../dead-letter-port.ts';
import { IndexUnavailableError } from '../port.ts';
import type {
  DocumentWrite,
  LoadResult,
  OrderIndex,
  OrderSearch,
  Registry,
  WriteOutcome,
  WriteTarget,
} from '../port.ts';
import { suggest } from '../suggest.ts';
import type { SuggestSource } from '../suggest.ts';
import { embeddedAggregates } from './aggregates.ts';
import { customerOrders } from './customer-orders.ts';
import { driftOf, embeddedGenerations } from './generations.ts';
import { generationNumber, newerTarget, readRegistry, resolveAddress } from './registry.ts';
import { searchPage } from './search.ts';
import { generationOf, liveOf, openStore, unavailableWhenClosed } from './store.ts';
import type { Reading, Store } from './store.ts';
import { newestTexts } from './suggest.ts';

export interface EmbeddedIndexOptions {
  /** Where `<prefix>-index.db` is kept; made where it is missing. */
  readonly dataDir: string;
  readonly prefix: string;
  /** Of the code that writes; an index that newer code writes to is not opened. */
  readonly foldVersion: number;
  readonly log: Logger;
  /** How long a snapshot that nobody reads or closes is kept at least; by default 5 min. */
  readonly snapshotKeptMs?: number;
}

const SNAPSHOT_KEPT_MS = 5 * 60_000;

/**
 * The index in one SQLite file, for one process at laptop scale. Every operation is done when it returns, and a write is on the disk
 * and found at once: nothing needs a refresh.
 */
export function createEmbeddedIndex(options: EmbeddedIndexOptions): OrderIndex {
  const { dataDir, prefix, foldVersion, log, snapshotKeptMs = SNAPSHOT_KEPT_MS } = options;
  const path = join(dataDir, `${prefix}-index.db`);
  let store: Store | undefined;

  const reading: Reading = async (read) => unavailableWhenClosed(store, path, read);

  return {
    async open() {
      store ??= openStore({ path, prefix, foldVersion, snapshotKeptMs });
      log.debug({ path }, 'embedded index open');
    },
    registry: () => reading(({ database }) => registryFor(database, foldVersion)),
    load: async (from, orderIds) =>
      asResult(() => unavailableWhenClosed(store, path, (open) => loadFrom(open, from, orderIds))),
    write: async (target, writes) => {
      const outcomes = asResult(() => unavailableWhenClosed(store, path, (open) => writeTo(open, target, writes)));
      return 'kind' in outcomes ? writes.map(() => outcomes) : outcomes;
    },
    refresh: () => reading(() => undefined),
    park: (events) => reading(({ parking }) => parking.park(events)),
    parkedAt: (places) => reading(({ parking }) => parking.parkedAt(places)),
    unpark: (places) => reading(({ parking }) => parking.unpark(places)),
    stripParked: (places) => reading(({ parking }) => parking.strip(places)),
    listParked: (page) => reading(({ parking }) => parking.list(page)),
    listParkedPlaces: (page) => reading(({ parking }) => parking.listPlaces(page)),
    countParked: () => reading(({ parking }) => parking.count()),
    ...readers(reading),
    ...deadLetterStore(reading),
    generations: embeddedGenerations(reading, { prefix, foldVersion }),
    aggregates: embeddedAggregates(reading, prefix),
    readControl: (id) => reading(({ control }) => control.read(id)),
    writeControl: (id, value, expected) => reading(({ control }) => control.write(id, value, expected)),
    health: async () => healthOf(store, path, foldVersion),
    async close() {
      store?.database.close();
      store = undefined;
    },
  };
}

function deadLetterStore(reading: Reading): DeadLetterStore {
  return {
    putDeadLetter: (failed) => reading(({ deadLetters }) => deadLetters.put(failed)),
    listDeadLetters: (query) => reading(({ deadLetters }) => deadLetters.list(query)),
    getDeadLetter: (id) => reading(({ deadLetters }) => deadLetters.get(id)),
    settleDeadLetter: (id, revision) => reading(({ deadLetters }) => deadLetters.settle(id, revision)),
    countDeadLetters: () => reading(({ deadLetters }) => deadLetters.count()),
    forgetSettledDeadLetters: (settledBefore) => reading(({ deadLetters }) => deadLetters.forgetSettled(settledBefore)),
    forgetOrder: (orderId) => reading(({ deadLetters }) => deadLetters.forgetOrder(orderId)),
  };
}

function readers(reading: Reading): Pick<OrderIndex, 'get' | 'getAny' | keyof OrderSearch> {
  return {
    get: (orderId) => reading((open) => liveOf(open).get(orderId)),
    getAny: (orderId) => reading((open) => liveOf(open).load(orderId)),
    search: (query) => reading((open) => searchPage(open.database, liveOf(open), query)),
    suggest: (query) => suggest(suggestSource(reading), query),
    customerOrders: (query) => reading((open) => customerOrders(open.database, liveOf(open), query)),
  };
}

function suggestSource(reading: Reading): SuggestSource {
  return {
    newest: (typed, query) => reading((open) => newestTexts(open.database, liveOf(open), typed, query)),
    search: (query) => reading((open) => searchPage(open.database, liveOf(open), query)),
  };
}

function asResult<T>(attempt: () => T): T | { readonly kind: 'unavailable'; readonly reason: string } {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof IndexUnavailableError) return { kind: 'unavailable', reason: error.message };
    throw error;
  }
}

/** @throws IndexUnavailableError where newer code has made a write target: this one must not write under it */
function registryFor(database: DatabaseSync, foldVersion: number): Registry {
  const newer = newerTarget(database, foldVersion);
  if (newer !== undefined) throw new IndexUnavailableError(newer);
  return readRegistry(database);
}

function loadFrom(store: Store, from: WriteTarget, orderIds: readonly string[]): LoadResult {
  const number = generationNumber(store.database, from.generation);
  if (number === undefined) return { kind: 'moved', reason: `${from.generation} is gone` };
  const generation = generationOf(store, number);
  const loaded = orderIds.map((orderId) => [orderId, generation.load(orderId)] as const);
  return {
    kind: 'loaded',
    documents: new Map(loaded.flatMap(([orderId, document]) => (document ? [[orderId, document]] : []))),
  };
}

/** The look at the registry and the writes are one transaction: none lands under an epoch that is over. */
function writeTo(store: Store, target: WriteTarget, writes: readonly DocumentWrite[]): readonly WriteOutcome[] {
  return inTransaction(store.database, () => {
    const number = resolveAddress(store.database, target);
    if (number === undefined) return writes.map(() => moved(`${target.address} is no write target any more`));
    if (store.frozen.has(target.generation)) return writes.map(() => moved(`${target.generation} takes no writes now`));
    const generation = generationOf(store, number);
    return writes.map((write) => generation.write(write));
  });
}

function moved(reason: string) {
  return { kind: 'moved', reason } as const;
}

function healthOf(store: Store | undefined, path: string, foldVersion: number): PartHealth {
  if (!store) return { state: 'down', reason: `${path} is not open` };
  const { database, parking } = store;
  try {
    const { epoch, live, targets } = registryFor(database, foldVersion);
    const details = {
      backend: 'embedded',
      path,
      ...driftOf(database, foldVersion),
      epoch,
      generation: live.generation,
      targets: targets.map(({ generation }) => generation),
      parked: parking.count(),
    };
    return { state: 'up', details };
  } catch (error) {
    return { state: 'down', reason: error instanceof Error ? error.message : String(error) };
  }
}
