import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { createHttpApp } from '../../../src/http/app.ts';
import type { HttpDependencies } from '../../../src/http/dependencies.ts';
import type { OpenApiDocument } from '../../../src/http/openapi.ts';
import { IndexUnavailableError, RegistryError } from '../../../src/order-index/port.ts';
import { STEPS } from '../../../src/rebuild/state.ts';
import { answerJudge } from '../../support/openapi-answers.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { rebuildView } from './rebuild-views.ts';
import { withServer } from './running-app.ts';

type Get = Parameters<Parameters<typeof withServer>[1]>[0];

async function withDocument(
  test: (get: Get, document: OpenApiDocument) => Promise<void>,
  replaced: Partial<HttpDependencies> = {},
): Promise<void> {
  const orders = new FakeOrders();
  orders.add(orderDocument('A-1'), orderDocument('A-2', { status: 'paid', paidAt: '2025-03-02T00:00:00.000Z' }));
  await withServer(createHttpApp(fakeDependencies(orders, { aggregates: AGGREGATES, ...replaced })), async (get) => {
    await test(get, (await get('/openapi.json')).json() as OpenApiDocument);
  });
}

const AS_OF = '2026-03-03T10:00:00.000Z';
const SUMS = { orders: 1, revenueCents: 100, refundedCents: 200, refundCount: 1, netCents: -100 };
const DAYS = [{ day: '2026-03-01', currency: 'EUR', ...SUMS, final: true }];
const TOTALS = [
  { currency: 'EUR', ...SUMS, refundRate: 2 },
  { currency: 'JPY', ...SUMS, revenueCents: 0, refundRate: null },
];
const PRODUCT = { sku: 'LAN-1', name: 'Lantern', currency: 'EUR', quantity: 2, revenueCents: 100 };

/** With a row of everything. */
const AGGREGATES: HttpDependencies['aggregates'] = {
  revenueDaily: () => Promise.resolve({ days: DAYS, asOf: AS_OF, keptFrom: '2026-01-01' }),
  sellerDashboard: () => Promise.resolve({ days: DAYS, totals: TOTALS, topProducts: [PRODUCT], asOf: AS_OF }),
};

/** What Express has mounted: the truth about which addresses there are. */
function mounted(): string[] {
  const { stack } = createHttpApp(fakeDependencies(new FakeOrders())).router;
  return stack.flatMap(({ route }) => {
    if (!route || route.path === '/') return [];
    const methods = route.stack.flatMap(({ method }) => (method === undefined || method === '_all' ? [] : [method]));
    return [...new Set(methods)].map((method) => `${method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`);
  });
}

describe('GET /openapi.json', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    await withDocument(async (_get, document) => {
      const { valid, errors } = await new Validator().validate({ ...structuredClone(document) });
      assert.ok(valid, JSON.stringify(errors));
      assert.equal(document.openapi, '3.1.0');
    });
  });

  it('has every route of the app, and no other', async () => {
    await withDocument((_get, { paths }) => {
      const told = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method} ${path}`),
      );
      assert.deepEqual(told.sort(), mounted().sort());
      assert.ok(told.length > 15);
      return Promise.resolve();
    });
  });

  it('has no route that docs/http.md leaves out', async () => {
    const rows = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8').matchAll(/^\| (`[^|]+) \|/gm);
    const told = [...rows].flatMap(([, routes = '']) =>
      Array.from(routes.matchAll(/`(?:[A-Z]+ )?(\/[\w/{}.-]+)/g), ([, path]) => path),
    );
    await withDocument((_get, { paths }) => {
      const untold = Object.keys(paths).filter(
        (path) => !told.some((row) => path === row || path.startsWith(`${row}/`)),
      );
      assert.deepEqual(untold, []);
      return Promise.resolve();
    });
  });

  it('names each operation once', async () => {
    await withDocument((_get, { paths }) => {
      const ids = Object.values(paths).flatMap((methods) =>
        Object.values(methods).map(({ operationId }) => operationId),
      );
      assert.equal(new Set(ids).size, ids.length);
      return Promise.resolve();
    });
  });

  it('tells parameters as those who call see them', async () => {
    await withDocument((_get, { paths }) => {
      const parameters = paths['/search']?.['get']?.parameters ?? [];
      const schemaOf = (name: string) => parameters.find((parameter) => parameter.name === name)?.schema;
      assert.deepEqual(schemaOf('size'), { type: 'integer', minimum: 1, maximum: 100, default: 20 });
      assert.deepEqual(schemaOf('placedFrom'), { type: 'string', format: 'date', examples: ['2026-01-01'] });
      assert.equal(schemaOf('status')?.['type'], 'array');
      assert.deepEqual([schemaOf('q')?.['maxLength'], schemaOf('cursor')?.['minLength']], [1_024, 1]);
      assert.deepEqual(schemaOf('sku')?.['items'], { type: 'string', minLength: 1, maxLength: 256 });
      assert.deepEqual(
        paths['/suggest']?.['get']?.parameters.map(({ name, required }) => [name, required]),
        [['q', true]],
      );
      assert.deepEqual(
        paths['/orders/{id}']?.['get']?.parameters.map((parameter) => [parameter.name, parameter.in, parameter.required]),
        [['id', 'path', true], ['at', 'query', false], ['minVersion', 'query', false], ['waitMs', 'query', false]],
      ); // prettier-ignore
      return Promise.resolve();
    });
  });

  it('tells the states of a rebuild, in the order of its steps', async () => {
    await withDocument((_get, { components }) => {
      const { state } = components.schemas['Rebuild']?.['properties'] as Record<string, { readonly enum?: unknown }>;
      assert.deepEqual(state?.enum, [...STEPS, 'DONE', 'FAILED', 'CANCELLED']);
      return Promise.resolve();
    });
  });

  it('gives streams of events no type: some read them as one text, others event by event', async () => {
    await withDocument((_get, { paths }) => {
      for (const path of ['/admin/rebuilds/{id}/progress', '/admin/aggregates/verification']) {
        const { schema } = paths[path]?.['get']?.responses['200']?.content?.['text/event-stream'] ?? {};
        assert.deepEqual(Object.keys(schema ?? {}), ['description'], path);
      }
      return Promise.resolve();
    });
  });

  it('says where no token is needed', async () => {
    await withDocument((_get, { paths, security }) => {
      assert.deepEqual(security, [{ bearer: [] }]);
      assert.deepEqual(paths['/health']?.['get']?.security, []);
      assert.equal(paths['/search']?.['get']?.security, undefined);
      return Promise.resolve();
    });
  });

  it('tells of a limit where there is one, and nowhere else', async () => {
    const app = createHttpApp(fakeDependencies(new FakeOrders()), 'all', { requestsPerMinute: 1 });
    await withServer(app, async (get) => {
      const { paths } = (await get('/openapi.json')).json() as OpenApiDocument;
      for (const [path, { get: operation }] of Object.entries(paths)) {
        if (operation === undefined) continue;
        const address = path.replaceAll(/[{}]/g, '');
        await get(address);
        const { status } = await get(address);
        assert.equal(operation.responses['429'] !== undefined, status === 429, `${status} of ${path}`);
      }
    });
  });

  const examples: [string, string, number][] = [
    ['/search', '/search?q=lantren&size=1&status=paid', 200],
    ['/search', '/search?size=x', 400],
    ['/suggest', '/suggest?q=lan', 200],
    ['/suggest', '/suggest', 400],
    ['/orders/{id}', '/orders/A-1', 200],
    ['/orders/{id}', '/orders/none', 404],
    ['/orders/{id}', '/orders/A-1?minVersion=9', 412],
    ['/orders/{id}/history', '/orders/A-1/history', 200],
    ['/customers/{id}/orders', '/customers/C-1/orders', 200],
    ['/revenue/daily', '/revenue/daily?currency=EUR&from=2026-03-01&to=2026-03-02', 200],
    ['/revenue/daily', '/revenue/daily?from=2026-03-02&to=2026-03-01', 400],
    ['/sellers/{id}/dashboard', '/sellers/S-1/dashboard', 200],
    ['/admin/parked', '/admin/parked', 200],
    ['/admin/lag', '/admin/lag?since=2026-03-01T10:00:00Z', 200],
    ['/admin/dead-letters', '/admin/dead-letters', 200],
    ['/admin/dead-letters/{id}', '/admin/dead-letters/x', 404],
    ['/health', '/health', 200],
    ['/health/ready', '/health/ready', 200],
    ['/metrics', '/metrics', 200],
    ['/openapi.json', '/openapi.json', 200],
  ];
  for (const [path, address, status] of examples) {
    it(`describes the answer ${status} to ${address}`, async () => {
      await withDocument(async (get, document) => {
        const answered = await get(address);
        assert.equal(answered.status, status);
        const answer = { ...answered, contentType: answered.headers.get('content-type') };
        assert.equal(answerJudge(document)('get', path, answer), undefined);
      });
    });
  }

  it('tells of who may not ask where not every reader may', async () => {
    const authenticate = () => Promise.resolve({ kind: 'caller', caller: { role: 'seller', sub: 'S-1' } } as const);
    await withDocument(async (get, document) => {
      for (const [path, address, status] of [
        ['/revenue/daily', '/revenue/daily', 403],
        ['/sellers/{id}/dashboard', '/sellers/S-2/dashboard', 404],
      ] as const) {
        const answered = await get(address);
        assert.equal(answered.status, status);
        assert.ok(document.paths[path]?.['get']?.responses[status], `${status} of ${path}`);
        const answer = { ...answered, contentType: answered.headers.get('content-type') };
        assert.equal(answerJudge(document)('get', path, answer), undefined);
      }
    }, { authenticate }); // prettier-ignore
  });

  it('tells of the headers that say what to do next', async () => {
    const by = (authorization: string | undefined) =>
      authorization === undefined
        ? ({ kind: 'refused', reason: 'no token' } as const)
        : ({ kind: 'caller', caller: { role: 'admin', sub: authorization } } as const);
    const rebuilds = {
      ...fakeDependencies(new FakeOrders()).rebuilds,
      start: () => Promise.resolve({ kind: 'started', rebuild: rebuildView() } as const),
      change: () => Promise.resolve({ kind: 'accepted', rebuild: rebuildView() } as const),
    };
    const search = () => Promise.reject(new IndexUnavailableError('gone'));
    const list = () => Promise.reject(new RegistryError('two are live'));
    const generations = { ...fakeDependencies(new FakeOrders()).generations, list };
    const authenticate = (authorization: string | undefined) => Promise.resolve(by(authorization));
    const replaced = { authenticate, rebuilds, search, generations };
    const app = createHttpApp(fakeDependencies(new FakeOrders(), replaced), 'all', { requestsPerMinute: 2 });
    await withServer(app, async (get) => {
      const document = (await get('/openapi.json')).json() as OpenApiDocument;
      const anns = { headers: { authorization: 'Bearer ann' } };
      const bobs = { method: 'post', headers: { authorization: 'Bearer bob' } };
      for (const [method, path, address, init, status, header] of [
        ['get', '/search', '/search', {}, 401, 'www-authenticate'],
        ['get', '/search', '/search', anns, 503, 'retry-after'],
        ['get', '/admin/generations', '/admin/generations', anns, 503, undefined],
        ['get', '/search', '/search', anns, 429, 'retry-after'],
        ['post', '/admin/rebuilds', '/admin/rebuilds', bobs, 202, 'location'],
        ['post', '/admin/rebuilds/{id}/cancel', '/admin/rebuilds/r-1/cancel', bobs, 202, undefined],
      ] as const) {
        const answered = await get(address, init);
        assert.deepEqual(
          [answered.status, header && answered.headers.has(header)],
          [status, header && true],
          answered.text,
        );
        const answer = { ...answered, contentType: answered.headers.get('content-type') };
        assert.equal(answerJudge(document)(method, path, answer), undefined);
        if (header !== undefined && status !== 503) {
          const without = { ...answer, headers: new Headers() };
          assert.notEqual(answerJudge(document)(method, path, without), undefined, `${status} without ${header}`);
        }
      }
    });
  });

  it('describes an outage', async () => {
    const search = () => Promise.reject(new IndexUnavailableError('gone'));
    await withDocument(async (get, document) => {
      const answered = await get('/search');
      const answer = { ...answered, contentType: answered.headers.get('content-type') };
      assert.equal(answerJudge(document)('get', '/search', answer), undefined);
      assert.notEqual(answerJudge(document)('get', '/search', { ...answer, status: 204, text: 'x' }), undefined);
      assert.notEqual(answerJudge(document)('get', '/search', { ...answer, text: '{"title":"x"}' }), undefined);
    }, { search }); // prettier-ignore
  });
});
