import type { HttpDependencies, VerificationEvent } from '../../../src/http/dependencies.ts';
import { InvalidCursorError } from '../../../src/order-index/port.ts';
import type {
  CustomerOrdersPage,
  CustomerOrdersQuery,
  Facets,
  SearchFilters,
  SearchPage,
  SearchQuery,
  SuggestQuery,
  Suggestions,
} from '../../../src/order-index/port.ts';
import type { OrderDocument } from '../../../src/order/document.ts';
import type { OrderEvent } from '../../../src/order/event.ts';
import { toOrderView } from '../../../src/order/order-view.ts';
import { suggest } from '../../../src/order-index/suggest.ts';
import { matchesTerm, parseTextQuery, wordsOf } from '../../../src/order/search-text.ts';
import { combineHealth } from '../../../src/observability/health.ts';
import { createLogger } from '../../../src/observability/logging.ts';

/** A readable order with everything the contract says such a document has. */
export function orderDocument(orderId: string, fields: Partial<OrderDocument> = {}): OrderDocument {
  const items = [{ sku: 'LAN-1', name: 'White Metal Lantern', quantity: 2, unitPriceCents: 1250 }];
  const document = {
    ...{ orderId, status: 'placed' as const, customerId: 'C-1', customerName: 'José Müller', sellerId: 'S-1' },
    ...{ skus: ['LAN-1'], itemNames: ['White Metal Lantern'], items, tags: ['gift'], currency: 'EUR' },
    ...{ totalCents: 2500, paidCents: 0, refundedCents: 0, netCents: 0, payments: [], refunds: [] },
    ...{ placedAt: AT, updatedAt: AT, version: 1, projectedAt: AT },
    search: { all: 'white metal lantern', items: 'white metal lantern', customer: 'jose muller', exact: [] },
    ...fields,
  };
  return { events: [placedEvent(document)], ...document };
}

const AT = '2025-03-01T10:00:00.000Z';

function placedEvent(document: Omit<OrderDocument, 'events'>): OrderEvent {
  const { orderId, customerId, customerName, sellerId, currency, items, totalCents, tags } = document;
  const customer = { id: customerId, name: customerName };
  const data = { customer, sellerId, currency, items, totalCents, tags };
  return { id: `${orderId}-1`, source: '/shop', type: 'order.placed.v2', time: AT, sequence: 1, data };
}

/** An index in memory, newest order first, with a plain implementation of the search that both backends promise. */
export class FakeOrders {
  readonly documents: OrderDocument[] = [];
  readonly queries: SearchQuery[] = [];

  add(...documents: OrderDocument[]): void {
    this.documents.unshift(...documents);
  }

  get(orderId: string): OrderDocument | undefined {
    return this.documents.find((document) => document.orderId === orderId);
  }

  search(query: SearchQuery): SearchPage {
    this.queries.push(query);
    const found = this.documents.filter((document) => isFound(document, query));
    const after = query.cursor === undefined ? -1 : found.findIndex(({ orderId }) => orderId === query.cursor);
    if (query.cursor !== undefined && after < 0) throw new InvalidCursorError('unknown cursor');
    const page = found.slice(after + 1, after + 1 + query.size);
    const more = found.length > after + 1 + query.size;
    return {
      total: found.length,
      hits: page.map((document) => ({ document: toOrderView(document), score: query.sort === 'relevance' ? 1 : null })),
      facets: this.#facets(query),
      nextCursor: more ? (page.at(-1)?.orderId ?? null) : null,
      tookMs: 1,
    };
  }

  /** By the rule by which both backends make them of what they find. */
  suggest(query: SuggestQuery): Promise<Suggestions> {
    const rows = (textsOf: (document: OrderDocument) => readonly string[]) =>
      this.documents.filter((document) => isFound(document, { ...query, q: '' })).map(textsOf);
    const newest = () =>
      Promise.resolve({
        item: rows(({ itemNames = [] }) => itemNames),
        customer: rows(({ customerName = '' }) => [customerName]),
        sku: rows(({ skus = [] }) => skus),
        order: rows(({ orderId }) => [orderId]),
      });
    return suggest({ newest, search: (search) => Promise.resolve(this.search(search)) }, query);
  }

  customerOrders({ customerId, size, cursor }: CustomerOrdersQuery): CustomerOrdersPage {
    const { hits, nextCursor } = this.search({ customerId: [customerId], sort: '-placedAt', size, cursor });
    const all = this.documents.filter((document) => document.customerId === customerId);
    const sum = (of: readonly OrderDocument[], field: 'totalCents' | 'paidCents' | 'refundedCents') =>
      of.reduce((cents, document) => cents + (document[field] ?? 0), 0);
    const totals = [...Map.groupBy(all, ({ currency = '' }) => currency)].map(([currency, of]) => ({
      ...{ currency, orders: of.length, totalCents: sum(of, 'totalCents') },
      ...{ paidCents: sum(of, 'paidCents'), refundedCents: sum(of, 'refundedCents') },
    }));
    return { orders: hits.map(({ document }) => document), totals, nextCursor };
  }

  #facets(query: SearchQuery): Facets {
    const count = (
      own: keyof SearchFilters,
      valuesOf: (document: OrderDocument) => readonly (string | undefined)[],
    ) => {
      const found = this.documents.filter((document) => isFound(document, { ...query, [own]: undefined }));
      const counts = Map.groupBy(found.flatMap(valuesOf), (value) => value ?? '');
      const values = [...counts].map(([value, all]) => ({ value, count: all.length }));
      return values.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1)).slice(0, 20);
    };
    return {
      status: count('status', ({ status }) => [status]),
      tag: count('tag', ({ tags = [] }) => tags),
      seller: count('sellerId', ({ sellerId }) => [sellerId]),
      currency: count('currency', ({ currency }) => [currency]),
    };
  }
}

/** Whether it passes the filters on values. */
function isWanted(document: OrderDocument, { status, tag, customerId, sellerId, currency }: SearchFilters): boolean {
  const isAmong = (wanted: readonly string[] | undefined, ...values: readonly (string | undefined)[]) =>
    wanted === undefined || values.some((value) => value !== undefined && wanted.includes(value));
  return (
    isAmong(status, document.status) &&
    isAmong(tag, ...(document.tags ?? [])) &&
    isAmong(customerId, document.customerId) &&
    isAmong(sellerId, document.sellerId) &&
    isAmong(currency, document.currency)
  );
}

/** Whether it passes the filters on ranges. */
function isWithinRanges({ placedAt = '', totalCents = 0 }: OrderDocument, filters: SearchFilters): boolean {
  const { placedFrom = '', placedTo = '9999-12-31', minTotalCents = 0, maxTotalCents = Infinity } = filters;
  const day = placedAt.slice(0, 'YYYY-MM-DD'.length);
  return day >= placedFrom && day <= placedTo && totalCents >= minTotalCents && totalCents <= maxTotalCents;
}

function isFound(document: OrderDocument, { q, restrictTo, ...filters }: Partial<SearchQuery>): boolean {
  if (!isWanted(document, filters) || !isWithinRanges(document, filters)) return false;
  if (restrictTo && document[restrictTo.field] !== restrictTo.value) return false;
  const texts = [
    document.orderId,
    document.customerName ?? '',
    document.customerId ?? '',
    ...(document.itemNames ?? []),
  ];
  const words = texts.flatMap(wordsOf);
  return parseTextQuery(q ?? '').terms.every((term) =>
    words.some(
      ({ folded, transcribed }) =>
        matchesTerm(term, folded) || (transcribed !== undefined && matchesTerm(term, transcribed)),
    ),
  );
}

const NO_AGGREGATES: HttpDependencies['aggregates'] = {
  revenueDaily: () => Promise.resolve({ days: [], asOf: new Date().toISOString() }),
  sellerDashboard: () => Promise.resolve({ days: [], totals: [], topProducts: [], asOf: new Date().toISOString() }),
};

const NO_DEAD_LETTERS: HttpDependencies['deadLetters'] = {
  list: () => Promise.resolve({ items: [], nextCursor: null }),
  get: () => Promise.resolve(undefined),
  replay: () => Promise.resolve({ kind: 'not_found' }),
  replayAll: () => Promise.resolve({ replayed: 0, failed: [] }),
  discard: () => Promise.resolve({ kind: 'not_found' }),
};

const NO_REBUILDS: HttpDependencies['rebuilds'] = {
  projections: ['revenue-daily', 'seller-daily'],
  start: () => Promise.resolve({ kind: 'invalid', path: 'source', message: 'there is nothing to rebuild' }),
  list: () => Promise.resolve([]),
  get: () => Promise.resolve(undefined),
  change: () => Promise.resolve({ kind: 'not_found' }),
};

const NO_GENERATIONS: HttpDependencies['generations'] = {
  list: () => Promise.resolve([]),
  activate: () => Promise.resolve({ kind: 'not_found' }),
  remove: () => Promise.resolve({ kind: 'not_found' }),
};

async function* nothingWrong(): AsyncGenerator<VerificationEvent> {
  yield await Promise.resolve({ kind: 'end', orders: 0, rows: 0, differences: 0, unsettled: 0 } as const);
}

/** Dependencies over the given orders, open to everyone, of which a test may replace any. */
export function fakeDependencies(orders: FakeOrders, replaced: Partial<HttpDependencies> = {}): HttpDependencies {
  return {
    search: (query) => Promise.resolve().then(() => orders.search(query)),
    suggest: (query) => orders.suggest(query),
    customerOrders: (query) => Promise.resolve().then(() => orders.customerOrders(query)),
    getOrder: (orderId) => Promise.resolve(orders.get(orderId)),
    awaitVersion: ({ orderId, version, counts }) => {
      const document = orders.get(orderId);
      const hasArrived = document !== undefined && document.version >= version && counts(document);
      return Promise.resolve(hasArrived ? 'visible' : 'late');
    },
    freshness: () => Promise.resolve({ asOf: new Date().toISOString(), lagSeconds: 0.8 }),
    lag: () => Promise.resolve({ asOf: new Date().toISOString(), lagSeconds: 0.8, messages: 0, samples: [] }),
    aggregates: NO_AGGREGATES,
    verifyAggregates: nothingWrong,
    deadLetters: NO_DEAD_LETTERS,
    rebuilds: NO_REBUILDS,
    generations: NO_GENERATIONS,
    health: () =>
      Promise.resolve(combineHealth({ broker: { state: 'up' }, index: { state: 'up' }, projector: { state: 'up' } })),
    parkedOrders: () => Promise.resolve({ gaps: [], next: undefined }),
    repair: () => Promise.resolve({ kind: 'nothing_parked' }),
    metricsText: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    observeRequest: () => undefined,
    authenticate: () => Promise.resolve({ kind: 'caller', caller: { role: 'admin', sub: 'anonymous' } }),
    log: createLogger('silent'),
    ...replaced,
  };
}
