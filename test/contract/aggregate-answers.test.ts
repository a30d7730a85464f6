import assert from 'node:assert/strict';
import { createClient, OrderSearchProblem } from '../../src/client/index.ts';
import type { OrderSearchClient } from '../../src/client/index.ts';
import type { AggregateReads } from '../../src/http/dependencies.ts';
import type { DocumentWrite, OrderIndex } from '../../src/order-index/port.ts';
import { createAggregateReader } from '../../src/rollups/reader.ts';
import { corrected, erased, orderOf, paid, placed, refunded } from '../support/aggregate-stage.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { deriveAggregates } from '../support/derived-aggregates.ts';
import type { Derived } from '../support/derived-aggregates.ts';
import { serveIndex } from '../support/served-index.ts';
import type { ServedIndex } from '../support/served-index.ts';

const AS_OF = '2026-03-05T00:00:00.000Z';
const item = (sku: string, quantity: number, unitPriceCents: number) => ({
  sku,
  name: `${sku}!`,
  quantity,
  unitPriceCents,
});

/** In March 2026, by default of S-1: two currencies, a refund days later, one that left, one that was erased, one never paid. */
const ORDERS: readonly DocumentWrite[] = [
  orderOf('A', placed('2026-03-01', { items: [item('LAN', 2, 300), item('TEA', 1, 400)] }), paid('2026-03-01T23:59:59.999Z', 600), paid('2026-03-02T00:00:00.000Z', 400), refunded('2026-03-03', 250)),
  orderOf('B', placed('2026-03-02', { items: [item('TEA', 1, 500)] }), paid('2026-03-02', 500)),
  orderOf('C', placed('2026-03-02', { currency: 'JPY', items: [item('LAN', 9, 100)] }), paid('2026-03-03', 900), refunded('2026-03-03', 900)),
  orderOf('D', placed('2026-03-02', { currency: 'CHF' }), paid('2026-03-02', 100), corrected('2026-03-02', { sellerId: 'S-2' })),
  orderOf('E', placed('2026-03-02', { currency: 'USD' }), paid('2026-03-02', 100), erased('2026-03-03')),
  orderOf('F', placed('2026-03-02', { currency: 'GBP' })),
]; // prettier-ignore

describeForEachBackend('revenue and dashboards, asked for over HTTP', (backend) => {
  const places: IndexPlace[] = [];
  const served: ServedIndex[] = [];

  after(async () => {
    for (const one of served) await one.close();
    for (const place of places) await place.remove();
  });

  async function indexed(orders: readonly DocumentWrite[]): Promise<OrderIndex> {
    const place = backend.index();
    places.push(place);
    const index = place.instance();
    await index.open();
    await index.write((await index.registry()).live, orders, 'live');
    return index;
  }

  async function serving(index: OrderIndex, aggregates: AggregateReads): Promise<OrderSearchClient> {
    const one = await serveIndex(index, { aggregates });
    served.push(one);
    return createClient({ url: one.url, attempts: 1 });
  }

  describe('when they are derived', () => {
    let index: OrderIndex;
    const derived: Derived = { asOf: AS_OF, watermark: '2026-03-03T00:00:00.000Z' };
    let client: OrderSearchClient;

    before(async () => {
      index = await indexed(ORDERS);
      client = await serving(index, await deriveAggregates(index, derived));
    });

    it('tell each day in each currency, with zeros, final up to the watermark', async () => {
      const answer = await client.revenueDaily({ from: '2026-02-28', to: '2026-03-03' });
      assert.deepEqual(
        answer.days.map(({ day, currency, orders, revenueCents, refundedCents, refundCount, netCents, final }) =>
          [day, currency, orders, revenueCents, refundedCents, refundCount, netCents, final].join(' ')),
        [
          '2026-02-28 CHF 0 0 0 0 0 true', '2026-02-28 EUR 0 0 0 0 0 true', '2026-02-28 JPY 0 0 0 0 0 true',
          '2026-03-01 CHF 0 0 0 0 0 true', '2026-03-01 EUR 1 600 0 0 600 true', '2026-03-01 JPY 0 0 0 0 0 true',
          '2026-03-02 CHF 1 100 0 0 100 true', '2026-03-02 EUR 2 900 0 0 900 true', '2026-03-02 JPY 0 0 0 0 0 true',
          '2026-03-03 CHF 0 0 0 0 0 false', '2026-03-03 EUR 0 0 250 1 -250 false', '2026-03-03 JPY 1 900 900 1 0 false',
        ],
      );
      assert.deepEqual([answer.asOf, answer.keptFrom], [AS_OF, undefined]);
      assert.ok(answer.lagSeconds > 0);
    }); // prettier-ignore

    it('tell the currencies that are asked for, there or not', async () => {
      const { days } = await client.revenueDaily({ from: '2026-03-03', to: '2026-03-03', currency: ['USD', 'JPY'] });
      assert.deepEqual(days.map(({ currency, orders }) => [currency, orders]), [['JPY', 1], ['USD', 0]]); // prettier-ignore
    });

    it("tell a seller's totals and products, of each currency for itself", async () => {
      const answer = await client.sellerDashboard('S-1', { from: '2026-03-01', to: '2026-03-03' });
      assert.deepEqual(answer?.totals, [
        { currency: 'EUR', orders: 3, revenueCents: 1_500, refundedCents: 250, netCents: 1_250, refundCount: 1, refundRate: 250 / 1_500 },
        { currency: 'JPY', orders: 1, revenueCents: 900, refundedCents: 900, netCents: 0, refundCount: 1, refundRate: 1 },
      ]);
      assert.deepEqual(answer.topProducts, [
        { sku: 'LAN', name: 'LAN!', currency: 'JPY', quantity: 9, revenueCents: 900 },
        { sku: 'TEA', name: 'TEA!', currency: 'EUR', quantity: 2, revenueCents: 900 },
        { sku: 'LAN', name: 'LAN!', currency: 'EUR', quantity: 2, revenueCents: 600 },
      ]);
      assert.equal(answer.days.length, 3 * 2);
    }); // prettier-ignore

    it("tell a seller's totals and products in the currency that is asked for", async () => {
      const days = { from: '2026-03-01', to: '2026-03-03' };
      const answer = await client.sellerDashboard('S-1', { ...days, currency: 'EUR' });
      assert.deepEqual(answer?.totals.map(({ currency, orders }) => [currency, orders]), [['EUR', 3]]);
      assert.deepEqual(answer.topProducts.map(({ sku, currency }) => [sku, currency]), [['TEA', 'EUR'], ['LAN', 'EUR']]);
      assert.equal(answer.days.length, 3);
      assert.deepEqual((await client.sellerDashboard('S-1', { ...days, currency: 'CHF' }))?.topProducts, []);
    }); // prettier-ignore

    it('tell of a range only what belongs to it', async () => {
      const answer = await client.sellerDashboard('S-1', { from: '2026-03-02', to: '2026-03-02' });
      assert.deepEqual(answer?.totals.map(({ currency, orders, revenueCents }) => [currency, orders, revenueCents]), [['EUR', 2, 900]]);
      assert.deepEqual(answer.topProducts.map(({ sku, revenueCents }) => [sku, revenueCents]), [['TEA', 500]]);
    }); // prettier-ignore

    it('tell of a seller to whom an order has come, and nothing of one of whom nothing is known', async () => {
      const days = { from: '2026-03-01', to: '2026-03-03' };
      assert.deepEqual((await client.sellerDashboard('S-2', days))?.totals.map(({ currency }) => currency), ['CHF']);
      const { asOf, lagSeconds, ...nothing } = (await client.sellerDashboard('S-3', days)) ?? {};
      assert.deepEqual(nothing, { days: [], totals: [], topProducts: [] });
      assert.ok(asOf === AS_OF && lagSeconds !== undefined);
    }); // prettier-ignore

    it('tell ten products, of more', async () => {
      const many = Array.from({ length: 12 }, (_, n) => item(`P-${n}`, 1, 100 + n));
      const order = orderOf('many', placed('2026-04-01', { sellerId: 'S-9', items: many }), paid('2026-04-01', 1));
      await index.write((await index.registry()).live, [order], 'live');
      await deriveAggregates(index, derived);
      const answer = await client.sellerDashboard('S-9', { from: '2026-04-01', to: '2026-04-01' });
      assert.deepEqual(
        answer?.topProducts.map(({ revenueCents }) => revenueCents),
        [111, 110, 109, 108, 107, 106, 105, 104, 103, 102],
      );
    });

    it('have no row of days that are not kept', async () => {
      const kept = await serving(index, await deriveAggregates(index, { ...derived, keptFrom: '2026-03-02' }));
      const answer = await kept.revenueDaily({ from: '2026-02-28', to: '2026-03-02', currency: 'EUR' });
      assert.deepEqual([answer.days.map(({ day }) => day), answer.keptFrom], [['2026-03-02'], '2026-03-02']);
      const dashboard = await kept.sellerDashboard('S-1', { from: '2026-03-01', to: '2026-03-02' });
      assert.deepEqual([dashboard?.totals[0]?.orders, dashboard?.topProducts.map(({ sku }) => sku)], [2, ['TEA']]);
    });
  });

  it('are refused, and not empty, before they are derived for the first time', async () => {
    const index = await indexed(ORDERS);
    const progress = () => Promise.resolve(undefined);
    const client = await serving(index, createAggregateReader({ stores: index.aggregates, progress }));
    for (const answer of [client.revenueDaily(), client.sellerDashboard('S-1')]) {
      await assert.rejects(answer, (error) => {
        assert.ok(error instanceof OrderSearchProblem);
        assert.deepEqual([error.status, error.retryAfterSeconds], [503, 2]);
        assert.match(error.message, /for the first time/);
        return true;
      });
    }
  });
});
