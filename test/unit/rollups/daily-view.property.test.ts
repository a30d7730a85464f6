import assert from 'node:assert/strict';
import fc from 'fast-check';
import { countDays, firstInstantOf, plusDays } from '../../../src/order/day.ts';
import type { AggregateRow } from '../../../src/order-index/aggregates-port.ts';
import { dailyRows, totalsOf } from '../../../src/rollups/daily-view.ts';
import type { DailyRow, DailyView } from '../../../src/rollups/daily-view.ts';
import { dailyRow } from './aggregate-rows.ts';

const START = '2024-02-25';
const SPAN = 12;
const CURRENCIES = ['EUR', 'GBP', 'JPY', 'USD'];

const day = fc.integer({ min: 0, max: SPAN - 1 }).map((days) => plusDays(START, days));
const currency = fc.constantFrom(...CURRENCIES);
const amount = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_000_000 }));
const measures = fc.record({
  ...{ orders: fc.integer({ min: 0, max: 3 }), revenueCents: amount },
  ...{ refundedCents: amount, refundCount: fc.integer({ min: 0, max: 2 }) },
});
const row = fc.tuple(day, currency, measures).map((values) => dailyRow(...values));
const rowsOf = fc.uniqueArray(row, { selector: ({ key }) => key, maxLength: 30 });
const watermark = fc.option(
  fc.integer({ min: -24, max: (SPAN + 1) * 24 }).map((hours) => {
    return new Date(Date.parse(firstInstantOf(START)) + hours * 3_600_000).toISOString();
  }),
  { nil: undefined },
);
const viewOf = fc
  .record({ a: day, b: day, currencies: fc.array(currency, { maxLength: 3 }), watermark })
  .map(({ a, b, ...rest }): DailyView => ({ from: a < b ? a : b, to: a < b ? b : a, ...rest }));

/** Those that a store gives for a view. */
function inRange(rows: readonly AggregateRow[], { from, to }: DailyView): AggregateRow[] {
  return rows.filter(({ day: of = '' }) => of >= from && of <= to);
}

const place = ({ day: of, currency: code }: { day?: string; currency?: string }) => `${of ?? ''} ${code ?? ''}`;
const inEuro = (rows: readonly DailyRow[]) => rows.filter(({ currency: code }) => code === 'EUR');

describe('the rows of days, whatever is kept', () => {
  it('are each day in each currency that is asked for or present, once, in order', () => {
    fc.assert(
      fc.property(rowsOf, viewOf, (all, view) => {
        const rows = inRange(all, view);
        const told = dailyRows(rows, view);
        const present = rows.filter(({ orders, refundCount }) => orders + refundCount > 0).map((of) => of.currency);
        const expected = new Set(view.currencies.length > 0 ? view.currencies : present);
        assert.deepEqual(new Set(told.map((of) => of.currency)), expected);
        assert.equal(told.length, expected.size * countDays(view.from, view.to));
        assert.deepEqual(told.map(place), [...new Set(told.map(place))].sort());
      }),
    );
  });

  it('say of a day what is kept of it, or zeros', () => {
    fc.assert(
      fc.property(rowsOf, viewOf, (all, view) => {
        const kept = new Map(inRange(all, view).map((of) => [place(of), of]));
        for (const { orders, revenueCents, refundedCents, refundCount, netCents, ...of } of dailyRows([...kept.values()], view)) {
          const { orders: n = 0, revenueCents: came = 0, refundedCents: went = 0, refundCount: times = 0 } = kept.get(place(of)) ?? {};
          assert.deepEqual([orders, revenueCents, refundedCents, refundCount, netCents], [n, came, went, times, came - went]);
        }
      }),
    );
  }); // prettier-ignore

  it('are final from the first day up to the watermark, and only these', () => {
    fc.assert(
      fc.property(rowsOf, viewOf, (all, view) => {
        for (const { day: of, final } of dailyRows(inRange(all, view), view)) {
          assert.equal(final, view.watermark !== undefined && view.watermark >= firstInstantOf(plusDays(of, 1)));
        }
      }),
    );
  });

  it('do not change, nor do the totals, with what there is in other currencies', () => {
    fc.assert(
      fc.property(rowsOf, viewOf, (all, view) => {
        const rows = inRange(all, view);
        const alone = dailyRows(
          rows.filter(({ currency: code }) => code === 'EUR'),
          view,
        );
        const among = dailyRows(rows, view);
        assert.deepEqual(inEuro(among), inEuro(alone));
        const ofEuro = (days: readonly DailyRow[]) => totalsOf(days).find(({ currency: code }) => code === 'EUR');
        assert.deepEqual(ofEuro(among), ofEuro(alone));
      }),
    );
  });

  it('have totals that are what was kept, added up', () => {
    fc.assert(
      fc.property(rowsOf, viewOf, (all, view) => {
        const rows = inRange(all, view);
        const totals = totalsOf(dailyRows(rows, view));
        assert.deepEqual(totals.map((of) => of.currency), totals.map((of) => of.currency).sort());
        for (const { currency: code, ...total } of totals) {
          const [came, went] = [sumOf(rows, code, 'revenueCents'), sumOf(rows, code, 'refundedCents')];
          assert.deepEqual(total, {
            ...{ orders: sumOf(rows, code, 'orders'), revenueCents: came, refundedCents: went, netCents: came - went },
            ...{ refundCount: sumOf(rows, code, 'refundCount'), refundRate: came > 0 ? went / came : null },
          });
        }
      }),
    );
  }); // prettier-ignore
});

function sumOf(rows: readonly AggregateRow[], code: string, measure: 'orders' | 'revenueCents' | 'refundedCents' | 'refundCount') {
  return rows.reduce((before, of) => before + (of.currency === code ? of[measure] : 0), 0);
} // prettier-ignore
