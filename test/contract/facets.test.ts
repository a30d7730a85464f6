import assert from 'node:assert/strict';
import type { Facets, SearchQuery } from '../../src/order-index/port.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import { searchedOrders } from '../support/searched-orders.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;
const BOB = { id: 'C-2', name: 'Bob' };

const ORDERS: readonly SampleOrder[] = [
  { orderId: 'A', items: ['Lantern'], tags: ['gift', 'red'], sellerId: 'S-1' },
  { orderId: 'B', items: ['Lantern'], tags: ['gift'], sellerId: 'S-2', then: [PAID] },
  { orderId: 'C', items: ['Teapot'], tags: ['red', 'Ärger'], sellerId: 'S-2', currency: 'JPY', totalCents: 9, customer: BOB },
  { orderId: 'D', items: ['Teapot'], tags: [], sellerId: 'S-1', currency: 'USD', then: [PAID], customer: BOB },
  { orderId: 'gone', items: ['Lantern'], tags: ['gift'], then: [ERASED] },
]; // prettier-ignore

/** `gift 2, red 1` */
function told(facets: Facets): Readonly<Record<string, string>> {
  const lines = Object.entries(facets).map(([name, values]) => [
    name,
    values.map(({ value, count }) => `${value} ${count}`).join(', '),
  ]);
  return Object.fromEntries(lines) as Record<string, string>;
}

describeForEachBackend('the facets of a search', (backend) => {
  const searched = searchedOrders(backend, ORDERS);

  const facets = async (query: Partial<SearchQuery>) =>
    told((await searched.index.search({ sort: '-placedAt', size: 1, ...query })).facets);

  it('count what readers may see, the most frequent first, then by value', async () => {
    assert.deepEqual(await facets({}), {
      status: 'paid 2, placed 2',
      tag: 'gift 2, red 2, Ärger 1',
      seller: 'S-1 2, S-2 2',
      currency: 'EUR 2, JPY 1, USD 1',
    });
  });

  it('count the other choices of their own filter, and what all others let through', async () => {
    assert.deepEqual(await facets({ status: ['paid'] }), {
      status: 'paid 2, placed 2',
      tag: 'gift 1',
      seller: 'S-1 1, S-2 1',
      currency: 'EUR 1, USD 1',
    });
    assert.deepEqual(await facets({ status: ['paid'], tag: ['gift', 'red'] }), {
      status: 'placed 2, paid 1',
      tag: 'gift 1',
      seller: 'S-2 1',
      currency: 'EUR 1',
    });
    assert.deepEqual(await facets({ sellerId: ['S-2'], currency: ['JPY'] }), {
      status: 'placed 1',
      tag: 'red 1, Ärger 1',
      seller: 'S-2 1',
      currency: 'EUR 1, JPY 1',
    });
  });

  it('count within the text and the filters that have no facet', async () => {
    assert.deepEqual(await facets({ q: 'lantren ', sort: 'relevance' }), {
      status: 'paid 1, placed 1',
      tag: 'gift 2, red 1',
      seller: 'S-1 1, S-2 1',
      currency: 'EUR 2',
    });
    assert.equal((await facets({ maxTotalCents: 9 }))['currency'], 'JPY 1');
    assert.equal((await facets({ customerId: ['C-2'], sku: ['SKU0'] }))['seller'], 'S-1 1, S-2 1');
    assert.deepEqual(await facets({ q: 'zebra ' }), { status: '', tag: '', seller: '', currency: '' });
  });

  it('count nothing beyond what the caller may see, whatever is filtered', async () => {
    const restrictTo = { field: 'customerId', value: 'C-2' } as const;
    const expected = {
      status: 'paid 1, placed 1',
      tag: 'red 1, Ärger 1',
      seller: 'S-1 1, S-2 1',
      currency: 'JPY 1, USD 1',
    };
    assert.deepEqual(await facets({ restrictTo }), expected);
    assert.equal((await facets({ restrictTo, tag: ['gift'] }))['tag'], expected.tag);
    assert.equal((await facets({ restrictTo, sellerId: ['S-1', 'S-2'] }))['seller'], expected.seller);
    assert.equal((await facets({ restrictTo, status: ['shipped'] }))['status'], expected.status);
  });

  it('are the same on every page', async () => {
    const query = { sort: 'placedAt', size: 3 } as const;
    const first = await searched.index.search(query);
    assert.ok(first.nextCursor);
    const second = await searched.index.search({ ...query, cursor: first.nextCursor });
    assert.deepEqual([second.hits.length, second.facets], [1, first.facets]);
  });

  it('tell the 20 most frequent values, and of equally frequent ones those first in UTF-8', async () => {
    const rare = Array.from({ length: 25 }, (_, n) => `t-${String(n).padStart(2, '0')}`);
    await searched.put({ orderId: 'many', sellerId: 'S-9', tags: [...rare, '\u{1F380}', '\uFF21', 'red'] });
    const { tag } = (await searched.index.search({ sort: '-placedAt', size: 1 })).facets;
    const values = tag.map(({ value }) => value);
    assert.deepEqual(values, ['red', 'gift', ...rare.slice(0, 18)]);
    const many = (await searched.index.search({ sort: '-placedAt', size: 1, sellerId: ['S-9'] })).facets;
    assert.deepEqual(
      many.tag.map(({ value }) => value),
      ['red', ...rare.slice(0, 19)],
    );
    await searched.put({ orderId: 'few', sellerId: 'S-8', tags: ['\u{1F380}', '\uFF21', 'z'] });
    const few = (await searched.index.search({ sort: '-placedAt', size: 1, sellerId: ['S-8'] })).facets;
    assert.deepEqual(
      few.tag.map(({ value }) => value),
      ['z', '\uFF21', '\u{1F380}'],
    );
  });
});
