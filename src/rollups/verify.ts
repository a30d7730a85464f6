import { pause } from '../back-off/pause.ts';
import { contribution, parseAggregateKey } from '../order/contribution.ts';
import { foldStored } from '../order/fold.ts';
import { nextPageSize } from '../order-index/page-size.ts';
import { IndexUnavailableError, rowKey, SnapshotLostError } from '../order-index/port.ts';
import type {
  AggregateDefinition,
  AggregateRow,
  Checkpoint,
  OrderIndex,
  Snapshot,
  StoredOrder,
} from '../order-index/port.ts';
import { addOrder, compareRow, type Difference, type RowSums } from './expected-rows.ts';
import type { RollupRecords } from './records.ts';
import { wholeFrom, type RollupState } from './state.ts';

export interface VerifyDependencies {
  readonly index: Pick<OrderIndex, 'registry' | 'generations' | 'aggregates'>;
  readonly records: RollupRecords;
  readonly aggregates: readonly AggregateDefinition[];
  /** Days before it are not to be kept. */
  readonly keptFrom: () => string | undefined;
  /** Has the aggregates refreshed at once. */
  readonly wake: () => void;
  /** How long to wait for that; by default 2 min. */
  readonly patienceMs?: number;
}

/** What was added up: of each aggregate its rows. */
interface Sums {
  orders: number;
  readonly rows: ReadonlyMap<AggregateDefinition, RowSums>;
}

export type Verified =
  | { readonly kind: 'progress'; readonly orders: number; readonly total: number }
  | ({ readonly kind: 'difference'; readonly aggregate: string } & Difference)
  | {
      readonly kind: 'end';
      readonly orders: number;
      readonly rows: number;
      readonly differences: number;
      /** Rows that orders were being written to meanwhile: nothing is said of them. */
      readonly unsettled: number;
    }
  /** It cannot be told now. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Of the first page of orders; the next ones are as large as their events allow. */
const FIRST_PAGE_ORDERS = 100;
const PAGE_ROWS = 1_000;
const PROGRESS_EVERY = 10_000;
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;
/** No update is that far ahead. */
const ANY_TIME = '9999-12-31T23:59:59.999Z';

/**
 * Adds up every order anew, from its own events and by no aggregation of the index, and compares that with the rows that readers see. Rows
 * whose orders are written to meanwhile are left out, and counted. An outage in the middle is told as its end.
 * @throws the signal's reason
 */
export async function* verify(deps: VerifyDependencies, signal: AbortSignal): AsyncGenerator<Verified> {
  try {
    yield* verifyOrders(deps, signal);
  } catch (error) {
    if (!(error instanceof IndexUnavailableError) && !(error instanceof SnapshotLostError)) throw error;
    yield { kind: 'refused', reason: `it could not be told: ${error.message}` };
  }
}

async function* verifyOrders(deps: VerifyDependencies, signal: AbortSignal): AsyncGenerator<Verified> {
  const { index, aggregates } = deps;
  const { live } = await index.registry();
  const orders = live.generation;
  const checkpoint = await index.aggregates.source.checkpoint(orders);
  const snapshot = await index.generations.openSnapshot(orders);
  let sums: Sums;
  try {
    sums = yield* sumUp(snapshot, aggregates, await totalOf(orders, index), signal);
  } finally {
    await snapshot.close();
  }
  const refusal = await untilCounted(orders, checkpoint, deps, signal);
  if (refusal !== undefined) {
    yield { kind: 'refused', reason: refusal };
    return;
  }
  yield* compare(orders, checkpoint, sums, deps, signal);
}

async function totalOf(orders: string, { generations }: VerifyDependencies['index']): Promise<number> {
  return (await generations.list()).find(({ name }) => name === orders)?.documents ?? 0;
}

async function* sumUp(
  snapshot: Snapshot,
  aggregates: readonly AggregateDefinition[],
  total: number,
  signal: AbortSignal,
): AsyncGenerator<Verified, Sums> {
  const rows = new Map<AggregateDefinition, RowSums>();
  for (const aggregate of aggregates) rows.set(aggregate, new Map());
  const sums: Sums = { orders: 0, rows };
  let after: string | undefined;
  let size = FIRST_PAGE_ORDERS;
  for (;;) {
    signal.throwIfAborted();
    const page = await snapshot.orders({ slice: { number: 0, slices: 1 }, after, size });
    const last = page.at(-1);
    if (!last) return sums;
    const bytes = page.reduce((sum, order) => sum + add(order, sums), 0);
    size = nextPageSize(size, page.length, bytes);
    if (Math.floor(sums.orders / PROGRESS_EVERY) > Math.floor((sums.orders - page.length) / PROGRESS_EVERY)) {
      yield { kind: 'progress', orders: sums.orders, total: Math.max(total, sums.orders) };
    }
    after = last.orderId;
  }
}

/** @returns the size of its events as JSON */
function add({ orderId, events }: StoredOrder, sums: Sums): number {
  sums.orders += 1;
  const { facts, erasedAt, eventBytes } = foldStored(orderId, events);
  if (!facts || erasedAt !== undefined) return eventBytes;
  const contributed = contribution(facts);
  for (const [aggregate, rows] of sums.rows) addOrder(contributed, aggregate, rows);
  return eventBytes;
}

/** Waits until the rows have everything that was added up. Why they cannot, or undefined. */
async function untilCounted(
  orders: string,
  checkpoint: Checkpoint,
  deps: VerifyDependencies,
  signal: AbortSignal,
): Promise<string | undefined> {
  const until = performance.now() + (deps.patienceMs ?? PATIENCE_MS);
  for (;;) {
    deps.wake();
    const states = await Promise.all(deps.aggregates.map(async ({ name }) => (await deps.records.read(name)).state));
    if (states.every((state) => hasCounted(state, orders, checkpoint))) return undefined;
    if (performance.now() > until) {
      return `the aggregates have not caught up with ${orders}: see the part "aggregates" of /health`;
    }
    await pause(LOOK_MS, signal);
  }
}

function hasCounted({ live }: RollupState, orders: string, checkpoint: Checkpoint): boolean {
  return live?.origin.orders === orders && checkpoint.every((seen, shard) => (live.checkpoint[shard] ?? -1) >= seen);
}

async function* compare(
  orders: string,
  checkpoint: Checkpoint,
  { orders: added, rows }: Sums,
  deps: VerifyDependencies,
  signal: AbortSignal,
): AsyncGenerator<Verified> {
  const end = { orders: added, rows: 0, differences: 0, unsettled: 0 };
  for (const aggregate of deps.aggregates) {
    const before = await firstWholeDay(aggregate, deps);
    const found = await rowsOf(aggregate, deps, signal);
    // More days may be there by now, or fewer, than when the rows were read.
    const after = await firstWholeDay(aggregate, deps);
    const from = before > after ? before : after;
    const expected = rows.get(aggregate) ?? new Map<string, never>();
    const moved = await movedSince(orders, checkpoint, aggregate, deps);
    const keys = [...new Set([...expected.keys(), ...found.keys()])].filter((key) => key >= from).sort();
    for (const key of keys) {
      end.rows += 1;
      if (moved.has(key)) {
        end.unsettled += 1;
        continue;
      }
      for (const difference of compareRow(key, expected.get(key), found.get(key))) {
        end.differences += 1;
        yield { kind: 'difference', aggregate: aggregate.name, ...difference };
      }
    }
  }
  // That nothing differs among no rows at all says nothing.
  if (end.rows > 0 && end.unsettled === end.rows) {
    yield {
      kind: 'refused',
      reason: `orders of every row (${end.rows}) were being written: verify again when less is`,
    };
    return;
  }
  yield { kind: 'end', ...end };
}

/** What was not kept once is not there, whatever is to be kept now. Empty where every row is whole. */
async function firstWholeDay(
  { name, dimensions }: AggregateDefinition,
  { records, keptFrom }: VerifyDependencies,
): Promise<string> {
  if (!dimensions.includes('day')) return '';
  const { live } = (await records.read(name)).state;
  return wholeFrom(live?.wholeFrom, keptFrom()).wholeFrom ?? '';
}

async function rowsOf(
  aggregate: AggregateDefinition,
  { index }: VerifyDependencies,
  signal: AbortSignal,
): Promise<Map<string, AggregateRow>> {
  const store = index.aggregates.store(aggregate);
  const rows = new Map<string, AggregateRow>();
  let after: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await store.wholeRows({ after, size: PAGE_ROWS });
    for (const row of page) rows.set(row.key, row);
    after = page.at(-1)?.key;
    if (after === undefined) return rows;
  }
}

/** Told after the rows were read: what they may hold that was not added up, or the other way round. */
async function movedSince(
  orders: string,
  since: Checkpoint,
  { dimensions }: AggregateDefinition,
  { index }: VerifyDependencies,
): Promise<ReadonlySet<string>> {
  const { source } = index.aggregates;
  const { live } = await index.registry();
  if (live.generation !== orders) throw new IndexUnavailableError('the orders were rebuilt meanwhile: verify again');
  const until = await source.checkpoint(orders);
  const { keys } = await source.changed({ orders, since, until, notAfter: ANY_TIME });
  return new Set(keys.map((key) => rowKey(dimensions, parseAggregateKey(key))));
}
