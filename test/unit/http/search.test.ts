import assert from 'node:assert/strict';
import { searchAnswer } from '../../../src/http/answers.ts';
import type { HttpDependencies } from '../../../src/http/dependencies.ts';
import type { SearchQuery } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

async function get(path: string, replaced: Partial<HttpDependencies> = {}, orders = someOrders()): Promise<Answered> {
  return withApp(fakeDependencies(orders, replaced), (request) => request(path));
}

async function queryOf(path: string): Promise<SearchQuery> {
  const orders = someOrders();
  const answered = await get(path, {}, orders);
  assert.equal(answered.status, 200, answered.text);
  const [query] = orders.queries;
  assert.ok(query);
  return query;
}

function someOrders(): FakeOrders {
  const orders = new FakeOrders();
  orders.add(
    orderDocument('A-1'),
    orderDocument('A-2', { status: 'paid', customerName: 'Ann <b>', customerId: 'C-2' }),
  );
  return orders;
}

async function refusal(path: string): Promise<{ path: string; message: string }[]> {
  const answered = await get(path);
  assert.equal(answered.status, 400, answered.text);
  assert.equal(answered.headers.get('content-type'), 'application/problem+json');
  return (answered.json() as { errors: { path: string; message: string }[] }).errors;
}

describe('GET /search', () => {
  describe('when orders match', () => {
    it('answers with the shape of the contract, without events and search words', async () => {
      const answer = searchAnswer.parse((await get('/search?q=lantren')).json());
      assert.equal(answer.total, 2);
      assert.deepEqual(answer.hits[0]?.highlights, { itemNames: ['White Metal <mark>Lantern</mark>'] });
      assert.equal(answer.nextCursor, null);
      assert.equal(answer.lagSeconds, 0.8);
    });

    it('counts by facet, each without its own filter', async () => {
      const { facets, total } = searchAnswer.parse((await get('/search?status=paid')).json());
      assert.equal(total, 1);
      assert.deepEqual(facets, {
        status: ['paid', 'placed'].map((value) => ({ value, count: 1 })),
        tag: [{ value: 'gift', count: 1 }],
        seller: [{ value: 'S-1', count: 1 }],
        currency: [{ value: 'EUR', count: 1 }],
      });
    });

    it('escapes highlights', async () => {
      const answer = searchAnswer.parse((await get('/search?q=ann')).json());
      assert.deepEqual(answer.hits[0]?.highlights['customerName'], ['<mark>Ann</mark> &lt;b&gt;']);
    });
  });

  describe('when something is published while it searches', () => {
    it('has taken asOf before the search began', async () => {
      const steps: string[] = [];
      const orders = someOrders();
      await get('/search', {
        freshness: async () => {
          await new Promise(setImmediate);
          steps.push('freshness taken');
          return { asOf: '2025-01-01T00:00:00.000Z', lagSeconds: 1 };
        },
        search: (query) => {
          steps.push('search begun');
          return Promise.resolve(orders.search(query));
        },
      });
      assert.deepEqual(steps, ['freshness taken', 'search begun']);
    });
  });

  describe('when parameters are given', () => {
    it('hands all of them on', async () => {
      const query = await queryOf('/search?q=lantern&status=paid&status=placed&size=7&sort=-totalCents');
      assert.deepEqual(query, { q: 'lantern', status: ['paid', 'placed'], size: 7, sort: '-totalCents' });
    });

    it('hands every filter on, repeated or not', async () => {
      const filters = [
        ...[
          'status=paid',
          'sku=A%20B',
          'sku=C',
          'tag=gift',
          'customerId=C-1',
          'sellerId=S-1',
          'currency=EUR',
          'currency=JPY',
        ],
        ...['placedFrom=2026-02-28', 'placedTo=2026-02-28', 'minTotalCents=0', 'maxTotalCents=9007199254740991'],
      ];
      assert.deepEqual(await queryOf(`/search?${filters.join('&')}`), {
        ...{ sort: '-placedAt', size: 20, status: ['paid'], sku: ['A B', 'C'], tag: ['gift'] },
        ...{ customerId: ['C-1'], sellerId: ['S-1'], currency: ['EUR', 'JPY'] },
        ...{
          placedFrom: '2026-02-28',
          placedTo: '2026-02-28',
          minTotalCents: 0,
          maxTotalCents: Number.MAX_SAFE_INTEGER,
        },
      });
    });

    it('counts an emoji as one character, as events do', async () => {
      const [emojis, encoded] = ['😀'.repeat(256), '%F0%9F%98%80'.repeat(256)];
      for (const name of ['sku', 'tag', 'customerId', 'sellerId'] as const)
        assert.deepEqual((await queryOf(`/search?${name}=${encoded}`))[name], [emojis]);
      assert.equal((await queryOf(`/search?q=${encoded.repeat(4)}`)).q, emojis?.repeat(4));
    });

    it('hands syntax characters on as they are', async () => {
      const q = '"a+b" AND (c:*) \\ ~2 [x TO y] %_';
      assert.equal((await queryOf(`/search?q=${encodeURIComponent(q)}`)).q, q);
    });

    it('gives pages by cursor', async () => {
      const first = searchAnswer.parse((await get('/search?size=1')).json());
      assert.ok(first.nextCursor);
      const second = searchAnswer.parse((await get(`/search?size=1&cursor=${first.nextCursor}`)).json());
      assert.notEqual(second.hits[0]?.order.orderId, first.hits[0]?.order.orderId);
    });
  });

  describe('when parameters are left out', () => {
    it('shows the newest 20', async () => {
      assert.deepEqual(await queryOf('/search'), { size: 20, sort: '-placedAt' });
    });

    it('takes an empty text as none, for which there is no relevance', async () => {
      assert.deepEqual(await queryOf('/search?q=&sort=relevance'), { size: 20, sort: '-placedAt' });
    });

    it('sorts by relevance where there is a text', async () => {
      assert.deepEqual(await queryOf('/search?q=x'), { q: 'x', size: 20, sort: 'relevance' });
    });
  });

  describe('when parameters are wrong', () => {
    const cases: [string, string, RegExp][] = [
      ['/search?qq=1', 'qq', /no such parameter/],
      ['/search?__proto__=1', '__proto__', /no such parameter/],
      ['/search?constructor=1', 'constructor', /no such parameter/],
      ['/search?q[a]=1', 'q[a]', /no such parameter/],
      [`/search?q=${'x'.repeat(1_025)}`, 'q', /at most 1024 characters/],
      ['/search?q=a&q=b', 'q', /once only/],
      ['/search?size=0', 'size', /from 1 to 100/],
      ['/search?size=101', 'size', /from 1 to 100/],
      ['/search?size=1e1', 'size', /from 1 to 100/],
      ['/search?size=', 'size', /from 1 to 100/],
      ['/search?status=paid&status=erased', 'status[1]', /one of placed, paid/],
      ['/search?sort=newest', 'sort', /one of relevance/],
      ['/search?sort=placedAt&sort=placedAt', 'sort', /once only/],
      ['/suggest', 'q', /must be given/],
      ['/search?cursor=', 'cursor', /not be empty/],
      ['/search?sku=', 'sku', /not be empty/],
      [`/search?tag=a&tag=${'x'.repeat(257)}`, 'tag[1]', /at most 256 characters/],
      [`/search?sku=${'😀'.repeat(257)}`, 'sku', /at most 256 characters/],
      ['/search?currency=eur', 'currency', /capital letters such as EUR/],
      ['/search?placedFrom=2026-02-29', 'placedFrom', /a day such as/],
      ['/search?placedTo=2026-03-01T10:00:00Z', 'placedTo', /a day such as/],
      ['/search?placedTo=2026-03-01&placedTo=2026-03-02', 'placedTo', /once only/],
      ['/search?placedFrom=2026-03-02&placedTo=2026-03-01', 'placedTo', /not be before placedFrom/],
      ['/search?minTotalCents=-1', 'minTotalCents', /a whole number from 0/],
      ['/search?maxTotalCents=1.5', 'maxTotalCents', /a whole number from 0/],
      ['/search?maxTotalCents=9007199254740992', 'maxTotalCents', /a whole number from 0/],
      ['/search?minTotalCents=2&maxTotalCents=1', 'maxTotalCents', /not be less than minTotalCents/],
      ['/search?maxTotalCents=x', 'maxTotalCents', /a whole number from 0/],
      ['/search?maxTotalCents=-1', 'maxTotalCents', /a whole number from 0/],
      ['/search?minTotalCents=x&maxTotalCents=1', 'minTotalCents', /a whole number from 0/],
      ['/search?minTotalCents=9007199254740992&maxTotalCents=1', 'minTotalCents', /a whole number from 0/],
      ['/search?placedFrom=2026-03-01&placedTo=2026-02-29', 'placedTo', /a day such as/],
      ['/search?placedFrom=x&placedTo=2026-03-01', 'placedFrom', /a day such as/],
      ['/search?seller=S-1', 'seller', /no such parameter/],
    ];
    for (const [path, name, message] of cases) {
      it(`refuses ${path.slice(0, 40)} and names ${name}`, async () => {
        const errors = await refusal(path);
        assert.equal(errors.length, 1);
        assert.equal(errors[0]?.path, name);
        assert.match(errors[0].message, message);
      });
    }

    it('names every one of them', async () => {
      assert.deepEqual((await refusal('/search?size=x&sort=y&z=1')).map((error) => error.path).sort(), [
        'size',
        'sort',
        'z',
      ]);
    });

    it('drops no filter in silence, however many there are', async () => {
      const errors = await refusal(`/search?${'status=paid&'.repeat(1_000)}sort=x`);
      assert.deepEqual(errors.map((error) => error.path).sort(), ['sort', 'status']);
    });
  });

  describe('when the cursor was tampered with', () => {
    it('refuses it politely', async () => {
      const errors = await refusal('/search?cursor=nonsense');
      assert.equal(errors[0]?.path, 'cursor');
    });
  });

  describe('when the index does not answer', () => {
    it('answers 503 and says when to try again', async () => {
      const search = () => Promise.reject(new IndexUnavailableError('connect ECONNREFUSED 10.0.0.1:9200'));
      const answered = await get('/search', { search });
      assert.equal(answered.status, 503);
      assert.match(answered.headers.get('retry-after') ?? '', /^\d+$/);
      assert.doesNotMatch(answered.text, /ECONNREFUSED/);
    });
  });
});
