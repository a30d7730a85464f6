import assert from 'node:assert/strict';
import type {
  AggregateDefinition,
  AggregateRow,
  AggregateStore,
  RowQuery,
  TopProduct,
} from '../../../src/order-index/aggregates-port.ts';
import { AggregatesNotBuiltError, IndexUnavailableError } from '../../../src/order-index/port.ts';
import { createAggregateReader } from '../../../src/rollups/reader.ts';
import type { AggregateProgress } from '../../../src/rollups/reader.ts';
import { REVENUE_DAILY } from '../../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../../src/rollups/seller-daily.ts';
import { dailyRow } from './aggregate-rows.ts';

const PROGRESS: AggregateProgress = {
  ...{ asOf: '2026-03-03T10:00:00.000Z', watermark: '2026-03-02T00:00:00.000Z', keptFrom: undefined },
};
const LANTERN: TopProduct = { sku: 'LAN-1', name: 'Lantern', currency: 'EUR', quantity: 2, revenueCents: 100 };
const RANGE = { from: '2026-03-01', to: '2026-03-02' };
const signal = new AbortController().signal;

/** A reader over rows, and what it did, in order. */
function readerOver(rows: readonly AggregateRow[], reached: readonly (AggregateProgress | undefined)[] = [PROGRESS]) {
  const did: unknown[] = [];
  const left = [...reached];
  const storeOf = ({ name }: AggregateDefinition) => ({
    rows: (query: RowQuery, of?: AbortSignal) => {
      did.push(['rows', name, query, of === signal]);
      return Promise.resolve(rows);
    },
    topProducts: (query: RowQuery & { readonly size: number }, of?: AbortSignal) => {
      did.push(['topProducts', name, query, of === signal]);
      return Promise.resolve([LANTERN]);
    },
  });
  const reader = createAggregateReader({
    stores: { store: (definition) => storeOf(definition) as unknown as AggregateStore },
    progress: (aggregate) => {
      did.push(['progress', aggregate]);
      return Promise.resolve(left.length > 1 ? left.shift() : left[0]);
    },
  });
  return { reader, did };
}

describe('the reader of aggregates', () => {
  it('tells the revenue of each day, as of a moment before the rows were read', async () => {
    const { reader, did } = readerOver([dailyRow('2026-03-01', 'EUR')]);
    const { days, ...standing } = await reader.revenueDaily({ ...RANGE, currencies: [] }, signal);
    assert.deepEqual(
      days.map(({ day, orders, final }) => [day, orders, final]),
      [['2026-03-01', 1, true], ['2026-03-02', 0, false]],
    ); // prettier-ignore
    assert.deepEqual(standing, { asOf: PROGRESS.asOf });
    assert.deepEqual(did, [['progress', REVENUE_DAILY.name], ['rows', REVENUE_DAILY.name, RANGE, true]]); // prettier-ignore
  });

  it('asks for the currencies that are asked for', async () => {
    const { reader, did } = readerOver([]);
    const { days } = await reader.revenueDaily({ ...RANGE, currencies: ['JPY'] }, signal);
    assert.deepEqual(did.at(-1), ['rows', REVENUE_DAILY.name, { ...RANGE, currencies: ['JPY'] }, true]);
    assert.deepEqual(days.map(({ currency }) => currency), ['JPY', 'JPY']); // prettier-ignore
  });

  it("tells a seller's days, totals and ten products", async () => {
    const { reader, did } = readerOver([
      dailyRow('2026-03-01', 'EUR', { refundedCents: 25, refundCount: 1 }),
      dailyRow('2026-03-02', 'EUR'),
    ]);
    const { days, totals, topProducts, ...standing } = await reader.sellerDashboard({ ...RANGE, sellerId: 'S-1', currencies: [] }, signal);
    assert.equal(days.length, 2);
    assert.deepEqual(totals, [
      { currency: 'EUR', orders: 2, revenueCents: 200, refundedCents: 25, netCents: 175, refundCount: 1, refundRate: 0.125 },
    ]);
    assert.deepEqual(topProducts, [LANTERN]);
    assert.deepEqual(standing, { asOf: PROGRESS.asOf });
    assert.deepEqual(did, [
      ['progress', SELLER_DAILY.name],
      ['rows', SELLER_DAILY.name, { ...RANGE, sellerId: 'S-1' }, true],
      ['topProducts', SELLER_DAILY.name, { ...RANGE, sellerId: 'S-1', size: 10 }, true],
    ]);
  }); // prettier-ignore

  describe('when nothing was derived yet', () => {
    it('says so, and reads nothing', async () => {
      const { reader, did } = readerOver([], [undefined]);
      for (const answer of [
        () => reader.revenueDaily({ ...RANGE, currencies: [] }, signal),
        () => reader.sellerDashboard({ ...RANGE, sellerId: 'S-1', currencies: [] }, signal),
      ]) {
        await assert.rejects(answer, (error) => {
          assert.ok(error instanceof AggregatesNotBuiltError && error instanceof IndexUnavailableError);
          assert.match(error.message, /built for the first time/);
          return true;
        });
      }
      assert.deepEqual(did, [['progress', REVENUE_DAILY.name], ['progress', SELLER_DAILY.name]]); // prettier-ignore
    });
  });

  describe('when days are kept for a while only', () => {
    const kept = (keptFrom: string) => ({ ...PROGRESS, keptFrom });

    it('has no row of those before, and says from which one on there is any', async () => {
      const { reader, did } = readerOver([dailyRow('2026-03-02', 'EUR')], [kept('2026-03-02')]);
      const { days, ...standing } = await reader.revenueDaily({ ...RANGE, currencies: ['EUR'] }, signal);
      assert.deepEqual(days.map(({ day }) => day), ['2026-03-02']); // prettier-ignore
      assert.deepEqual(standing, { asOf: PROGRESS.asOf, keptFrom: '2026-03-02' });
      assert.deepEqual(did[1], ['rows', REVENUE_DAILY.name, { from: '2026-03-02', to: '2026-03-02', currencies: ['EUR'] }, true]);
    }); // prettier-ignore

    it('has none of a range that lies before', async () => {
      const { reader } = readerOver([], [kept('2026-04-01')]);
      const answer = await reader.revenueDaily({ ...RANGE, currencies: ['EUR'] }, signal);
      assert.deepEqual(answer, { days: [], asOf: PROGRESS.asOf, keptFrom: '2026-04-01' });
    });

    it('has no zeros for a day that is dropped while it reads', async () => {
      const { reader } = readerOver([dailyRow('2026-03-02', 'EUR')], [kept('2026-02-01'), kept('2026-03-02')]);
      const { days, totals, keptFrom } = await reader.sellerDashboard(
        { ...RANGE, sellerId: 'S-1', currencies: [] },
        signal,
      );
      assert.deepEqual([days.map(({ day }) => day), totals[0]?.orders], [['2026-03-02'], 1]);
      assert.equal(keptFrom, '2026-03-02');
    });
  });
});
