import assert from 'node:assert/strict';
import { toOrderView } from '../../src/order/order-view.ts';
import { InvalidCursorError } from '../../src/order-index/port.ts';
import type { SearchPage, SearchQuery, SearchSort } from '../../src/order-index/port.ts';
import { sampleDocument } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import { searchedOrders } from '../support/searched-orders.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;

function customer(id: string, name: string) {
  return { id, name };
}

/** Each placed an hour after the one before it. */
function hourly(orders: readonly SampleOrder[]): readonly SampleOrder[] {
  return orders.map((order, hour) => ({ ...order, placedAt: `2026-03-01T${String(10 + hour)}:00:00.000Z` }));
}

const ORDERS = hourly([
  { orderId: 'A-1', customer: customer('C-100', 'José Álvarez'), items: [['L-10', 'White metal lantern']] },
  { orderId: 'A-2', customer: customer('C-101', 'Jürgen Müller'), items: [['L-11', 'Lantern white, made of metal']] },
  {
    orderId: 'A-3',
    customer: customer('C-102', '田中 花子'),
    items: [
      ['T-1', '宇治抹茶 30g'],
      ['T-2', 'Teapot'],
    ],
  },
  {
    orderId: 'A-4',
    customer: customer('C-103', 'Łukasz Wiśniewski'),
    items: ['Candle, white'],
    tags: ['gift wrap', 'lantern'],
  },
  { orderId: 'A-5', customer: customer('C-104', '김민준'), items: ['Oak board', 'Ruedi Duerig: Briefe'], then: [PAID] },
  { orderId: 'A-6', customer: customer('C-100', 'José Álvarez'), items: ['Oak board'], totalCents: 5_000 },
  {
    orderId: 'A-7',
    customer: customer('C-105', 'Frank Lanten'),
    items: ['Lamp'],
    then: [PAID],
    sellerId: 'Corner-Shop',
  },
  { orderId: '100', customer: customer('C-106', 'Ann Other'), items: [['A-1', 'Thing with the SKU A-1']] },
  { orderId: 'gone', customer: customer('C-107', 'Lantern Gone'), items: ['White metal lantern'], then: [ERASED] },
]);

describeForEachBackend('searching', (backend) => {
  const searched = searchedOrders(backend, ORDERS);

  const search = (query: Partial<SearchQuery>): Promise<SearchPage> =>
    searched.index.search({ sort: 'relevance', size: 100, ...query });
  const idsOf = ({ hits }: SearchPage): string[] => hits.map(({ document }) => document.orderId);
  const found = async (q: string, more: Partial<SearchQuery> = {}): Promise<string[]> =>
    idsOf(await search({ q, ...more })).sort();

  describe('when q is a word', () => {
    it('finds it in item names, customer names, ids, SKUs and tags', async () => {
      assert.deepEqual(await found('teapot '), ['A-3']);
      assert.deepEqual(await found('álvarez '), ['A-1', 'A-6']);
      assert.deepEqual(await found('C-104 '), ['A-5']);
      assert.deepEqual(await found('L-11 '), ['A-2']);
      assert.deepEqual(await found('lantern '), ['A-1', 'A-2', 'A-4', 'A-7']);
    });

    it('forgives typos by the length of the word, but not in its first letter, and never in numbers', async () => {
      assert.deepEqual(await found('lantren '), ['A-1', 'A-2', 'A-4', 'A-7']);
      assert.deepEqual(await found('tepaot '), ['A-3']);
      assert.deepEqual(await found('baord '), ['A-5', 'A-6']);
      assert.deepEqual(await found('aok '), []);
      assert.deepEqual(await found('mantern '), []);
      assert.deepEqual(await found('108 '), []);
    });

    it('takes the last word for a beginning, unless something follows it', async () => {
      assert.deepEqual(await found('tea'), ['A-3']);
      assert.deepEqual(await found('te'), ['A-3']);
      assert.deepEqual(await found('te '), []);
      assert.deepEqual(await found('tea pot'), []);
    });

    it('ignores case and diacritics both ways, and knows transcriptions', async () => {
      for (const q of ['jose ', 'JOSÉ ', 'José ']) assert.deepEqual(await found(q), ['A-1', 'A-6'], q);
      for (const q of ['muller ', 'müller ', 'mueller ', 'MÜLLER']) assert.deepEqual(await found(q), ['A-2'], q);
      assert.deepEqual(await found('lukasz wisniewski '), ['A-4']);
    });

    it('finds scripts without spaces, and Hangul', async () => {
      assert.deepEqual(await found('花子'), ['A-3']);
      assert.deepEqual(await found('抹茶'), ['A-3']);
      assert.deepEqual(await found('김민'), ['A-5']);
      assert.deepEqual(await found('"花子"'), ['A-3']);
      assert.deepEqual(await found('"子花"'), []);
    });
  });

  describe('when a document was folded before version 6', () => {
    it('is found as others are, whose names are not among the other words', async () => {
      const [document, version] = [sampleDocument({ orderId: 'B-1', items: ['Samovar'], tags: ['brass'] }), 1];
      assert.ok(document.search);
      const { all, items, customer } = document.search;
      const older = { ...document, search: { ...document.search, all: [all, items, customer].join(' | | | ') } };
      const { live } = await searched.index.registry();
      await searched.index.write(live, [{ orderId: 'B-1', version, document: older }], 'live');
      await searched.put({ orderId: 'B-2', items: ['Samovar'], tags: ['brass'] });
      for (const q of ['samovar', 'smaovar ', 'brass ', '"ada lovelace" sam']) {
        const { hits } = await search({ q });
        assert.deepEqual(hits.map((hit) => hit.document.orderId).sort(), ['B-1', 'B-2'], q);
        assert.equal(hits[0]?.score, hits[1]?.score);
      }
      await searched.put({ orderId: 'B-1', then: [ERASED] }, { orderId: 'B-2', then: [ERASED] });
    });
  });

  describe('when q has several words', () => {
    it('wants each of them, wherever they stand', async () => {
      assert.deepEqual(await found('jose lantern '), ['A-1']);
      assert.deepEqual(await found('oak jose '), ['A-6']);
      assert.deepEqual(await found('oak teapot '), []);
    });

    it('wants the words of a phrase one after the other', async () => {
      assert.deepEqual(await found('"white metal"'), ['A-1']);
      assert.deepEqual(await found('"metal white"'), []);
      assert.deepEqual(await found('"jose alvarez" oak'), ['A-6']);
      assert.deepEqual(await found('"white lantern'), ['A-1', 'A-2', 'A-4']);
    });

    it('finds a phrase in any text, an id or a tag too, but not across two of them', async () => {
      assert.deepEqual(await found('"L-11"'), ['A-2']);
      assert.deepEqual(await found('"C-103"'), ['A-4']);
      assert.deepEqual(await found('"gift wrap"'), ['A-4']);
      assert.deepEqual(await found('"wrap lantern"'), []);
      assert.deepEqual(await found('"lukasz wisniewski"'), ['A-4']);
      assert.deepEqual(await found('"wisniewski SKU0"'), []);
    });

    it('takes a phrase in either way of writing its umlauts', async () => {
      for (const q of ['"Jürgen Müller"', '"juergen mueller"', '"jurgen muller"'])
        assert.deepEqual(await found(q), ['A-2'], q);
      assert.deepEqual(await found('"Ruedi Duerig"'), ['A-5']);
      assert.deepEqual(await found('"Rüdi Dürig"'), ['A-5']);
    });

    it('ranks the words as they were typed above scattered ones, and names above tags', async () => {
      assert.deepEqual(idsOf(await search({ q: 'white metal lantern ' })), ['A-1', 'A-2']);
      assert.deepEqual(idsOf(await search({ q: 'lantern ' })), ['A-2', 'A-1', 'A-4', 'A-7']);
    });
  });

  describe('when q is a whole id', () => {
    it('puts the order of that id and those with that SKU first', async () => {
      assert.deepEqual(
        idsOf(await search({ q: 'a-1' }))
          .slice(0, 2)
          .sort(),
        ['100', 'A-1'],
      );
      assert.equal(idsOf(await search({ q: '"A-1"' })).length, 2);
      assert.deepEqual(idsOf(await search({ q: '100' }))[0], '100');
      assert.deepEqual(idsOf(await search({ q: 'c-100' })).slice(0, 2), ['A-6', 'A-1']);
    });
  });

  describe('when q has no words', () => {
    it('finds nothing, and is no error', async () => {
      for (const q of ['', ' ', '"', '""', '!!!', '*', '+-&|(){}[]^~?:\\/', "'", '\u0000', '\ud800'])
        assert.deepEqual(await found(q), [], q);
    });
  });

  describe('when there is no q', () => {
    it('finds every readable order, and no hidden one', async () => {
      const page = await search({ sort: 'placedAt' });
      assert.equal(page.total, 8);
      assert.deepEqual(idsOf(page), ['A-1', 'A-2', 'A-3', 'A-4', 'A-5', 'A-6', 'A-7', '100']);
      assert.deepEqual(await found('gone'), []);
    });

    it('shows the documents without their technical fields', async () => {
      const view = toOrderView(sampleDocument(ORDERS[4] ?? { orderId: '' }));
      const page = await search({ status: ['paid'], sort: 'placedAt' });
      assert.deepEqual(page.hits[0], { document: view, score: null });
    });
  });

  describe('when it is filtered', () => {
    it('takes any of the statuses', async () => {
      assert.deepEqual(idsOf(await search({ status: ['paid'], sort: 'placedAt' })), ['A-5', 'A-7']);
      assert.equal((await search({ status: ['paid', 'placed'], sort: 'placedAt' })).total, 8);
      assert.equal((await search({ status: ['shipped'], sort: 'placedAt' })).total, 0);
      assert.deepEqual(await found('oak ', { status: ['paid'] }), ['A-5']);
    });

    it('finds all orders of a seller by the whole id, and none by a part of it', async () => {
      assert.deepEqual(await found('corner-shop'), ['A-7']);
      assert.deepEqual(await found('corner-shop', { restrictTo: { field: 'sellerId', value: 'S-1' } }), []);
      assert.deepEqual(await found('corner '), []);
    });

    it('shows nothing beyond what the caller may see', async () => {
      assert.deepEqual(await found('oak ', { restrictTo: { field: 'customerId', value: 'C-100' } }), ['A-6']);
      assert.deepEqual(await found('C-100', { restrictTo: { field: 'sellerId', value: 'Corner-Shop' } }), []);
      const page = await search({ sort: '-placedAt', restrictTo: { field: 'sellerId', value: 'Corner-Shop' } });
      assert.deepEqual([page.total, idsOf(page)], [1, ['A-7']]);
    });
  });

  describe('when an order changes', () => {
    it('is found by its new words only, and not at all once erased', async () => {
      const correction = {
        type: 'order.corrected.v1',
        data: { patch: { customer: { name: 'Zeppelin Ferdinand' } }, reason: '' },
      } as const;
      const order: SampleOrder = { orderId: 'changing', customer: customer('C-900', 'Xylophon Quirin') };
      const written = (then: SampleOrder['then']) => searched.put({ ...order, then: then ?? [] });
      await written([]);
      assert.deepEqual(await found('xylophon '), ['changing']);
      await written([correction]);
      assert.deepEqual([await found('xylophon '), await found('zepelin ')], [[], ['changing']]);
      await written([correction, ERASED]);
      assert.deepEqual([await found('zeppelin '), await found('changing')], [[], []]);
    });
  });
});

const SORTS: readonly SearchSort[] = ['relevance', '-placedAt', 'placedAt', '-totalCents', 'totalCents'];

describeForEachBackend('walking through a search', (backend) => {
  /** Many of the same total, the same instant, the same score. */
  const orders: SampleOrder[] = Array.from({ length: 47 }, (_, at) => ({
    orderId: `${at % 2 === 0 ? 'w' : 'W'}-${at}`,
    items: at % 3 === 0 ? ['Lantern'] : ['Lanterne'],
    totalCents: (at % 4) * 500,
    placedAt: `2026-03-0${1 + (at % 5)}T10:00:00.000Z`,
  }));
  const searched = searchedOrders(backend, orders);

  async function walk(query: SearchQuery): Promise<string[]> {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: SearchPage = await searched.index.search({ ...query, ...(cursor !== null && { cursor }) });
      assert.equal(page.total, 47);
      assert.ok(page.hits.length <= query.size);
      seen.push(...page.hits.map(({ document }) => document.orderId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return seen;
  }

  const byId = (a: SampleOrder, b: SampleOrder) => (a.orderId < b.orderId ? -1 : 1);
  const placed = (order: SampleOrder) => Date.parse(order.placedAt ?? '');
  const total = (order: SampleOrder) => order.totalCents ?? 0;
  const score = (order: SampleOrder) => (order.items?.[0] === 'Lantern' ? 1 : 0);
  const COMPARISONS: Readonly<Record<SearchSort, (a: SampleOrder, b: SampleOrder) => number>> = {
    relevance: (a, b) => score(b) - score(a) || placed(b) - placed(a) || byId(a, b),
    '-placedAt': (a, b) => placed(b) - placed(a) || byId(a, b),
    placedAt: (a, b) => placed(a) - placed(b) || byId(a, b),
    '-totalCents': (a, b) => total(b) - total(a) || byId(a, b),
    totalCents: (a, b) => total(a) - total(b) || byId(a, b),
  };

  for (const sort of SORTS) {
    it(`sees every order once, in the order of ${sort} and then of the order id`, async () => {
      const expected = orders.toSorted(COMPARISONS[sort]).map(({ orderId }) => orderId);
      assert.deepEqual(await walk({ q: 'lantern', sort, size: 7 }), expected);
      assert.deepEqual(await walk({ q: 'lantern', sort, size: 47 }), expected);
    });
  }

  it('goes on where it was while orders arrive', async () => {
    const first = await searched.index.search({ sort: 'placedAt', size: 20 });
    assert.ok(first.nextCursor);
    const between = { orderId: 'between', placedAt: '2026-03-01T09:00:00.000Z', items: ['Teapot'] };
    await searched.put(between);
    const second = await searched.index.search({ sort: 'placedAt', size: 100, cursor: first.nextCursor });
    const seen = [...first.hits, ...second.hits].map(({ document }) => document.orderId);
    assert.deepEqual(
      seen,
      orders.toSorted(COMPARISONS.placedAt).map(({ orderId }) => orderId),
    );
    await searched.put({ ...between, then: [ERASED] });
  });

  it('refuses a cursor that was changed, made up, or taken from another sort', async () => {
    const { nextCursor } = await searched.index.search({ sort: 'placedAt', size: 5 });
    assert.ok(nextCursor);
    const at = Math.floor(nextCursor.length / 2);
    const changed = nextCursor.slice(0, at) + (nextCursor[at] === 'A' ? 'B' : 'A') + nextCursor.slice(at + 1);
    const madeUp = Buffer.from(JSON.stringify(['x', 1, 'A-1'])).toString('base64url');
    for (const cursor of [changed, madeUp, '', 'x', '%%%', nextCursor.slice(0, -3), `${nextCursor}AAAA`]) {
      await assert.rejects(searched.index.search({ sort: 'placedAt', size: 5, cursor }), InvalidCursorError, cursor);
    }
    await assert.rejects(
      searched.index.search({ sort: 'totalCents', size: 5, cursor: nextCursor }),
      InvalidCursorError,
    );
  });
});
