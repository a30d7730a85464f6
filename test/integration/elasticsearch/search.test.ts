import assert from 'node:assert/strict';
import { toOrderView } from '../../../src/order/order-view.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { InvalidCursorError } from '../../../src/order-index/port.ts';
import type { SearchQuery, SearchSort } from '../../../src/order-index/port.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleDocument, sampleWrite } from './sample-orders.ts';
import type { SampleOrder } from './sample-orders.ts';

describe('search in Elasticsearch', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  before(async () => {
    under = indexUnderTest();
    index = under.instance({ shards: 2 });
    await index.open();
    await put(...ORDERS);
    await put(...KETTLES);
  });
  after(() => under.remove());

  const put = async (...orders: readonly SampleOrder[]) => {
    const { live } = await index.registry();
    const outcomes = await index.write(live, orders.map(sampleWrite), 'live');
    assert.ok(
      outcomes.every(({ kind }) => kind === 'written'),
      JSON.stringify(outcomes),
    );
    await index.refresh();
  };
  const search = (query: Partial<SearchQuery>) => index.search({ sort: 'relevance', size: 100, ...query });
  const ids = async (query: Partial<SearchQuery>) => (await search(query)).hits.map(({ document }) => document.orderId);
  const found = (q: string) => ids({ q });

  const shipped = { type: 'order.shipped.v1', data: {} } as const;
  const ORDERS: readonly SampleOrder[] = [
    { orderId: 'INV-536365', items: [['85123A', 'WHITE HANGING HEART T-LIGHT HOLDER']], totalCents: 10, customer: { id: '17850', name: 'José Müller' } },
    { orderId: 'INV-536366', items: ['RED PAPER LANTERN', 'Garden chair'], totalCents: 20, placedAt: '2026-03-02T00:00:00.000Z' },
    { orderId: 'INV-536367', items: ['LANTERN of paper, red'], totalCents: 30, then: [shipped] },
    { orderId: 'INV-536368', items: ['Lanterns'], tags: ['red'], totalCents: 40, placedAt: '2026-03-03T00:00:00.000Z' },
    { orderId: 'GIFT', items: ['Wrapping'], tags: ['lantern'], totalCents: 50, sellerId: 'S-2', customer: { id: 'heart', name: 'Grace Hopper' } },
    { orderId: 'heart', items: ['Something else'], totalCents: 60, placedAt: '2020-01-01T00:00:00.000Z' },
    { orderId: 'KANJI', items: ['東京タワー', 'Straße'], totalCents: 70, customer: { id: 'C-9', name: '山田 太郎' } },
  ]; // prettier-ignore

  const KETTLES = Array.from({ length: 14 }, (_, n) => ({
    orderId: `KETTLE-${n}`,
    items: n % 3 === 0 ? ['kettles'] : ['kettle'],
    totalCents: (n % 5) * 1_000,
    placedAt: `2026-02-0${1 + (n % 4)}T00:00:00.000Z`,
  }));

  describe('when words are looked for', () => {
    it('finds every word, in whatever field', async () => {
      assert.deepEqual(await found('paper lantern jose'), []);
      assert.deepEqual(new Set(await found('heart jose')), new Set(['INV-536365']));
      assert.deepEqual(new Set(await found('17850')), new Set(['INV-536365']));
    });

    it('ignores case and marks, and knows transcriptions', async () => {
      for (const q of ['José', 'jose', 'MÜLLER', 'mueller', 'muller', 'jose mueller']) {
        assert.deepEqual(await found(q), ['INV-536365'], q);
      }
      for (const q of ['Straße', 'strasse', 'STRASSE']) assert.deepEqual(await found(q), ['KANJI'], q);
    });

    it('finds words of scripts without spaces', async () => {
      assert.deepEqual(await found('東京'), ['KANJI']);
      assert.deepEqual(await found('太郎'), ['KANJI']);
    });

    it('forgives typos, but not in the first letter nor in numbers', async () => {
      assert.ok((await found('lantren ')).includes('INV-536366'));
      assert.ok((await found('chiar ')).includes('INV-536366'));
      assert.deepEqual(await found('kantern '), []);
      assert.deepEqual(await found('17851 '), []);
    });

    it('takes the last word as a beginning, and no other', async () => {
      assert.deepEqual(new Set(await found('paper lant')), new Set(['INV-536366', 'INV-536367']));
      assert.deepEqual(await found('lant paper '), []);
      assert.deepEqual(await found('lant '), []);
      assert.ok((await found('h')).includes('INV-536365'));
    });

    it('puts the very word before its beginning, and that before a typo', async () => {
      const names = { typo: 'gingar', beginning: 'gingerbread', word: 'ginger', row: 'ginger tea' };
      await put(
        ...Object.entries(names).map(([orderId, name], n) => ({
          orderId,
          items: [name],
          placedAt: `2026-04-0${9 - n}T00:00:00.000Z`,
        })),
      );
      assert.deepEqual(await found('ginger'), ['word', 'row', 'beginning', 'typo']);
    });

    it('puts a name before a tag', async () => {
      assert.deepEqual((await found('lantern')).at(-1), 'GIFT');
    });

    it('puts words in a row before scattered ones', async () => {
      assert.deepEqual(await found('red paper lantern'), ['INV-536366', 'INV-536367']);
    });

    it('puts a whole id first, however old', async () => {
      assert.deepEqual(await found('heart'), ['GIFT', 'heart', 'INV-536365']);
      assert.equal((await found('inv-536367'))[0], 'INV-536367');
      assert.equal((await found('85123a'))[0], 'INV-536365');
    });

    it('breaks ties by the newest, then by the order id', async () => {
      await put({ orderId: 'TIE-B', items: ['zebra'] }, { orderId: 'TIE-A', items: ['zebra'] });
      await put({ orderId: 'TIE-C', items: ['zebra'], placedAt: '2026-05-01T00:00:00.000Z' });
      assert.deepEqual(await found('zebra'), ['TIE-C', 'TIE-A', 'TIE-B']);
    });

    it('tells words apart by as many letters as the index can hold', async () => {
      const long = 'y'.repeat(600);
      await put({ orderId: 'LONG', items: [long] });
      assert.deepEqual(await found(`${long} `), ['LONG']);
      assert.deepEqual(await found(`${long}x `), ['LONG']);
      assert.deepEqual(await found(`x${long} `), []);
      assert.deepEqual(await found('y'.repeat(400)), ['LONG']);
    });

    it('follows a typo to every word in reach', async () => {
      const names = Array.from(
        { length: 120 },
        (_, n) => `qwertz${String.fromCharCode(97 + (n % 26), 97 + Math.floor(n / 26))}`,
      );
      await put(...names.map((name, n) => ({ orderId: `Q-${n}`, items: [name] })));
      assert.equal((await search({ q: 'qwertzx ' })).total, names.length);
    });
  });

  describe('when a phrase is quoted', () => {
    it('finds the words next to each other only, exactly as they are', async () => {
      assert.deepEqual(await found('"paper lantern"'), ['INV-536366']);
      assert.deepEqual(await found('"lantern paper"'), []);
      assert.deepEqual(await found('"papre lantern"'), []);
      assert.deepEqual(await found('"jose muller"'), ['INV-536365']);
    });

    it('combines with other words', async () => {
      assert.deepEqual(await found('"paper lantern" chair'), ['INV-536366']);
      assert.deepEqual(await found('"paper lantern" holder'), []);
    });
  });

  describe('when the text holds syntax', () => {
    const texts = ['!!!', '"', '""', '" "', '(', '[a TO z]', 'a AND', 'NOT', '*', '?', '~', 'x:y', '\\', '/x/', '{"match_all":{}}', '\0', '\ud800', ' ', '']; // prettier-ignore
    for (const q of texts) {
      it(`never errs: ${JSON.stringify(q)}`, async () => {
        const { total } = await search({ q });
        assert.ok(total >= 0);
      });
    }

    it('finds nothing for punctuation alone', async () => {
      for (const q of ['', ' ', '!!!', '"', '***', '---'])
        assert.equal((await search({ q })).total, 0, JSON.stringify(q));
    });

    it('bears a long text', async () => {
      assert.deepEqual(await found('lantern '.repeat(500)), await found('lantern '));
    });
  });

  describe('when it is narrowed', () => {
    it('filters by status, any of several', async () => {
      assert.deepEqual(await ids({ q: 'lantern', status: ['shipped'] }), ['INV-536367']);
      assert.equal((await ids({ q: 'lantern', status: ['shipped', 'placed'] })).length, 4);
      assert.equal((await search({ q: 'lantern', status: [] })).total, 4);
    });

    it('shows a restricted caller nothing else', async () => {
      assert.deepEqual(await ids({ restrictTo: { field: 'sellerId', value: 'S-2' } }), ['GIFT']);
      assert.deepEqual(await ids({ q: 'heart', restrictTo: { field: 'customerId', value: '17850' } }), ['INV-536365']);
      assert.equal((await search({ q: 'heart', restrictTo: { field: 'customerId', value: 'nobody' } })).total, 0);
    });
  });

  describe('when the page is looked at', () => {
    it('holds the document without events and search words, the score, the exact total and the time', async () => {
      const page = await search({ q: 'garden chair' });
      assert.equal(page.total, 1);
      const document = toOrderView(sampleDocument(ORDERS[1]!));
      assert.deepEqual(page.hits, [{ document, score: page.hits[0]?.score }]);
      assert.ok((page.hits[0]?.score ?? 0) > 0);
      assert.ok(page.tookMs >= 0);
      assert.equal(page.nextCursor, null);
      assert.equal((await search({ q: 'garden', sort: '-placedAt' })).hits[0]?.score, null);
    });

    const keys: Readonly<
      Record<Exclude<SearchSort, 'relevance'>, (order: { placedAt?: string; totalCents?: number }) => string | number>
    > = {
      '-placedAt': ({ placedAt }) => -Date.parse(placedAt ?? ''),
      placedAt: ({ placedAt }) => Date.parse(placedAt ?? ''),
      '-totalCents': ({ totalCents }) => -(totalCents ?? 0),
      totalCents: ({ totalCents }) => totalCents ?? 0,
    };
    for (const [sort, keyOf] of Object.entries(keys)) {
      it(`is sorted by ${sort}, and then by the order id`, async () => {
        const { hits } = await search({ sort: sort as SearchSort });
        const documents = hits.map(({ document }) => document);
        const sorted = documents.toSorted(
          (a, b) => Number(keyOf(a)) - Number(keyOf(b)) || (a.orderId < b.orderId ? -1 : 1),
        );
        assert.deepEqual(
          documents.map(({ orderId }) => orderId),
          sorted.map(({ orderId }) => orderId),
        );
      });
    }
  });

  describe('when it is walked through', () => {
    for (const sort of ['relevance', '-placedAt', 'placedAt', '-totalCents', 'totalCents'] as const) {
      it(`sees every order once while others arrive, sorted by ${sort}`, async () => {
        const query = { q: 'kettle', sort };
        const before = await ids(query);
        const walked: string[] = [];
        let cursor: string | null = null;
        for (let page = 0; page === 0 || cursor !== null; page++) {
          const { hits, nextCursor } = await search({ ...query, size: 4, ...(cursor !== null && { cursor }) });
          walked.push(...hits.map(({ document }) => document.orderId));
          cursor = nextCursor;
          if (page < 3) await put({ orderId: `${sort}-${page}`, items: ['kettle'], totalCents: 500 + page });
        }
        assert.equal(new Set(walked).size, walked.length);
        assert.deepEqual(
          walked.filter((orderId) => before.includes(orderId)),
          before,
        );
      });
    }

    it('refuses a cursor that was changed or belongs to another sort', async () => {
      const { nextCursor } = await search({ q: 'lantern', size: 1 });
      assert.ok(nextCursor);
      const changed = (nextCursor.startsWith('W') ? 'X' : 'W') + nextCursor.slice(1);
      for (const [sort, cursor] of [
        ['relevance', changed],
        ['placedAt', nextCursor],
        ['relevance', ''],
        ['relevance', '%%%'],
      ] as const) {
        await assert.rejects(search({ sort, cursor }), InvalidCursorError);
      }
    });

    it('keeps the restriction whatever the cursor', async () => {
      const { nextCursor } = await search({ sort: 'totalCents', size: 1 });
      const rest = await ids({
        sort: 'totalCents',
        cursor: nextCursor!,
        restrictTo: { field: 'sellerId', value: 'S-2' },
      });
      assert.deepEqual(rest, ['GIFT']);
    });
  });
});
