import assert from 'node:assert/strict';
import { dailyRows, totalsOf } from '../../../src/rollups/daily-view.ts';
import type { DailyView } from '../../../src/rollups/daily-view.ts';
import { dailyRow } from './aggregate-rows.ts';

const VIEW: DailyView = { from: '2026-02-28', to: '2026-03-01', currencies: [], watermark: undefined };

describe('the rows of days', () => {
  it('have a row of zeros where there is nothing, by day, then currency', () => {
    const rows = dailyRows([dailyRow('2026-03-01', 'USD'), dailyRow('2026-02-28', 'EUR')], VIEW);
    assert.deepEqual(
      rows.map(({ day, currency, orders }) => [day, currency, orders]),
      [['2026-02-28', 'EUR', 1], ['2026-02-28', 'USD', 0], ['2026-03-01', 'EUR', 0], ['2026-03-01', 'USD', 1]],
    ); // prettier-ignore
    assert.deepEqual(rows[1], {
      ...{ day: '2026-02-28', currency: 'USD', orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 },
      ...{ netCents: 0, final: false },
    });
  });

  it('tell what is left after refunds, which may be less than nothing', () => {
    const [row] = dailyRows(
      [dailyRow('2026-03-01', 'EUR', { revenueCents: 100, refundedCents: 250, refundCount: 2 })],
      {
        ...VIEW,
        from: '2026-03-01',
      },
    );
    assert.deepEqual([row?.revenueCents, row?.refundedCents, row?.refundCount, row?.netCents], [100, 250, 2, -150]);
  });

  it('leave out the key, the seller and the products', () => {
    const row = { ...dailyRow('2026-03-01', 'EUR'), sellerId: 'S-1', products: [] };
    const [told] = dailyRows([row], { ...VIEW, from: '2026-03-01' });
    assert.deepEqual(
      Object.keys(told ?? {}),
      ['day', 'currency', 'orders', 'revenueCents', 'refundedCents', 'refundCount', 'netCents', 'final'],
    ); // prettier-ignore
  });

  describe('when currencies are asked for', () => {
    it('are of these alone, each once, with or without orders', () => {
      const rows = dailyRows([dailyRow('2026-03-01', 'USD'), dailyRow('2026-03-01', 'EUR')], {
        ...VIEW,
        currencies: ['JPY', 'EUR', 'JPY'],
      });
      assert.deepEqual(
        rows.map(({ day, currency, orders }) => [day, currency, orders]),
        [['2026-02-28', 'EUR', 0], ['2026-02-28', 'JPY', 0], ['2026-03-01', 'EUR', 1], ['2026-03-01', 'JPY', 0]],
      ); // prettier-ignore
    });
  });

  describe('when a row has become empty', () => {
    const gone = dailyRow('2026-03-01', 'USD', { orders: 0, revenueCents: 0 });

    it('its currency is not there for that', () => {
      assert.deepEqual(dailyRows([gone], VIEW), []);
    });

    it('its currency is there where another day has it, or where it was asked for', () => {
      assert.equal(dailyRows([gone, dailyRow('2026-02-28', 'USD')], VIEW).length, 2);
      assert.equal(dailyRows([gone], { ...VIEW, currencies: ['USD'] }).length, 2);
    });

    it('counts with a refund alone', () => {
      const refunded = dailyRow('2026-03-01', 'USD', { orders: 0, revenueCents: 0, refundCount: 1, refundedCents: 0 });
      assert.equal(dailyRows([refunded], VIEW).length, 2);
    });
  });

  describe('when days come to an end', () => {
    const finals = (watermark: string | undefined) =>
      dailyRows([], { ...VIEW, currencies: ['EUR'], watermark }).map(({ final }) => final);

    it('are final once the watermark has reached the first instant of the next', () => {
      assert.deepEqual(finals('2026-02-28T23:59:59.999Z'), [false, false]);
      assert.deepEqual(finals('2026-03-01T00:00:00.000Z'), [true, false]);
      assert.deepEqual(finals('2026-03-01T23:59:59.999999Z'), [true, false]);
      assert.deepEqual(finals('2026-03-02T01:00:00.000+01:00'), [true, true]);
    });

    it('are not where there is no watermark', () => {
      assert.deepEqual(finals(undefined), [false, false]);
    });
  });

  it('are none where the last day comes before the first', () => {
    assert.deepEqual(dailyRows([], { ...VIEW, currencies: ['EUR'], to: '2026-02-27' }), []);
  });
});

describe('the totals of days', () => {
  const totals = (...rows: Parameters<typeof dailyRows>[0]) => totalsOf(dailyRows(rows, VIEW));

  it('add up each currency for itself', () => {
    assert.deepEqual(
      totals(
        dailyRow('2026-02-28', 'USD', { orders: 2, revenueCents: 400, refundedCents: 100, refundCount: 1 }),
        dailyRow('2026-03-01', 'USD', { orders: 1, revenueCents: 600, refundedCents: 50, refundCount: 3 }),
        dailyRow('2026-03-01', 'EUR', { orders: 5, revenueCents: 7 }),
      ),
      [
        { currency: 'EUR', orders: 5, revenueCents: 7, refundedCents: 0, netCents: 7, refundCount: 0, refundRate: 0 },
        { currency: 'USD', orders: 3, revenueCents: 1_000, refundedCents: 150, netCents: 850, refundCount: 4, refundRate: 0.15 },
      ],
    ); // prettier-ignore
  });

  it('have no rate of refunds without revenue, and one above 1 where more was refunded', () => {
    const refunds = { refundedCents: 200, refundCount: 1 };
    assert.equal(
      totals(dailyRow('2026-03-01', 'EUR', { orders: 0, revenueCents: 0, ...refunds }))[0]?.refundRate,
      null,
    );
    assert.equal(totals(dailyRow('2026-03-01', 'EUR', { revenueCents: 100, ...refunds }))[0]?.refundRate, 2);
  });

  it('stop where JSON numbers are no longer exact', () => {
    const revenueCents = Number.MAX_SAFE_INTEGER;
    const rows = ['2026-02-28', '2026-03-01'].map((day) => dailyRow(day, 'EUR', { revenueCents }));
    assert.equal(totals(...rows)[0]?.revenueCents, Number.MAX_SAFE_INTEGER);
  });

  it('are none of no days', () => {
    assert.deepEqual(totals(), []);
  });
});
