import { parseAggregateKey } from '../../src/order/contribution.ts';
import type { OrderDocument } from '../../src/order/document.ts';
import {
  AggregateMovedError,
  AggregatesNotBuiltError,
  compareOrderIds as compareBytes,
  rowKey,
} from '../../src/order-index/port.ts';
import type {
  AggregateDefinition,
  AggregateGeneration,
  AggregateRow,
  AggregateSource,
  AggregateStore,
  Aggregates,
  RowQuery,
  TopProduct,
} from '../../src/order-index/port.ts';
import { plainRows } from './plain-aggregates.ts';

interface Written {
  readonly document: OrderDocument;
  readonly change: number;
}

interface MemoryGeneration {
  readonly number: number;
  readonly createdAt: string;
  readonly written: Map<string, { readonly row: AggregateRow; readonly version: number }>;
  /** What readers see of it. */
  visible: ReadonlyMap<string, AggregateRow>;
}

interface MemoryStore {
  readonly generations: Map<string, MemoryGeneration>;
  live: string | undefined;
}

/**
 * The aggregates in memory, with every call one atomic step between two scheduling points. What is written is seen once it is refreshed.
 * Tests write and erase orders beside it, and put outages and other leaders in the way.
 */
export class MemoryAggregates implements Aggregates {
  /** Called before each step takes effect, as `checkpoint` or `revenue-daily write`; may wait, and may throw. */
  before: (step: string) => Promise<void> = () => Promise.resolve();
  /** Called after each step took effect, before its answer: what throws here is a lost answer. */
  after: (step: string) => Promise<void> = () => Promise.resolve();
  readonly steps: string[] = [];
  readonly stores = new Map<string, MemoryStore>();
  /** By name, the documents by order id. Delete one to drop it. */
  readonly orders = new Map<string, Map<string, Written>>([['orders-000001', new Map()]]);

  /** Writes documents into a generation of the orders, which is made where it is not there; newer versions of the same orders too. */
  put(orders: string, ...documents: readonly OrderDocument[]): void {
    const generation = this.orders.get(orders) ?? new Map<string, Written>();
    this.orders.set(orders, generation);
    for (const document of documents) {
      generation.set(document.orderId, { document, change: lastChange(generation) + 1 });
    }
  }

  readonly source: AggregateSource = {
    checkpoint: (orders) => this.#step('checkpoint', () => [lastChange(this.#ordersIn(orders))]),
    changed: ({ orders, since: [since = 0], until: [until = 0], notAfter }) =>
      this.#step('changed', () => {
        const within = [...this.#ordersIn(orders).values()].filter(({ change }) => change > since && since !== until);
        const documents = within.map(({ document }) => document);
        return { keys: keysOf(documents), newestEventTime: newestTime(documents, notAfter) };
      }),
    keys: ({ orders, after, size }) =>
      this.#step('keys', () =>
        keysOf(this.#documents(orders))
          .filter((key) => after === undefined || compareBytes(key, after) > 0)
          .slice(0, size),
      ),
    countKeys: (orders) => this.#step('countKeys', () => keysOf(this.#documents(orders)).length),
    newestEventTime: (orders, notAfter) =>
      this.#step('newestEventTime', () => newestTime(this.#documents(orders), notAfter)),
    compute: (aggregate, orders, keys) =>
      this.#step('compute', () => {
        const rows = plainRows(aggregate, this.#documents(orders));
        return [...new Set(keys.map((key) => rowKey(aggregate.dimensions, parseAggregateKey(key))))].map(
          (key) => rows.get(key) ?? zeros(aggregate, keys, key),
        );
      }),
  };

  readonly store = (aggregate: AggregateDefinition): AggregateStore => {
    const { name } = aggregate;
    const store = this.stores.get(name) ?? { generations: new Map(), live: undefined };
    this.stores.set(name, store);
    const step = <T>(method: string, body: () => T) => this.#step(`${name} ${method}`, body);
    return {
      list: () => step('list', () => listed(store)),
      create: (number) =>
        step('create', () => create(store, `orders-${name}-${String(number).padStart(6, '0')}`, number)),
      write: (generation, rows, version) => step('write', () => write(found(store, generation), rows, version)),
      activate: (generation, from) => step('activate', () => activate(store, generation, from)),
      refresh: (generation) => step('refresh', () => refresh(found(store, generation))),
      drop: (generation) =>
        step('drop', () => {
          if (store.live === generation) throw new Error(`${generation} is live`);
          store.generations.delete(generation);
        }),
      expire: (generation, beforeDay) => step('expire', () => expire(found(store, generation), beforeDay)),
      rows: (query) => step('rows', () => rowsOf(name, store, query).map(({ products: _, ...row }) => row)),
      wholeRows: ({ after, size }) =>
        step('wholeRows', () =>
          rowsOf(name, store, {})
            .filter(({ key }) => after === undefined || compareBytes(key, after) > 0)
            .sort((a, b) => compareBytes(a.key, b.key))
            .slice(0, size),
        ),
      topProducts: (query) => step('topProducts', () => topProducts(rowsOf(name, store, query), query.size)),
    };
  };

  async #step<T>(name: string, body: () => T): Promise<T> {
    await this.before(name);
    this.steps.push(name);
    const result = body();
    await this.after(name);
    return result;
  }

  #ordersIn(orders: string): ReadonlyMap<string, Written> {
    const generation = this.orders.get(orders);
    if (!generation) throw new AggregateMovedError(`${orders} is gone`);
    return generation;
  }

  #documents(orders: string): OrderDocument[] {
    return [...this.#ordersIn(orders).values()].map(({ document }) => document);
  }
}

function lastChange(generation: ReadonlyMap<string, Written>): number {
  return Math.max(0, ...[...generation.values()].map(({ change }) => change));
}

function keysOf(documents: readonly OrderDocument[]): string[] {
  return [...new Set(documents.flatMap(({ aggregateKeys = [] }) => aggregateKeys))].sort(compareBytes);
}

function newestTime(documents: readonly OrderDocument[], notAfter: string): string | undefined {
  return documents
    .map(({ updatedAt }) => updatedAt)
    .filter((updatedAt) => Date.parse(updatedAt) <= Date.parse(notAfter))
    .sort()
    .at(-1);
}

/** The row of keys that no document has. */
function zeros({ dimensions, products }: AggregateDefinition, keys: readonly string[], wanted: string): AggregateRow {
  const of = keys.map(parseAggregateKey).find((values) => rowKey(dimensions, values) === wanted);
  return {
    key: wanted,
    ...Object.fromEntries(dimensions.map((dimension) => [dimension, of?.[dimension]])),
    orders: 0,
    revenueCents: 0,
    refundedCents: 0,
    refundCount: 0,
    ...(products && { products: [] }),
  };
}

function found({ generations }: MemoryStore, name: string): MemoryGeneration {
  const generation = generations.get(name);
  if (!generation) throw new AggregateMovedError(`${name} is gone`);
  return generation;
}

function listed({ generations, live }: MemoryStore): AggregateGeneration[] {
  return [...generations]
    .map(([name, { number, visible, createdAt }]) => ({
      name,
      number,
      isLive: name === live,
      documents: visible.size,
      sizeBytes: 0,
      mappingHash: '0'.repeat(16),
      createdAt,
    }))
    .sort((a, b) => a.number - b.number);
}

function create({ generations }: MemoryStore, name: string, number: number): 'created' | 'exists' {
  if (generations.has(name)) return 'exists';
  generations.set(name, { number, createdAt: new Date().toISOString(), written: new Map(), visible: new Map() });
  return 'created';
}

function write({ written }: MemoryGeneration, rows: readonly AggregateRow[], version: number): void {
  for (const row of rows) {
    if ((written.get(row.key)?.version ?? -1) < version) written.set(row.key, { row: structuredClone(row), version });
  }
}

function refresh(generation: MemoryGeneration): void {
  generation.visible = new Map([...generation.written].map(([key, { row }]) => [key, row]));
}

function activate(store: MemoryStore, name: string, from: string | undefined): void {
  const generation = found(store, name);
  if (store.live !== name && store.live !== from) throw new AggregateMovedError(`${store.live ?? 'none'} is live`);
  refresh(generation);
  store.live = name;
}

function expire(generation: MemoryGeneration, beforeDay: string): number {
  const over = [...generation.written.values()].filter(({ row: { day } }) => day !== undefined && day < beforeDay);
  for (const { row } of over) generation.written.delete(row.key);
  refresh(generation);
  return over.length;
}

function rowsOf(
  name: string,
  { generations, live }: MemoryStore,
  { from, to, sellerId, currencies }: RowQuery,
): AggregateRow[] {
  if (live === undefined) throw AggregatesNotBuiltError.noneLive(name);
  const rows = [...(generations.get(live)?.visible.values() ?? [])];
  const isAsked = (row: AggregateRow) =>
    (from === undefined || (row.day !== undefined && row.day >= from)) &&
    (to === undefined || (row.day !== undefined && row.day <= to)) &&
    (sellerId === undefined || row.sellerId === sellerId) &&
    (currencies === undefined || (row.currency !== undefined && currencies.includes(row.currency)));
  const order = (row: AggregateRow) => `${row.day ?? ''}|${row.currency ?? ''}|${row.sellerId ?? ''}`;
  return rows.filter(isAsked).sort((a, b) => compareBytes(order(a), order(b)));
}

function topProducts(rows: readonly AggregateRow[], size: number): TopProduct[] {
  const sold = rows.flatMap(({ currency = '', products = [] }) => products.map((sale) => ({ ...sale, currency })));
  const byProduct = Map.groupBy(sold, ({ sku, currency }) => JSON.stringify([sku, currency]));
  return [...byProduct.values()]
    .flatMap((same): TopProduct[] => {
      const [first] = same.toSorted((a, b) => compareBytes(a.name, b.name));
      if (!first) return [];
      const sum = (field: 'quantity' | 'revenueCents') =>
        Math.min(
          same.reduce((total, sale) => total + sale[field], 0),
          Number.MAX_SAFE_INTEGER,
        );
      return [{ ...first, quantity: sum('quantity'), revenueCents: sum('revenueCents') }];
    })
    .sort(
      (a, b) => b.revenueCents - a.revenueCents || compareBytes(a.sku, b.sku) || compareBytes(a.currency, b.currency),
    )
    .slice(0, size);
}
