import assert from 'node:assert/strict';
import type { AggregateDefinition, AggregateRow } from '../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../src/rollups/seller-daily.ts';
import {
  corrected,
  definitionOf,
  describeAggregates,
  erased,
  orderOf,
  paid,
  placed,
  refunded,
} from '../support/aggregate-stage.ts';
import { HOSTILE_SELLERS } from '../support/hostile-sellers.ts';

const DAY = '2026-03-01';
const NEXT_DAY = '2026-03-02';
const MOST = Number.MAX_SAFE_INTEGER;
const ZEROS = { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 };

describeAggregates('the rows of orders', (staged) => {
  async function computed(aggregate: AggregateDefinition, ...keys: readonly string[]): Promise<AggregateRow[]> {
    const { source } = staged().aggregates;
    await source.checkpoint(staged().orders);
    const rows = await source.compute(aggregate, staged().orders, keys);
    return rows.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }
  const lantern = (sku: string, name: string, quantity: number, unitPriceCents: number) => ({
    sku,
    name,
    quantity,
    unitPriceCents,
  });

  describe('when several orders contribute', () => {
    before(async () => {
      const [ann, bob] = [{ sellerId: 'ann' }, { sellerId: 'bob' }];
      await staged().write(
        orderOf('A', placed(DAY, ann), paid(DAY, 100), paid(DAY, 20), refunded(NEXT_DAY, 30), paid(NEXT_DAY, 7)),
        orderOf('B', placed(DAY, ann), paid(DAY, 1_000), refunded(DAY, 400, 'r-1'), refunded(DAY, 600, 'r-2')),
        orderOf('C', placed(DAY, bob), paid(DAY, 5)),
        orderOf('D', placed(DAY, { ...bob, currency: 'JPY' }), paid(DAY, 9)),
        orderOf('E', placed(DAY, ann)),
        orderOf('F', placed(DAY, ann), refunded(DAY, 11)),
      );
    });

    it('are their sums by day, currency and seller, of just the keys asked for', async () => {
      const keys = ['EUR|ann', 'EUR|bob', 'JPY|bob'].map((key) => `${DAY}|${key}`);
      const rows = await computed(definitionOf('plain', { products: false }), ...keys, `${NEXT_DAY}|EUR|ann`);
      const of = (day: string, currency: string, sellerId: string) => ({
        key: `${day}|${currency}|${sellerId}`,
        day,
        currency,
        sellerId,
      });
      assert.deepEqual(rows, [
        { ...of(DAY, 'EUR', 'ann'), orders: 2, revenueCents: 1_120, refundedCents: 1_011, refundCount: 3 },
        { ...of(DAY, 'EUR', 'bob'), orders: 1, revenueCents: 5, refundedCents: 0, refundCount: 0 },
        { ...of(DAY, 'JPY', 'bob'), orders: 1, revenueCents: 9, refundedCents: 0, refundCount: 0 },
        { ...of(NEXT_DAY, 'EUR', 'ann'), orders: 1, revenueCents: 7, refundedCents: 30, refundCount: 1 },
      ]);
    });

    it('are their sums over every seller where the aggregate has none, each row once', async () => {
      const rows = await computed(REVENUE_DAILY, `${DAY}|EUR|ann`, `${DAY}|EUR|bob`, `${DAY}|JPY|nobody`);
      assert.deepEqual(rows, [
        {
          key: `${DAY}|EUR`,
          day: DAY,
          currency: 'EUR',
          orders: 3,
          revenueCents: 1_125,
          refundedCents: 1_011,
          refundCount: 3,
        },
        { key: `${DAY}|JPY`, day: DAY, currency: 'JPY', ...ZEROS, orders: 1, revenueCents: 9 },
      ]);
    });

    it('are their sums by any other dimensions', async () => {
      const by = (...dimensions: AggregateDefinition['dimensions']) =>
        computed(definitionOf('other', { dimensions, products: false }), `${DAY}|EUR|bob`, `${NEXT_DAY}|EUR|ann`);
      assert.deepEqual(await by('sellerId'), [
        { key: 'ann', sellerId: 'ann', orders: 3, revenueCents: 1_127, refundedCents: 1_041, refundCount: 4 },
        { key: 'bob', sellerId: 'bob', orders: 2, revenueCents: 14, refundedCents: 0, refundCount: 0 },
      ]);
      assert.deepEqual(await by('currency', 'sellerId'), [
        {
          key: 'EUR|ann',
          currency: 'EUR',
          sellerId: 'ann',
          orders: 3,
          revenueCents: 1_127,
          refundedCents: 1_041,
          refundCount: 4,
        },
        { key: 'EUR|bob', currency: 'EUR', sellerId: 'bob', ...ZEROS, orders: 1, revenueCents: 5 },
      ]);
      assert.deepEqual(await by('day'), [
        { key: DAY, day: DAY, orders: 4, revenueCents: 1_134, refundedCents: 1_011, refundCount: 3 },
        { key: NEXT_DAY, day: NEXT_DAY, orders: 1, revenueCents: 7, refundedCents: 30, refundCount: 1 },
      ]);
    });

    it('are none where no key is asked for', async () => {
      assert.deepEqual(await computed(REVENUE_DAILY), []);
    });
  });

  describe('when nothing contributes any more', () => {
    it('are all zeros, without products', async () => {
      const steps = [placed(DAY, { sellerId: 'left' }), paid(DAY, 100), refunded(DAY, 1)];
      const bought = [placed(DAY, { sellerId: 'erased' }), paid(DAY, 100)];
      await staged().write(orderOf('moved', ...steps), orderOf('erased', ...bought));
      const keys = ['left', 'erased', 'nobody'].map((sellerId) => `${DAY}|EUR|${sellerId}`);
      const [erasedRow, leftRow] = await computed(SELLER_DAILY, ...keys);
      assert.deepEqual([erasedRow?.revenueCents, leftRow?.revenueCents], [100, 100]);
      assert.deepEqual([erasedRow?.products?.length, leftRow?.products?.length], [1, 1]);
      await staged().write(
        orderOf('moved', ...steps, corrected(DAY, { sellerId: 'found' })),
        orderOf('erased', ...bought, erased(DAY)),
      );
      assert.deepEqual(
        await computed(SELLER_DAILY, ...keys),
        ['erased', 'left', 'nobody'].map((sellerId) => ({
          key: `${DAY}|EUR|${sellerId}`,
          day: DAY,
          currency: 'EUR',
          sellerId,
          ...ZEROS,
          products: [],
        })),
      );
      const [found] = await computed(SELLER_DAILY, `${DAY}|EUR|found`);
      assert.deepEqual([found?.revenueCents, found?.refundedCents, found?.products?.length], [100, 1, 1]);
    });
  });

  describe('when products are sold', () => {
    it('have each SKU once, under the first of its names, on the day of the first capture', async () => {
      const seller = { sellerId: 'shop' };
      const [tall, wide] = [lantern('L-1', 'Lantern, tall', 2, 100), lantern('L-1', 'Lantern, wide', 1, 50)];
      await staged().write(
        orderOf('P', placed(DAY, { ...seller, items: [wide, tall, lantern('B', 'Bell', 3, 0)] }), paid(NEXT_DAY, 9)),
        orderOf(
          'Q',
          placed(DAY, { ...seller, items: [lantern('L-1', 'Lamp', 1, 7)] }),
          paid(NEXT_DAY, 1),
          paid(DAY, 1),
        ),
        orderOf('R', placed(DAY, { ...seller, items: [lantern('R', 'Refunded', 1, 7)] }), refunded(NEXT_DAY, 1)),
        orderOf('S', placed(DAY, { ...seller, currency: 'GBP' }), paid(NEXT_DAY, 1)),
      );
      const [first, next] = await computed(SELLER_DAILY, `${DAY}|EUR|shop`, `${NEXT_DAY}|EUR|shop`);
      assert.deepEqual(first?.products, []);
      assert.deepEqual(next?.products, [
        { sku: 'B', name: 'Bell', quantity: 3, revenueCents: 0 },
        { sku: 'L-1', name: 'Lamp', quantity: 4, revenueCents: 257 },
      ]);
    });

    it('compare names and SKUs by their UTF-8 bytes', async () => {
      const names = ['\u{1f3ee}', '\uff5e', 'ö', 'o\u0308', 'a\u0000b', 'a'];
      const seller = { sellerId: 'bytes' };
      await staged().write(
        ...['\u{1f3ee}', '\uff5e'].map((name) =>
          orderOf(`name ${name}`, placed(DAY, { ...seller, items: [lantern('X', name, 1, 1)] }), paid(DAY, 1)),
        ),
        orderOf('names', placed(DAY, { ...seller, items: names.map((sku) => lantern(sku, sku, 1, 1)) }), paid(DAY, 1)),
      );
      const [row] = await computed(SELLER_DAILY, `${DAY}|EUR|bytes`);
      assert.deepEqual(
        row?.products?.map(({ sku, name }) => [sku, name]),
        [['X', '\uff5e'], ...['a', 'a\u0000b', 'o\u0308', 'ö', '\uff5e', '\u{1f3ee}'].map((sku) => [sku, sku])],
      );
    });

    it('have all of them, however many there are', async () => {
      const items = Array.from({ length: 500 }, (_, number) => lantern(`M-${number + 1_000}`, 'Many', 1, number));
      const orders = [0, 1, 2, 3].map((shift) =>
        orderOf(
          `many ${shift}`,
          placed(DAY, { sellerId: 'many', items: items.map((item) => ({ ...item, sku: `${item.sku}-${shift % 3}` })) }),
          paid(DAY, 1),
        ),
      );
      await staged().write(...orders);
      const [row] = await computed(SELLER_DAILY, `${DAY}|EUR|many`);
      assert.equal(row?.products?.length, 1_500);
      assert.deepEqual(row.products[0], { sku: 'M-1000-0', name: 'Many', quantity: 2, revenueCents: 0 });
      assert.deepEqual(row.products.at(-1), { sku: 'M-1499-2', name: 'Many', quantity: 1, revenueCents: 499 });
    });
  });

  describe('when sellers have ids that look like something else', () => {
    it('are of one seller each', async () => {
      const day = '2026-04-01';
      await staged().write(
        ...HOSTILE_SELLERS.map((sellerId, number) =>
          orderOf(`H-${number}`, placed(day, { sellerId }), paid(day, number + 1)),
        ),
      );
      const keys = HOSTILE_SELLERS.map((sellerId) => `${day}|EUR|${sellerId}`);
      const rows = await computed(definitionOf('hostile', { products: false }), ...keys);
      assert.deepEqual(
        new Map(rows.map(({ sellerId = '', orders, revenueCents }) => [sellerId, [orders, revenueCents]])),
        new Map(HOSTILE_SELLERS.map((sellerId, number) => [sellerId, [1, number + 1]])),
      );
    });
  });

  describe('when sums are big', () => {
    it('are exact up to 2^53 - 1, and stop there', async () => {
      const big = (orderId: string, sellerId: string, cents: number) =>
        orderOf(
          orderId,
          placed(DAY, { sellerId, items: [lantern('X', 'X', 1, cents)] }),
          paid(DAY, cents),
          refunded(DAY, cents),
        );
      await staged().write(
        big('V', 'exact', MOST - 3),
        big('W', 'exact', 1),
        big('W2', 'exact', 1),
        big('X', 'beyond', MOST),
        big('Y', 'beyond', MOST),
        big('Z', 'beyond', 1),
      );
      const rows = await computed(SELLER_DAILY, `${DAY}|EUR|exact`, `${DAY}|EUR|beyond`);
      const cents = (most: number) => [most, most, most];
      assert.deepEqual(
        rows.map(({ revenueCents, refundedCents, products }) => [
          revenueCents,
          refundedCents,
          products?.[0]?.revenueCents,
        ]),
        [cents(MOST), cents(MOST - 1)],
      );
    });
  });
});
