import { element, row, table } from './dom.js';
import { money, percent, whole } from './format.js';
import { refundRate } from './revenue-chart.js';

/**
 * @import { DailyRevenue, Revenue, SellerDashboardAnswer } from './client/index.ts'
 * @typedef {SellerDashboardAnswer['totals'][number]} Total
 */

/** What the days come to, a currency each: they are never added up. @param {DailyRevenue[]} days @returns {Total[]} */
export function totalsOf(days) {
  const sum = (/** @type {DailyRevenue[]} */ of, /** @type {Exclude<keyof Revenue, 'currency'>} */ field) =>
    of.reduce((sum, day) => sum + day[field], 0);
  return [...Map.groupBy(days, ({ currency }) => currency)].map(([currency, of]) => {
    const [revenueCents, refundedCents] = [sum(of, 'revenueCents'), sum(of, 'refundedCents')];
    return {
      ...{ currency, revenueCents, refundedCents, orders: sum(of, 'orders') },
      ...{ refundCount: sum(of, 'refundCount'), netCents: sum(of, 'netCents') },
      refundRate: refundRate({ revenueCents, refundedCents }),
    };
  });
}

/** @param {Total[]} totals */
export function totalCards(totals) {
  return totals.map(({ currency, revenueCents, refundedCents, refundCount, refundRate, netCents }) =>
    element('div', { className: 'figure' }, [
      element('dt', {}, [`Net, ${currency}`]),
      element('dd', { className: 'big' }, [money(netCents, currency)]),
      element('dd', {}, [`${money(revenueCents, currency)} revenue`]),
      element('dd', {}, [`${money(refundedCents, currency)} refunded`]),
      element('dd', {}, [`${whole(refundCount)} ${refundCount === 1 ? 'refund' : 'refunds'}, ${percent(refundRate)}`]),
    ]),
  );
}

/** The newest day first: today is what is looked at. @param {DailyRevenue[]} days */
export function dayTable(days) {
  const rows = days.toReversed().map((day) => {
    const { currency, orders, revenueCents, refundedCents, refundCount, netCents, final } = day;
    const amounts = [revenueCents, refundedCents, netCents].map((cents) => money(cents, currency));
    const [revenue = '', refunded = '', net = ''] = amounts;
    const shown = row(
      [day.day, whole(orders), revenue, refunded, whole(refundCount), percent(refundRate(day)), net, stateOf(final)],
      1,
    );
    shown.dataset['day'] = day.day;
    return shown;
  });
  const heads = ['Day', 'Orders', 'Revenue', 'Refunded', 'Refunds', 'Rate', 'Net', 'State'];
  return table('Revenue and refunds of each day', heads, rows);
}

/** @param {boolean} final */
function stateOf(final) {
  return final
    ? element('span', { className: 'soft' }, ['final'])
    : element('span', { className: 'badge', title: 'May still change' }, ['provisional']);
}

/** @param {SellerDashboardAnswer['topProducts']} products */
export function productTable(products) {
  const rows = products.map(({ sku, name, currency, quantity, revenueCents }) =>
    row([name, sku, whole(quantity), money(revenueCents, currency)], 2),
  );
  return table('Products that brought the most, refunds not deducted', ['Product', 'SKU', 'Sold', 'Revenue'], rows);
}

/** All currencies, amounts in minor units, as the interface has them (RFC 4180). @param {DailyRevenue[]} days */
export function toCsv(days) {
  const names = /** @type {const} */ ([
    ...['day', 'currency', 'orders', 'revenueCents', 'refundedCents', 'refundCount', 'netCents', 'final'],
  ]);
  const lines = days.map((day) => [
    ...names.map((name) => day[/** @type {keyof DailyRevenue} */ (name)]),
    refundRate(day) ?? '',
  ]);
  return [[...names, 'refundRate'], ...lines].map((line) => `${line.join(',')}\r\n`).join('');
}
