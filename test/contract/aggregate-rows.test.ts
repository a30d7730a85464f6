import assert from 'node:assert/strict';
import { compareOrderIds as compareBytes, rowKey } from '../../src/order-index/port.ts';
import type { AggregateRow, AggregateStore, ProductSales, RowQuery } from '../../src/order-index/port.ts';
import { definitionOf, describeAggregates } from '../support/aggregate-stage.ts';
import { HOSTILE_SELLERS } from '../support/hostile-sellers.ts';

const MOST = Number.MAX_SAFE_INTEGER;

function row(key: string, revenueCents: number, ...products: readonly ProductSales[]): AggregateRow {
  const [day = '', currency = '', ...seller] = key.split('|');
  const of = { day, currency, sellerId: seller.join('|') };
  const measures = { orders: 1, revenueCents, refundedCents: 0, refundCount: 0 };
  return { key: rowKey(['day', 'currency', 'sellerId'], of), ...of, ...measures, products };
}

const sold = (sku: string, revenueCents: number, quantity = 1, name = sku): ProductSales => ({
  sku,
  name,
  quantity,
  revenueCents,
});

describeAggregates('rows of an aggregate', (staged) => {
  let made = 0;
  /** A store of an aggregate of its own, whose live generation has these rows. */
  async function storeOf(rows: readonly AggregateRow[]): Promise<AggregateStore> {
    made += 1;
    const store = staged().aggregates.store(definitionOf(`read-${made}`));
    await store.create(1);
    const [generation] = await store.list();
    assert.ok(generation);
    await store.write(generation.name, rows, 1);
    await store.activate(generation.name, undefined);
    return store;
  }

  describe('when they are asked for', () => {
    const ROWS = [
      row('2026-03-02|EUR|ann', 1),
      row('2026-03-01|USD|ann', 2),
      row('2026-03-01|EUR|bob', 3),
      row('2026-03-01|EUR|ann', 0),
      row('2026-03-03|EUR|a|b', 5),
    ];
    const shown = ({ products: _, ...told }: AggregateRow) => told;
    let store: AggregateStore;
    before(async () => {
      store = await storeOf(ROWS);
    });
    const keysOf = async (query: RowQuery) => (await store.rows(query)).map(({ key }) => key);

    it('come by day, currency and seller, whole but for their products', async () => {
      const [secondDay, dollars, bob, ann, third] = ROWS.map(shown);
      assert.deepEqual(await store.rows({}), [ann, bob, dollars, secondDay, third]);
    });

    it('are those of the days, both included', async () => {
      assert.deepEqual(await keysOf({ from: '2026-03-02' }), ['2026-03-02|EUR|ann', '2026-03-03|EUR|a|b']);
      assert.deepEqual(await keysOf({ to: '2026-03-02', from: '2026-03-02' }), ['2026-03-02|EUR|ann']);
      assert.equal((await keysOf({ to: '2026-03-01' })).length, 3);
      assert.deepEqual(await keysOf({ from: '2026-03-04' }), []);
    });

    it('are those of the seller', async () => {
      assert.deepEqual(await keysOf({ sellerId: 'a|b' }), ['2026-03-03|EUR|a|b']);
      assert.deepEqual(await keysOf({ sellerId: 'a' }), []);
      assert.deepEqual(await keysOf({ sellerId: 'ANN' }), []);
      assert.equal((await keysOf({ sellerId: 'ann' })).length, 3);
    });

    it('are those of one of the currencies', async () => {
      assert.deepEqual(await keysOf({ currencies: ['USD'] }), ['2026-03-01|USD|ann']);
      assert.equal((await keysOf({ currencies: ['USD', 'EUR', 'GBP'] })).length, 5);
      assert.deepEqual(await keysOf({ currencies: [] }), []);
    });

    it('are those for which all of it is so', async () => {
      const all = { from: '2026-03-01', to: '2026-03-02', sellerId: 'ann', currencies: ['EUR'] };
      assert.deepEqual(await keysOf(all), ['2026-03-01|EUR|ann', '2026-03-02|EUR|ann']);
    });

    it('are none by a dimension that the aggregate does not have', async () => {
      made += 1;
      const bySeller = staged().aggregates.store(
        definitionOf(`read-${made}`, { dimensions: ['sellerId'], products: false }),
      );
      await bySeller.create(1);
      const [generation] = await bySeller.list();
      const told = { key: 'ann', sellerId: 'ann', orders: 1, revenueCents: 2, refundedCents: 3, refundCount: 4 };
      await bySeller.write(generation?.name ?? '', [told], 1);
      await bySeller.activate(generation?.name ?? '', undefined);
      assert.deepEqual(await bySeller.rows({ sellerId: 'ann' }), [told]);
      assert.deepEqual(await bySeller.rows({ from: '2000-01-01' }), []);
      assert.deepEqual(await bySeller.rows({ to: '3000-01-01' }), []);
      assert.deepEqual(await bySeller.rows({ currencies: ['EUR'] }), []);
    });
  });

  describe('when sellers have ids that look like something else', () => {
    it('are of one seller each, in the order of their bytes', async () => {
      const rows = HOSTILE_SELLERS.map((sellerId, number) =>
        row(`2026-03-01|EUR|${sellerId}`, number, sold('L', number)),
      );
      const store = await storeOf(rows.toReversed());
      const sellers = (await store.rows({})).map(({ sellerId }) => sellerId);
      assert.deepEqual(sellers, HOSTILE_SELLERS.toSorted(compareBytes));
      assert.notDeepEqual(sellers, HOSTILE_SELLERS.toSorted());
      for (const [number, { sellerId = '' }] of rows.entries()) {
        assert.deepEqual(
          (await store.rows({ sellerId })).map(({ revenueCents }) => revenueCents),
          [number],
        );
        assert.deepEqual(await store.topProducts({ sellerId, size: 5 }), [{ ...sold('L', number), currency: 'EUR' }]);
      }
    });
  });

  describe('when they are asked for one after the other', () => {
    async function walked(store: AggregateStore, size: number): Promise<AggregateRow[]> {
      const listed: AggregateRow[] = [];
      for (;;) {
        const page = await store.wholeRows({ after: listed.at(-1)?.key, size });
        assert.ok(page.length <= size);
        if (page.length === 0) return listed;
        listed.push(...page);
      }
    }

    it('come whole, in the order of the bytes of their keys', async () => {
      const rows = HOSTILE_SELLERS.map((sellerId, number) =>
        row(`2026-03-01|EUR|${sellerId}`, number, ...(number % 2 === 0 ? [] : [sold('L', number)])),
      );
      const store = await storeOf(rows);
      const expected = rows.toSorted((a, b) => compareBytes(a.key, b.key));
      assert.notDeepEqual(
        expected,
        rows.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      );
      for (const size of [1, 7, 100]) assert.deepEqual(await walked(store, size), expected);
    });

    it('come without products where the aggregate has none', async () => {
      made += 1;
      const definition = definitionOf(`read-${made}`, { dimensions: ['day'], products: false });
      const store = staged().aggregates.store(definition);
      await store.create(1);
      const [generation] = await store.list();
      const day = '2026-03-01';
      const told = { key: day, day, orders: 1, revenueCents: 2, refundedCents: 3, refundCount: 4 };
      await store.write(generation?.name ?? '', [told], 1);
      await store.activate(generation?.name ?? '', undefined);
      assert.deepEqual(await walked(store, 10), [told]);
    });
  });

  describe('when numbers are big', () => {
    it('are kept to the last digit', async () => {
      const big = { orders: MOST, revenueCents: MOST - 1, refundedCents: MOST - 2, refundCount: MOST - 3 };
      const store = await storeOf([{ ...row('2026-03-01|EUR|big', 0, sold('L', MOST, MOST - 1)), ...big }]);
      const [{ key: _, day: __, currency: ___, sellerId: ____, ...kept } = row('||', 0)] = await store.rows({});
      assert.deepEqual(kept, big);
      assert.deepEqual(await store.topProducts({ size: 1 }), [{ ...sold('L', MOST, MOST - 1), currency: 'EUR' }]);
    });
  });

  describe('when the best products are asked for', () => {
    const [ann, bob] = ['ann', 'bob'];
    let store: AggregateStore;
    before(async () => {
      store = await storeOf([
        row(`2026-03-01|EUR|${ann}`, 0, sold('b', 10), sold('c', 10, 5, 'Zeder'), sold('free', 0)),
        row(`2026-03-02|EUR|${ann}`, 0, sold('a', 5, 2), sold('c', 1, 1, 'Öl'), sold('c|d', 3)),
        row(`2026-03-02|USD|${ann}`, 0, sold('a', 10), sold('b', 10)),
        row(`2026-03-02|EUR|${bob}`, 0, sold('a', 100), sold('\u{1f3ee}', 3), sold('\uff5e', 3)),
      ]);
    });
    const told = async (query: RowQuery & { size: number }) =>
      (await store.topProducts(query)).map(({ sku, currency, revenueCents }) => `${sku} ${currency} ${revenueCents}`);

    it('are added up over days, each currency for itself, and ties are in the order of SKU and currency', async () => {
      assert.deepEqual(await told({ sellerId: ann, size: 10 }), [
        'c EUR 11',
        'a USD 10',
        'b EUR 10',
        'b USD 10',
        'a EUR 5',
        'c|d EUR 3',
        'free EUR 0',
      ]);
      assert.deepEqual(await told({ sellerId: ann, size: 3 }), ['c EUR 11', 'a USD 10', 'b EUR 10']);
      assert.deepEqual(await store.topProducts({ sellerId: ann, size: 1 }), [
        { sku: 'c', name: 'Zeder', currency: 'EUR', quantity: 6, revenueCents: 11 },
      ]);
    });

    it('are added up over sellers, and compared by bytes', async () => {
      const days = { from: '2026-03-02', to: '2026-03-02' };
      assert.deepEqual(await told({ ...days, currencies: ['EUR'], size: 5 }), [
        'a EUR 105',
        'c|d EUR 3',
        '\uff5e EUR 3',
        '\u{1f3ee} EUR 3',
        'c EUR 1',
      ]);
      assert.deepEqual(await told({ sellerId: ann, currencies: ['USD'], to: '2026-03-01', size: 5 }), []);
    });

    it('are right where more are sold than are asked for, on any day', async () => {
      // On each day another thousand sell better than the one that is best over all days.
      const days = ['01', '02', '03'].map((day, at) =>
        row(
          `2026-03-${day}|EUR|many`,
          0,
          ...Array.from({ length: 1_000 }, (_, number) => sold(`D${at}-${number}`, 100 + (number % 7))),
          sold('steady', 90),
        ),
      );
      const many = await storeOf(days);
      const best = await many.topProducts({ size: 3 });
      assert.deepEqual(
        best.map(({ sku, revenueCents }) => [sku, revenueCents]),
        [
          ['steady', 270],
          ['D0-104', 106],
          ['D0-111', 106],
        ],
      );
    });

    it('stop at 2^53 - 1', async () => {
      const rich = await storeOf([
        row('2026-03-01|EUR|ann', 0, sold('b', MOST, MOST)),
        row('2026-03-02|EUR|ann', 0, sold('b', 1, 2)),
      ]);
      assert.deepEqual(await rich.topProducts({ size: 2 }), [{ ...sold('b', MOST, MOST), currency: 'EUR' }]);
    });
  });
});
