import type { DailyRevenues, HttpDependencies } from '../../src/http/dependencies.ts';
import type { LagSample } from '../../src/http/lag-report.ts';
import { combineHealth } from '../../src/observability/health.ts';
import { fakeDependencies, orderDocument, FakeOrders } from '../unit/http/fake-orders.ts';
import { generationView, rebuildView } from '../unit/http/rebuild-views.ts';

const AT = '2026-03-01T10:00:00.000Z';
const DAY_MS = 86_400_000;

/** Two currencies; the last day may still change, and on one nothing came in. */
function days(from: string, to: string): DailyRevenues['days'] {
  const count = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  return Array.from({ length: count }, (_, at) => at).flatMap((at) =>
    ['EUR', 'JPY'].map((currency, which) => {
      const revenueCents = at === 3 ? 0 : 10_000 + at * 730 + which * 5_000;
      const refundedCents = at % 5 === 0 ? 1_200 : 0;
      return {
        ...{ day: new Date(Date.parse(from) + at * DAY_MS).toISOString().slice(0, 10), currency, orders: at },
        ...{
          revenueCents,
          refundedCents,
          refundCount: refundedCents > 0 ? 1 : 0,
          netCents: revenueCents - refundedCents,
        },
        final: at < count - 1,
      };
    }),
  );
}

const letter = {
  ...{ id: 'a1b2c3d4', orderId: 'A-7', sequence: 3, eventId: 'A-7-3', attempts: 2 },
  ...{ firstFailedAt: AT, lastFailedAt: AT, bodyBytes: 27, body: Buffer.from('{"data":{"amountCents":-1}}') },
  refusal: { reason: 'invalid' as const, path: 'data.amountCents', message: 'must not be negative' },
};

/** Of ten minutes, in the middle of which nothing was taken for forty seconds. */
function lagSamples(): LagSample[] {
  return Array.from({ length: 120 }, (_, at) => ({
    at: new Date(Date.now() - (120 - at) * 5_000).toISOString(),
    lagSeconds: at >= 60 && at < 68 ? (at - 59) * 5 : 1.2,
    messages: 0,
  }));
}

/** Each page with what tells that all of it is there. */
export const SHOWN_PAGES = [
  ['/', '#results > li:nth-child(20)'],
  ['/?order=A-4', '.timeline li'],
  ['/dashboard?seller=S-1', '#days tr:nth-child(20)'],
  ['/admin', '#rebuild progress'],
] as const;

/** A service that has something to show on each page: everything that can be wrong is. */
export function shownDependencies(replaced: Partial<HttpDependencies> = {}): HttpDependencies {
  const orders = new FakeOrders();
  for (let n = 1; n <= 20; n++) orders.add(orderDocument(`A-${n}`, { status: n % 2 === 0 ? 'paid' : 'cancelled' }));
  const fake = fakeDependencies(orders);
  return {
    ...fake,
    health: () =>
      Promise.resolve(
        combineHealth({
          broker: { state: 'up', details: { ready: 7 } },
          index: { state: 'degraded', reason: 'the index is blocked for writes: read_only_allow_delete' },
          projector: { state: 'down', reason: 'nothing was written for 42 s' },
        }),
      ),
    aggregates: {
      revenueDaily: ({ from, to }) => Promise.resolve({ days: days(from, to), asOf: new Date().toISOString() }),
      sellerDashboard: ({ from, to, currencies }) =>
        Promise.resolve({
          ...{ days: days(from, to), asOf: new Date().toISOString() },
          totals: ['EUR', 'JPY'].map((currency) => ({
            ...{ currency, orders: 9, revenueCents: 100_000, refundedCents: 1_200, refundCount: 1, netCents: 98_800 },
            refundRate: 0.012,
          })),
          topProducts: ['EUR', 'JPY']
            .filter((currency) => currencies.length === 0 || currencies.includes(currency))
            .map((currency) => ({ sku: 'LAN-1', name: 'Brass Lantern', currency, quantity: 4, revenueCents: 10_000 })),
        }),
    },
    lag: () =>
      Promise.resolve({
        asOf: new Date(Date.now() - 1_200).toISOString(),
        lagSeconds: 1.2,
        messages: 7,
        samples: lagSamples(),
      }),
    deadLetters: { ...fake.deadLetters, list: () => Promise.resolve({ items: [letter], nextCursor: null }) },
    rebuilds: {
      ...fake.rebuilds,
      list: () => Promise.resolve([rebuildView({ stalled: 'waits for the index' })]),
      get: () => Promise.resolve(rebuildView({ stalled: 'waits for the index' })),
    },
    generations: {
      ...fake.generations,
      list: () =>
        Promise.resolve([
          generationView({ name: 'orders-000001', state: 'diverged', reason: 'refused A-3' }),
          generationView({ name: 'orders-000002', number: 2 }),
          generationView({ name: 'orders-000003', number: 3, state: 'live' }),
        ]),
    },
    parkedOrders: () => {
      const gap = {
        orderId: 'A-9',
        version: 1,
        missing: [[2, 2]] as const,
        parked: 3,
        oldestParkedAt: AT,
        gapped: true,
      };
      return Promise.resolve({ gaps: [gap], next: undefined });
    },
    ...replaced,
  };
}
