import assert from 'node:assert/strict';
import type { SearchFilters, SearchPage, SearchQuery } from '../../src/order-index/port.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import { searchedOrders } from '../support/searched-orders.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;
/** As long as a tag may be. */
const EMOJIS = '😀'.repeat(256);
const [ANN, BOB] = [
  { id: 'C-1', name: 'Ann' },
  { id: 'c-1', name: 'Bob' },
];

const ORDERS: readonly SampleOrder[] = [
  { orderId: 'A', customer: ANN, items: [['LAN', 'Lantern'], ['OAK', 'Oak board']], tags: ['gift', 'Größe "L"'], totalCents: 0, placedAt: '2026-02-28T23:59:59.999Z' },
  { orderId: 'B', customer: ANN, items: [['LAN', 'Lantern']], tags: ['gift'], totalCents: 500, sellerId: 'S-2', placedAt: '2026-03-01T00:00:00.000Z', then: [PAID] },
  { orderId: 'C', customer: BOB, items: [['lan', 'Lantern']], tags: [], totalCents: 501, currency: 'JPY', placedAt: '2026-03-01T23:59:59.999Z' },
  { orderId: 'D', customer: BOB, items: [['OAK', 'Oak board']], tags: ['GIFT', EMOJIS], totalCents: Number.MAX_SAFE_INTEGER, sellerId: 'S-2', placedAt: '2026-03-02T00:00:00.000Z', then: [PAID] },
  { orderId: 'gone', customer: ANN, items: [['LAN', 'Lantern']], tags: ['gift'], then: [ERASED] },
]; // prettier-ignore

describeForEachBackend('filtering a search', (backend) => {
  const searched = searchedOrders(backend, ORDERS);

  const search = (query: Partial<SearchQuery>): Promise<SearchPage> =>
    searched.index.search({ sort: 'placedAt', size: 100, ...query });
  const ids = async (query: Partial<SearchQuery>): Promise<string> => {
    const { hits, total } = await search(query);
    assert.equal(hits.length, total);
    return hits.map(({ document }) => document.orderId).join('');
  };

  const cases: readonly [string, SearchFilters, string][] = [
    ['a SKU', { sku: ['LAN'] }, 'AB'],
    ['any of several SKUs', { sku: ['lan', 'OAK', 'none'] }, 'ACD'],
    ['a tag, to the letter', { tag: ['gift'] }, 'AB'],
    ['a tag with syntax in it', { tag: ['Größe "L"'] }, 'A'],
    ['a tag of emoji', { tag: [EMOJIS] }, 'D'],
    ['any of several tags', { tag: ['GIFT', 'Größe "L"'] }, 'AD'],
    ['a customer', { customerId: ['c-1'] }, 'CD'],
    ['any of several customers', { customerId: ['c-1', 'C-1'] }, 'ABCD'],
    ['a seller', { sellerId: ['S-2'] }, 'BD'],
    ['a currency', { currency: ['JPY'] }, 'C'],
    ['any of several currencies', { currency: ['JPY', 'EUR', 'USD'] }, 'ABCD'],
    ['all of several names', { tag: ['gift'], sellerId: ['S-2'], status: ['paid'], sku: ['LAN'] }, 'B'],
    ['names that no order has together', { sku: ['OAK'], tag: ['gift'], customerId: ['c-1'] }, ''],
    ['what no order has', { sku: ['none'] }, ''],
    ['what is no text', { tag: ['\ud800', '\0', "' OR 1"] }, ''],
    ['no value at all', { sku: [], tag: [], customerId: [], sellerId: [], currency: [] }, 'ABCD'],
    ['the days from one', { placedFrom: '2026-03-01' }, 'BCD'],
    ['the days to one', { placedTo: '2026-03-01' }, 'ABC'],
    ['a single day', { placedFrom: '2026-03-01', placedTo: '2026-03-01' }, 'BC'],
    ['days without orders', { placedFrom: '2026-03-03', placedTo: '9999-12-31' }, ''],
    ['all days', { placedFrom: '0001-01-01', placedTo: '9999-12-31' }, 'ABCD'],
    ['totals from one', { minTotalCents: 500 }, 'BCD'],
    ['totals to one', { maxTotalCents: 500 }, 'AB'],
    ['a single total', { minTotalCents: 0, maxTotalCents: 0 }, 'A'],
    ['the greatest total', { minTotalCents: Number.MAX_SAFE_INTEGER, maxTotalCents: Number.MAX_SAFE_INTEGER }, 'D'],
    ['ranges and values', { minTotalCents: 1, placedTo: '2026-03-01', currency: ['EUR'] }, 'B'],
  ];
  for (const [what, filters, expected] of cases) {
    it(`takes ${what}`, async () => {
      assert.equal(await ids(filters), expected);
    });
  }

  it('narrows what a text finds', async () => {
    assert.equal(await ids({ q: 'lantern ', customerId: ['C-1'], maxTotalCents: 400 }), 'A');
  });

  it('never widens what the caller may see', async () => {
    const restrictTo = { field: 'customerId', value: 'C-1' } as const;
    assert.equal(await ids({ restrictTo, customerId: ['c-1', 'C-1'] }), 'AB');
    assert.equal(await ids({ restrictTo, customerId: ['c-1'] }), '');
    assert.equal(await ids({ restrictTo, sellerId: ['S-2'], sku: ['OAK', 'LAN'] }), 'B');
  });

  it('keeps to the filters from page to page', async () => {
    const query = { sort: 'placedAt', size: 1, tag: ['gift', 'GIFT'] } as const;
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const { hits, nextCursor } = await searched.index.search({ ...query, ...(cursor !== undefined && { cursor }) });
      seen.push(...hits.map(({ document }) => document.orderId));
      cursor = nextCursor;
    }
    assert.deepEqual(seen, ['A', 'B', 'D']);
  });

  it('follows an order as its fields change', async () => {
    const order: SampleOrder = { orderId: 'X', items: [['X-1', 'Xylophone']], tags: ['old', 'kept'] };
    const retagged = { type: 'order.tagged.v1', data: { add: ['new'], remove: ['old'] } } as const;
    const items = [{ sku: 'X-2', name: 'Xylophone', quantity: 1, unitPriceCents: 1 }];
    const corrected = { type: 'order.corrected.v1', data: { patch: { items, currency: 'USD' }, reason: '' } } as const;
    const found = async () => [
      ...[await ids({ tag: ['old'] }), await ids({ tag: ['new'] }), await ids({ tag: ['kept'] })],
      ...[await ids({ sku: ['X-1'] }), await ids({ sku: ['X-2'] }), await ids({ currency: ['USD'] })],
    ];
    await searched.put(order);
    assert.deepEqual(await found(), ['X', '', 'X', 'X', '', '']);
    await searched.put({ ...order, then: [retagged, corrected] });
    assert.deepEqual(await found(), ['', 'X', 'X', '', 'X', 'X']);
    await searched.put({ ...order, then: [retagged, corrected, ERASED] });
    assert.deepEqual(await found(), ['', '', '', '', '', '']);
  });
});
