import assert from 'node:assert/strict';
import { revenueDailyAnswer, sellerDashboardAnswer } from '../../../src/http/answers.ts';
import type { Caller, Role } from '../../../src/http/auth.ts';
import type { AggregateReads, HttpDependencies } from '../../../src/http/dependencies.ts';
import { AggregatesNotBuiltError, IndexUnavailableError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const SUMS = { orders: 2, revenueCents: 300, refundedCents: 30, refundCount: 1, netCents: 270 };
const DAYS = [{ day: '2026-03-01', currency: 'EUR', ...SUMS, final: true }];
const TOTALS = [{ currency: 'EUR', ...SUMS, refundRate: 0.1 }];
const PRODUCTS = [{ sku: 'LAN-1', name: 'Lantern', currency: 'EUR', quantity: 3, revenueCents: 300 }];
const RANGE = { from: '2026-03-01', to: '2026-03-01' };

interface Asked {
  readonly answered: Answered;
  readonly queries: readonly unknown[];
}

/** `asOf` is two seconds before each answer. */
async function get(
  path: string,
  caller: Caller = { role: 'support', sub: 'me' },
  replaced: Partial<AggregateReads> = {},
): Promise<Asked> {
  const queries: unknown[] = [];
  const asOf = () => new Date(Date.now() - 2_000).toISOString();
  const aggregates: HttpDependencies['aggregates'] = {
    revenueDaily: (query) => {
      queries.push(query);
      return Promise.resolve({ days: DAYS, asOf: asOf() });
    },
    sellerDashboard: (query) => {
      queries.push(query);
      return Promise.resolve({
        days: DAYS,
        totals: TOTALS,
        topProducts: PRODUCTS,
        asOf: asOf(),
        keptFrom: '2026-01-01',
      });
    },
    ...replaced,
  };
  const authenticate = () => Promise.resolve({ kind: 'caller', caller } as const);
  const dependencies = fakeDependencies(new FakeOrders(), { authenticate, aggregates });
  return { answered: await withApp(dependencies, (request) => request(path)), queries };
}

const errorsOf = ({ answered }: Asked) => (answered.json() as { errors: { path: string; message: string }[] }).errors;

describe('GET /revenue/daily', () => {
  it('answers with the days, and how old they are', async () => {
    const { answered, queries } = await get('/revenue/daily?from=2026-03-01&to=2026-03-01');
    const { days, lagSeconds, asOf, keptFrom } = revenueDailyAnswer.parse(answered.json());
    assert.deepEqual(days, DAYS);
    assert.ok(lagSeconds >= 2 && lagSeconds < 10, `${lagSeconds} s`);
    assert.ok(Math.abs(Date.now() - Date.parse(asOf) - 2_000) < 8_000);
    assert.equal(keptFrom, undefined);
    assert.deepEqual(queries, [{ ...RANGE, currencies: [] }]);
  });

  it('asks for the currencies that it is asked for', async () => {
    const { queries } = await get('/revenue/daily?from=2026-03-01&to=2026-03-01&currency=EUR&currency=JPY');
    assert.deepEqual(queries, [{ ...RANGE, currencies: ['EUR', 'JPY'] }]);
  });

  it('tells the last thirty days unless others are asked for', async () => {
    const before = Date.now();
    const [query] = (await get('/revenue/daily')).queries as { from: string; to: string }[];
    const days = [before, Date.now()].map((now) => new Date(now).toISOString().slice(0, 10));
    assert.ok(days.includes(query?.to ?? ''), query?.to);
    assert.equal(Date.parse(query?.to ?? '') - Date.parse(query?.from ?? ''), 29 * 86_400_000);
  });

  const callers: [Role, number][] = [['customer', 403], ['seller', 403], ['support', 200], ['admin', 200]]; // prettier-ignore
  for (const [role, status] of callers) {
    it(`answers ${status} to ${role}`, async () => {
      const { answered, queries } = await get('/revenue/daily', { role, sub: 'S-1' });
      assert.equal(answered.status, status);
      assert.equal(queries.length, status === 200 ? 1 : 0);
    });
  }

  const wrong: [string, string, RegExp][] = [
    ['from=2026-02-30&to=2026-03-01', 'from', /must be a day such as/],
    ['from=2026-3-1', 'from', /must be a day such as/],
    ['to=2026-03-01T00:00:00Z', 'to', /must be a day such as/],
    ['from=2026-03-02&to=2026-03-01', 'to', /must not be before from/],
    ['from=2024-01-01&to=2025-01-01', 'from', /366 days/],
    ['from=9999-12-31', 'from', /after today/],
    ['from=2026-03-01&from=2026-03-02', 'from', /once only/],
    ['to=2026-03-01&to=2026-03-02', 'to', /once only/],
    ['currency=eur', 'currency', /three capital letters/],
    ['currency=EUR&currency=EURO', 'currency[1]', /three capital letters/],
    ['sellerId=S-1', 'sellerId', /no such parameter/],
  ];
  for (const [query, path, message] of wrong) {
    it(`refuses ${query}`, async () => {
      const asked = await get(`/revenue/daily?${query}`);
      assert.equal(asked.answered.status, 400);
      const [first] = errorsOf(asked);
      assert.equal(first?.path, path);
      assert.match(first.message, message);
      assert.deepEqual(asked.queries, []);
    });
  }

  it('says that it has nothing to answer from yet', async () => {
    const notBuilt = () => Promise.reject(AggregatesNotBuiltError.noneLive('revenue-daily'));
    const { answered } = await get('/revenue/daily', undefined, { revenueDaily: notBuilt });
    assert.equal(answered.status, 503);
    assert.ok(Number(answered.headers.get('retry-after')) > 0);
    assert.equal(
      (answered.json() as { detail: string }).detail,
      'The aggregate revenue-daily is not there: it is being built anew.',
    );
  });

  it('tells of an outage without a word of what it was', async () => {
    const gone = () => Promise.reject(new IndexUnavailableError('es-1 refused'));
    const { answered } = await get('/revenue/daily', undefined, { revenueDaily: gone });
    assert.equal(answered.status, 503);
    assert.doesNotMatch(answered.text, /es-1/);
  });
});

describe('GET /sellers/:id/dashboard', () => {
  it('answers with days, totals and products, how old they are, and how far back they go', async () => {
    const { answered, queries } = await get('/sellers/S%2F1/dashboard?from=2026-03-01&to=2026-03-01');
    const { days, totals, topProducts, keptFrom, lagSeconds } = sellerDashboardAnswer.parse(answered.json());
    assert.deepEqual([days, totals, topProducts, keptFrom], [DAYS, TOTALS, PRODUCTS, '2026-01-01']);
    assert.ok(lagSeconds >= 2);
    assert.deepEqual(queries, [{ ...RANGE, sellerId: 'S/1', currencies: [] }]);
  });

  it('narrows all of it to the currencies that are asked for', async () => {
    const { queries } = await get('/sellers/S-1/dashboard?from=2026-03-01&to=2026-03-01&currency=EUR&currency=JPY');
    assert.deepEqual(queries, [{ ...RANGE, sellerId: 'S-1', currencies: ['EUR', 'JPY'] }]);
    const wrong = await get('/sellers/S-1/dashboard?currency=eur');
    assert.equal(errorsOf(wrong)[0]?.path, 'currency');
  });

  it('takes as long an id as an event may have, in emoji too', async () => {
    const ofSeller = (characters: number) => get(`/sellers/${encodeURIComponent('😀'.repeat(characters))}/dashboard`);
    assert.equal((await ofSeller(256)).answered.status, 200);
    assert.deepEqual(errorsOf(await ofSeller(257)), [{ path: 'id', message: 'may have at most 256 characters' }]);
  });

  const callers: [Role, string, number][] = [
    ['seller', 'S-1', 200],
    ['seller', 'S-2', 404],
    ['seller', 's-1', 404],
    ['customer', 'S-1', 404],
    ['support', 'me', 200],
    ['admin', 'me', 200],
  ];
  for (const [role, sub, status] of callers) {
    it(`answers ${status} to ${role} ${sub}`, async () => {
      const { answered, queries } = await get('/sellers/S-1/dashboard', { role, sub });
      assert.equal(answered.status, status);
      assert.equal(queries.length, status === 200 ? 1 : 0);
      if (status === 404) {
        assert.equal(answered.text, (await get('/sellers/none/dashboard', { role, sub })).answered.text);
      }
    });
  }

  it('refuses wrong parameters', async () => {
    for (const query of ['from=x', 'to=2026-02-29', 'currency=EURO', 'top=5', 'from=2026-03-02&to=2026-03-01', 'to=2026-03-01&to=2026-03-01']) {
      assert.equal((await get(`/sellers/S-1/dashboard?${query}`)).answered.status, 400, query);
    }
    assert.equal((await get(`/sellers/${'x'.repeat(257)}/dashboard`)).answered.status, 400);
  }); // prettier-ignore
});
