import assert from 'node:assert/strict';
import type { SellerDashboardAnswer } from '../../src/client/index.ts';
import type { Role } from '../../src/http/auth.ts';
import type { OpenApiDocument } from '../../src/http/openapi.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { deriveAggregates } from '../support/derived-aggregates.ts';
import { answerJudge } from '../support/openapi-answers.ts';
import { serveIndex } from '../support/served-index.ts';
import type { ServedIndex } from '../support/served-index.ts';
import { authenticate, bearer } from '../support/tokens.ts';

const MINE = { id: 'C-1', name: 'Ann Lane' };
const THEIRS = { id: 'C-2', name: 'Zelda Zebra' };
const OTHER_SELLERS_THEIRS = { id: 'C-3', name: 'Zoltan Zebra' };
const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const toMe = {
  type: 'order.corrected.v1',
  data: { patch: { customer: { ...MINE }, sellerId: 'S-1' }, reason: 'mixed up' },
} as const;
const toThem = {
  type: 'order.corrected.v1',
  data: { patch: { customer: { ...THEIRS }, sellerId: 'S-2' }, reason: 'mixed up' },
} as const;

/** What customer C-1 and seller S-1 may see: all of it has the same customer and seller. */
const OWN: readonly SampleOrder[] = [
  { orderId: 'own-1', customer: MINE, sellerId: 'S-1', items: [['LAN-1', 'Metal lantern']], tags: ['gift'], then: [PAID], placedAt: '2026-03-01T10:00:00.000Z' },
  { orderId: 'own-2', customer: MINE, sellerId: 'S-1', items: [['LAN-2', 'Paper lantern']], tags: ['red'], placedAt: '2026-03-02T10:00:00.000Z' },
  { orderId: 'own-3', customer: MINE, sellerId: 'S-1', items: [['TEA-1', 'Teapot']], currency: 'USD', totalCents: 5_000, placedAt: '2026-03-03T10:00:00.000Z' },
]; // prettier-ignore

/** What they may not: close to their own in every way, and with words that nothing of theirs has. */
const FOREIGN: readonly SampleOrder[] = [
  { orderId: 'own-4', customer: THEIRS, sellerId: 'S-2', items: [['LAN-9', 'Zebra lantern']], tags: ['gift', 'zebra'], then: [PAID], placedAt: '2026-03-01T11:00:00.000Z' },
  { orderId: 'own-5', customer: OTHER_SELLERS_THEIRS, sellerId: 'S-3', items: [['ZEB-1', 'Zebra teapot']], currency: 'JPY', totalCents: 1, placedAt: '2026-03-04T10:00:00.000Z' },
  { orderId: 'C-1', customer: THEIRS, sellerId: 'S-2', items: [['S-1', 'Zebra lantern for Ann Lane']], tags: ['C-1', 'S-1'], placedAt: '2026-03-02T11:00:00.000Z' },
  { orderId: 'was-mine', customer: MINE, sellerId: 'S-1', items: [['ZEB-2', 'Zebra lamp']], currency: 'CHF', then: [PAID, toThem], placedAt: '2026-03-02T12:00:00.000Z' },
]; // prettier-ignore

/** Theirs once, and mine now. */
const MOVED: SampleOrder = {
  ...{ orderId: 'moved', customer: THEIRS, sellerId: 'S-2', items: ['Vase'], then: [toMe] },
  placedAt: '2026-02-01T10:00:00.000Z',
};

const ENDS = ['', '&size=1', '&sort=-placedAt', '&sort=-totalCents&size=2'];
const TEXTS = ['', 'lantern', 'lantren', 'zebra', 'zebar', 'zelda', 'ann lane', 'own-4', 'own-', 'LAN-', 'ZEB-1', 'C-1', 'C-2', 'S-1', '"zebra lantern"', 'gift', 'was-mine', 'metal zebra', 'z', '*']; // prettier-ignore
const FILTERS = ['customerId=C-2', 'customerId=C-1&customerId=C-2', 'customerId=*', 'sellerId=S-2', 'sellerId=S-1&sellerId=S-2&sellerId=S-3', 'sku=LAN-9', 'sku=LAN-1&sku=LAN-9', 'tag=zebra', 'tag=gift&tag=zebra', 'currency=JPY', 'currency=EUR&currency=JPY', 'status=paid', 'minTotalCents=0&maxTotalCents=1', 'placedFrom=2026-03-04', 'placedTo=2026-03-01', 'q=zebra&customerId=C-2&tag=zebra&status=paid']; // prettier-ignore
const IDS = ['own-1', 'own-4', 'own-5', 'C-1', 'was-mine', 'none'];

/** Every way of asking a reader has. */
const READS: readonly (readonly [route: string, address: string])[] = [
  ...TEXTS.flatMap((q) => ENDS.map((end) => ['/search', `/search?q=${encodeURIComponent(q)}${end}`] as const)),
  ...FILTERS.flatMap((filter) => ['', '&size=1', '&q=lantern'].filter((end) => !(end.startsWith('&q') && filter.startsWith('q'))).map((end) => ['/search', `/search?${filter}${end}`] as const)),
  ...TEXTS.map((q) => ['/suggest', `/suggest?q=${encodeURIComponent(q)}`] as const),
  ...IDS.flatMap((id) => [
    ['/orders/{id}', `/orders/${id}`] as const,
    ['/orders/{id}', `/orders/${id}?at=2026-03-02T12:00:00.000Z`] as const,
    ['/orders/{id}', `/orders/${id}?minVersion=1&waitMs=0`] as const,
    ['/orders/{id}', `/orders/${id}?minVersion=2&waitMs=0`] as const,
    ['/orders/{id}/history', `/orders/${id}/history`] as const,
  ]),
  ...['C-1', 'C-2', 'C-3', 'S-1', 'none'].map((id) => ['/customers/{id}/orders', `/customers/${id}/orders?size=2`] as const),
  ...['S-1', 'S-2', 'S-3', 'C-1', 's-1', 'none'].map((id) => ['/sellers/{id}/dashboard', `/sellers/${id}/dashboard?from=2026-03-01&to=2026-03-04`] as const),
]; // prettier-ignore

const REVENUE = '/revenue/daily?from=2026-03-01&to=2026-03-04';

const ADMIN_ONLY = [
  '/admin/dead-letters',
  '/admin/dead-letters/x',
  '/admin/lag',
  '/admin/parked',
  '/admin/generations',
  '/admin/rebuilds',
  '/admin/rebuilds/x',
];

const OPEN_TO_NONE = [
  ...['/search', '/suggest?q=zebra', '/orders/own-4', '/customers/C-2/orders'],
  ...['/sellers/S-2/dashboard', '/revenue/daily'],
];

/** The same at each request, so that answers can be compared. */
const FRESH = { asOf: '2026-03-05T00:00:00.000Z', lagSeconds: 1 };

interface Answered {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
}

describeForEachBackend('what a caller is answered', (backend) => {
  const places: IndexPlace[] = [];
  const served: ServedIndex[] = [];
  let alone: ServedIndex;
  let among: ServedIndex;
  let judge: ReturnType<typeof answerJudge>;

  before(async () => {
    alone = await serve(OWN);
    among = await serve([...OWN, ...FOREIGN]);
    judge = answerJudge((await (await fetch(`${among.url}/openapi.json`)).json()) as OpenApiDocument);
  });
  after(async () => {
    for (const one of served) await one.close();
    for (const place of places) await place.remove();
  });

  async function serve(orders: readonly SampleOrder[]): Promise<ServedIndex> {
    const place = backend.index();
    places.push(place);
    const index: OrderIndex = place.instance();
    await index.open();
    await index.write((await index.registry()).live, orders.map(sampleWrite), 'live');
    await index.refresh();
    const aggregates = await deriveAggregates(index, FRESH);
    const serving = await serveIndex(index, { authenticate, aggregates, freshness: () => Promise.resolve(FRESH) });
    served.push(serving);
    return serving;
  }

  async function ask({ url }: ServedIndex, address: string, authorization: string): Promise<Answered> {
    const response = await fetch(`${url}${address}`, { headers: { authorization } });
    const text = (await response.text()).replace(/("tookMs"|"lagSeconds"):[\d.]+/g, '$1:0');
    return { status: response.status, contentType: response.headers.get('content-type'), text };
  }

  for (const [role, sub] of [
    ['customer', 'C-1'],
    ['seller', 'S-1'],
  ] as const) {
    it(`is to ${role} ${sub} the same as if there were no other orders, by every way of asking`, async () => {
      const authorization = await bearer(role, sub);
      let found = 0;
      for (const [route, address] of READS) {
        const answer = await ask(among, address, authorization);
        assert.deepEqual(answer, await ask(alone, address, authorization), address);
        assert.equal(judge('get', route, answer), undefined, address);
        assert.doesNotMatch(answer.text, /zebra"|Zebra|Zelda|Zoltan|own-[45]|ZEB-/, address);
        if (answer.status === 200) found += 1;
      }
      assert.ok(found > READS.length / 2);
    }).timeout(60_000);

    it(`follows cursors of anyone for ${role} ${sub}, and meets its own orders only`, async () => {
      const [authorization, admin] = [await bearer(role, sub), await bearer('admin', 'root')];
      for (const search of ['/search?size=1', '/search?size=1&q=lantern', '/search?size=1&sort=-totalCents']) {
        const all: string[] = [];
        for (let address = search; ;) {
          const page = JSON.parse((await ask(among, address, admin)).text) as {
            hits: unknown[];
            nextCursor: string | null;
          };
          if (page.nextCursor === null) break;
          address = `${search}&cursor=${page.nextCursor}`;
          const [theirs, mine] = [await ask(among, address, admin), await ask(among, address, authorization)];
          all.push(theirs.text);
          assert.equal(mine.status, 200);
          assert.doesNotMatch(mine.text, /Zebra|Zelda|Zoltan|own-[45]/);
        }
        assert.match(all.join(''), /Zebra/);
      }
    });
  }

  it('is to other customers and sellers nothing of what is not theirs', async () => {
    for (const [role, sub, total] of [
      ['customer', 'C-2', 3], ['customer', 'C-3', 1], ['seller', 'S-3', 1], ['seller', 'C-1', 0], ['customer', 'S-1', 0],
      ['customer', 'C-*', 0], ['customer', 'c-1', 0], ['customer', 'C-1 ', 0], ['seller', 'S-1,S-2', 0],
    ] as const) {
      const answer = await ask(among, '/search', await bearer(role, sub));
      assert.equal((JSON.parse(answer.text) as { total: number }).total, total, `${role} ${sub}`);
    }
  }); // prettier-ignore

  it('is all to support and admins', async () => {
    for (const role of ['support', 'admin'] as const) {
      const authorization = await bearer(role, 'C-1');
      const all = JSON.parse((await ask(among, '/search', authorization)).text) as { total: number };
      assert.equal(all.total, OWN.length + FOREIGN.length);
      assert.equal((await ask(among, '/orders/own-5', authorization)).status, 200);
      assert.match((await ask(among, '/suggest?q=zebra', authorization)).text, /Zebra lantern/);
      assert.equal((await ask(among, '/customers/C-2/orders', authorization)).status, 200);
      assert.match((await ask(among, '/sellers/S-2/dashboard?from=2026-03-01&to=2026-03-04', authorization)).text, /Zebra lamp/);
      assert.match((await ask(among, REVENUE, authorization)).text, /"currency":"CHF","orders":1,/);
    }
  }); // prettier-ignore

  it('tells of an order that was theirs once what happened since it is mine', async () => {
    const moved = await serve([MOVED]);
    for (const [role, sub] of [['customer', 'C-1'], ['seller', 'S-1']] as const) {
      const authorization = await bearer(role, sub);
      for (const address of ['/orders/moved', '/orders/moved/history', '/search', '/suggest?q=z', '/customers/C-1/orders', '/sellers/S-1/dashboard']) {
        const { text } = await ask(moved, address, authorization);
        assert.doesNotMatch(text, /Zelda|C-2|S-2/, `${role} ${address}`);
      }
      assert.match((await ask(moved, '/orders/moved/history', authorization)).text, /order\.corrected/);
    }
  }); // prettier-ignore

  it('is the own dashboard to each seller, and to nobody else the revenue of all', async () => {
    const own = await ask(among, '/sellers/S-1/dashboard?from=2026-03-01&to=2026-03-01', await bearer('seller', 'S-1'));
    const { days, totals, topProducts } = JSON.parse(own.text) as SellerDashboardAnswer;
    const sums = { orders: 1, revenueCents: 1_000, refundedCents: 0, refundCount: 0, netCents: 1_000 };
    assert.deepEqual(days, [{ day: '2026-03-01', currency: 'EUR', ...sums, final: false }]);
    assert.deepEqual(totals, [{ currency: 'EUR', ...sums, refundRate: 0 }]);
    assert.deepEqual(topProducts.map(({ sku }) => sku), ['LAN-1']);
    for (const [role, sub] of [['customer', 'C-1'], ['customer', 'S-1'], ['seller', 'S-1']] as const) {
      const refused = await ask(among, REVENUE, await bearer(role, sub));
      assert.equal(refused.status, 403, `${role} ${sub}`);
      assert.equal(judge('get', '/revenue/daily', refused), undefined);
    }
    for (const role of ['support', 'admin'] as const) {
      const answer = await ask(among, REVENUE, await bearer(role, 'C-1'));
      assert.equal(answer.status, 200);
      assert.equal(judge('get', '/revenue/daily', answer), undefined);
    }
  }); // prettier-ignore

  it('is 403 to all but admins where operators work, and 401 without a token everywhere', async () => {
    for (const address of ADMIN_ONLY) {
      for (const role of ['customer', 'seller', 'support'] as const satisfies readonly Role[]) {
        assert.equal((await ask(among, address, await bearer(role, 'C-1'))).status, 403, `${role} ${address}`);
      }
      assert.notEqual((await ask(among, address, await bearer('admin', 'root'))).status, 403, address);
    }
    for (const address of [...ADMIN_ONLY, ...OPEN_TO_NONE]) {
      const answer = await ask(among, address, 'Bearer nonsense');
      assert.equal(answer.status, 401, address);
      assert.doesNotMatch(answer.text, /Zebra|own-4"/);
    }
  });
});
