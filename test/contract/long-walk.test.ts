import assert from 'node:assert/strict';
import type { OrderIndex, SearchQuery } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

/** More than the 10,000 hits that Elasticsearch gives by offset; SQLite has no such limit, and looks at all orders for each page. */
const ORDERS = { embedded: 4_000, services: 12_000 };
const BATCH = 2_000;
/** So many pages of a walk are followed by the arrival of some orders. */
const PAGES_BETWEEN_ARRIVALS = 10;
const DAY_MS = 24 * 3_600_000;

/** Many of the same instant, the same total and the same score. */
function order(orderId: string, n: number): SampleOrder {
  return {
    orderId,
    items: [n % 3 === 0 ? 'Kettle' : 'Kettles'],
    totalCents: (n % 40) * 100,
    placedAt: new Date(Date.UTC(2026, 0, 1) + (n % 50) * DAY_MS).toISOString(),
    tags: [n % 2 === 0 ? 'even' : 'odd'],
  };
}

describeForEachBackend('walking through thousands of orders', function (backend) {
  const count = backend.name === 'embedded' ? ORDERS.embedded : ORDERS.services;
  let place: IndexPlace;
  let index: OrderIndex;
  const known = Array.from({ length: count }, (_, n) => order(`k-${n}`, n));

  before(async function () {
    this.timeout(60_000);
    place = backend.index();
    index = place.instance();
    await index.open();
    for (let start = 0; start < count; start += BATCH) await put(known.slice(start, start + BATCH));
  });
  after(() => place.remove());

  async function put(orders: readonly SampleOrder[]): Promise<void> {
    const outcomes = await index.write((await index.registry()).live, orders.map(sampleWrite), 'live');
    assert.ok(outcomes.every(({ kind }) => kind === 'written'));
    await index.refresh();
  }

  /** Orders that fall before, behind and amid the place where the walk is. */
  const arrivals = (walk: string, page: number) =>
    Array.from({ length: 12 }, (_, n) => order(`${walk} ${page} ${n}`, n * 37 + page));

  async function walk(query: SearchQuery): Promise<string[]> {
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 1; ; page++) {
      const { hits, nextCursor } = await index.search({ ...query, cursor });
      seen.push(...hits.map(({ document }) => document.orderId));
      if (nextCursor === null) return seen;
      cursor = nextCursor;
      if (page % PAGES_BETWEEN_ARRIVALS === 0) await put(arrivals(JSON.stringify(query), page));
    }
  }

  const walks: readonly SearchQuery[] = [
    { q: 'kettle', sort: 'relevance', size: 100 },
    { sort: '-placedAt', size: 100 },
    { sort: 'totalCents', size: 100, tag: ['even', 'odd'] },
  ];
  for (const query of walks) {
    it(`sees each once while others arrive, by ${query.sort}`, async function () {
      this.timeout(120_000);
      const seen = await walk(query);
      assert.ok(seen.length >= count);
      assert.equal(new Set(seen).size, seen.length, 'an order was seen twice');
      const ids = new Set(seen);
      assert.deepEqual(
        known.flatMap(({ orderId }) => (ids.has(orderId) ? [] : [orderId])),
        [],
      );
    });
  }
});
