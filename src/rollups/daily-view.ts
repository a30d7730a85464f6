import { daysBetween, lastInstantOf } from '../order/day.ts';
import type { AggregateRow, Measures } from '../order-index/aggregates-port.ts';

/** What came in on a UTC day in one currency (contract §3). */
export interface DailyRow extends Measures {
  readonly day: string;
  readonly currency: string;
  readonly netCents: number;
  /** Nothing is expected to change it any more. */
  readonly final: boolean;
}

/** What days come to in one currency. An order counts on each day on which it has a capture. */
export interface CurrencyTotals extends Measures {
  readonly currency: string;
  readonly netCents: number;
  /** Refunded ÷ revenue cents; null without revenue. */
  readonly refundRate: number | null;
}

export interface DailyView {
  /** Days, both included; without any where `to` comes first. */
  readonly from: string;
  readonly to: string;
  /** Those asked for; empty: those in which there is anything. */
  readonly currencies: readonly string[];
  /** RFC 3339: by then, in event time, all has most likely arrived. Undefined: nobody knows. */
  readonly watermark: string | undefined;
}

const NOTHING: Measures = { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 };

/**
 * A row for each day of the view in each of its currencies, of zeros where there is nothing; by day, then currency.
 * @param rows one of a day and a currency at most
 */
export function dailyRows(rows: readonly AggregateRow[], view: DailyView): DailyRow[] {
  const { from, to, watermark } = view;
  const found = new Map(rows.map((row) => [placeOf(row), row]));
  const currencies = [...new Set(view.currencies.length > 0 ? view.currencies : presentIn(rows))].sort();
  return daysBetween(from, to).flatMap((day) => {
    const final = isOver(day, watermark);
    return currencies.map((currency) => {
      const { orders, revenueCents, refundedCents, refundCount } = found.get(placeOf({ day, currency })) ?? NOTHING;
      const netCents = revenueCents - refundedCents;
      return { day, currency, orders, revenueCents, refundedCents, refundCount, netCents, final };
    });
  });
}

/** What the rows come to in each of their currencies, in order of the currencies. */
export function totalsOf(rows: readonly DailyRow[]): CurrencyTotals[] {
  const byCurrency = [...Map.groupBy(rows, ({ currency }) => currency)];
  return byCurrency
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, same]) => {
      const revenueCents = sum(same, 'revenueCents');
      const refundedCents = sum(same, 'refundedCents');
      return {
        ...{ currency, orders: sum(same, 'orders'), revenueCents, refundedCents },
        netCents: revenueCents - refundedCents,
        refundCount: sum(same, 'refundCount'),
        refundRate: revenueCents === 0 ? null : refundedCents / revenueCents,
      };
    });
}

function placeOf({ day = '', currency = '' }: Partial<Record<'day' | 'currency', string>>): string {
  return `${day}|${currency}`;
}

/** A row that nothing contributes to any more is kept, of zeros: its currency is not there for that. */
function presentIn(rows: readonly AggregateRow[]): string[] {
  return rows.flatMap(({ currency, orders, refundCount }) =>
    currency !== undefined && (orders > 0 || refundCount > 0) ? [currency] : [],
  );
}

/** Instants have milliseconds, so after the day's last one is the next day. */
function isOver(day: string, watermark: string | undefined): boolean {
  return watermark !== undefined && Date.parse(watermark) > Date.parse(lastInstantOf(day));
}

/** As far as JSON's numbers are exact. */
function sum(rows: readonly DailyRow[], measure: keyof Measures): number {
  const total = rows.reduce((before, row) => before + row[measure], 0);
  return Math.min(total, Number.MAX_SAFE_INTEGER);
}
