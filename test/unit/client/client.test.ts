import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { z } from 'zod';
import { createClient, OrderSearchProblem } from '../../../src/client/index.ts';
import type {
  CustomerOrdersAnswer,
  HistoryAnswer,
  LagAnswer,
  OrderAnswer,
  RevenueDailyAnswer,
  SearchAnswer,
  SellerDashboardAnswer,
  SuggestAnswer,
} from '../../../src/client/index.ts';
import type {
  customerOrdersAnswer,
  historyAnswer,
  lagAnswer,
  orderAnswer,
  revenueDailyAnswer,
  searchAnswer,
  sellerDashboardAnswer,
  suggestAnswer,
} from '../../../src/http/answers.ts';

const run = promisify(execFile);
const ROOT = new URL('../../../', import.meta.url).pathname;
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Answers one after another, and what it was asked. */
function answering(...answers: readonly Response[]) {
  const asked: { readonly url: string; readonly headers: Headers }[] = [];
  const left = [...answers];
  const fake = (url: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> => {
    asked.push({ url: url instanceof Request ? url.url : url.toString(), headers: new Headers(init?.headers) });
    return Promise.resolve(left.shift() ?? Response.json({}));
  };
  return { asked, fetch: fake };
}

function refusal(status: number, headers: Record<string, string> = {}, body = '{"detail":"busy"}'): Response {
  return new Response(body, { status, headers });
}

const PROBLEM = { 'content-type': 'application/problem+json' };
const NONE = '{"type":"urn:problem-type:order-search:no-such-thing","detail":"There is no such order."}';

/** As the service says that there is no such thing. */
function none(): Response {
  return refusal(404, PROBLEM, NONE);
}

describe('createClient', () => {
  describe('when the service asks to try again', () => {
    it('does so after as long as it says', async () => {
      const { asked, fetch } = answering(
        refusal(503, { 'retry-after': '0' }),
        refusal(429, { 'retry-after': '0' }),
        Response.json({ total: 1 }),
      );
      const answer = await createClient({ url: 'http://orders.example', fetch }).search({});
      assert.deepEqual([answer.total, asked.length], [1, 3]);
    });

    it('tells of it in the end, and at once where it does not say when', async () => {
      const busy = () => refusal(503, { 'retry-after': '0' });
      const { asked, fetch } = answering(busy(), busy(), busy());
      const twice = createClient({ url: 'http://orders.example', fetch, attempts: 2 });
      await assert.rejects(twice.search({}), { status: 503, message: 'busy', retryAfterSeconds: 0 });
      assert.equal(asked.length, 2);
      const vague = answering(refusal(503));
      await assert.rejects(createClient({ url: 'http://x.example', fetch: vague.fetch }).search({}), { status: 503 });
      assert.equal(vague.asked.length, 1);
    });

    it('stops waiting when it is told to', async () => {
      const { fetch } = answering(refusal(503, { 'retry-after': '600' }));
      const giveUp = new AbortController();
      const answer = createClient({ url: 'http://orders.example', fetch }).search({}, { signal: giveUp.signal });
      setImmediate(() => giveUp.abort());
      await assert.rejects(answer, { name: 'AbortError' });
    });
  });

  it('gives an order once, which has moved to a later page meanwhile', async () => {
    const pageOf = (ids: readonly string[], nextCursor: string | null) =>
      Response.json({ hits: ids.map((orderId) => ({ order: { orderId } })), nextCursor });
    const { fetch } = answering(pageOf(['A', 'B'], 'x'), pageOf(['B', 'C'], 'y'), pageOf(['A', 'D'], null));
    const ids: string[] = [];
    for await (const { order } of createClient({ url: 'http://x.example', fetch }).hits({})) ids.push(order.orderId);
    assert.deepEqual(ids, ['A', 'B', 'C', 'D']);
  });

  it('sends the token it has then', async () => {
    let token = 'one';
    const { asked, fetch } = answering();
    const client = createClient({ url: 'http://orders.example', fetch, token: () => token });
    await client.search({});
    token = 'two';
    await client.suggest('x');
    assert.deepEqual(asked.map(({ headers }) => headers.get('authorization')), ['Bearer one', 'Bearer two']); // prettier-ignore
  });

  it('keeps the path at which the service is, and escapes ids', async () => {
    const { asked, fetch } = answering();
    await createClient({ url: 'http://x.example/orders/api', fetch }).order('a/../b?c');
    assert.equal(asked[0]?.url, 'http://x.example/orders/api/orders/a%2F..%2Fb%3Fc');
  });

  it('rejects, naming it, for an id that no address can have, and asks nothing', async () => {
    const { asked, fetch } = answering();
    const client = createClient({ url: 'http://x.example/api', fetch });
    for (const [id, named] of [
      ['\ud800', /"\\ud800"/],
      ['a\udc00', /"a\\udc00"/],
      ['', /""/],
      ['.', /"\."/],
      ['..', /"\.\."/],
    ] as const) {
      for (const answer of [
        client.order(id),
        client.history(id),
        client.customerOrders(id),
        client.sellerDashboard(id),
        client.waitForVersion(id, 1),
      ])
        await assert.rejects(answer, { name: 'TypeError', message: named });
    }
    assert.deepEqual(asked, []);
  });

  it('asks for days as it is told, and for others where it is not', async () => {
    const { asked, fetch } = answering();
    const client = createClient({ url: 'http://x.example', fetch });
    await client.revenueDaily({ from: '2026-03-01', to: '2026-03-02', currency: ['EUR', 'JPY'] });
    await client.revenueDaily();
    await client.sellerDashboard('s/1', { from: '2026-03-01' });
    await client.sellerDashboard('s', { currency: 'EUR' });
    assert.deepEqual(
      asked.map(({ url }) => url.replace('http://x.example', '')),
      [
        '/revenue/daily?from=2026-03-01&to=2026-03-02&currency=EUR&currency=JPY',
        '/revenue/daily',
        '/sellers/s%2F1/dashboard?from=2026-03-01',
        '/sellers/s/dashboard?currency=EUR',
      ],
    );
  });

  it("has no dashboard of a seller that is not the caller's, and tells of revenue that is not for it", async () => {
    const { fetch } = answering(none(), refusal(403));
    const client = createClient({ url: 'http://x.example', fetch });
    assert.equal(await client.sellerDashboard('S-1'), undefined);
    await assert.rejects(client.revenueDaily(), { status: 403 });
  });

  it('takes only the word of the service for it that there is no such thing', async () => {
    const misled: readonly (() => Response)[] = [
      () => refusal(404, PROBLEM, '{"type":"about:blank","detail":"There is nothing at this address."}'),
      () => refusal(404, { 'content-type': 'text/html' }, '<h1>Not Found</h1>'),
      () => refusal(404, { 'content-type': 'application/json' }, 'null'),
      () => refusal(404, { 'content-type': 'application/json' }, NONE),
      () => refusal(404, PROBLEM, ''),
      () => refusal(410, PROBLEM, NONE),
    ];
    for (const answer of misled) {
      const { fetch } = answering(...Array.from({ length: 5 }, answer));
      const client = createClient({ url: 'http://x.example/wrong', fetch });
      for (const asked of [
        client.order('A'),
        client.history('A'),
        client.customerOrders('C'),
        client.sellerDashboard('S'),
        client.waitForVersion('A', 2),
      ])
        await assert.rejects(asked, { name: 'OrderSearchProblem', status: answer().status });
    }
    const typed = answering(refusal(404, { 'content-type': 'Application/Problem+JSON; charset=utf-8' }, NONE));
    assert.equal(await createClient({ url: 'http://x.example', fetch: typed.fetch }).order('A'), undefined);
  });

  it('takes an answer that is no problem for one', async () => {
    const { fetch } = answering(refusal(502, {}, '<html>'));
    await assert.rejects(createClient({ url: 'http://x.example', fetch }).search({}), (error) => {
      assert.ok(error instanceof OrderSearchProblem);
      assert.deepEqual([error.status, error.message, error.errors], [502, 'The service answered 502.', []]);
      return true;
    });
  });

  it('does not wait for an order that is hidden by now', async () => {
    const { asked, fetch } = answering(none());
    const client = createClient({ url: 'http://x.example', fetch });
    assert.equal(await client.waitForVersion('A', 2, { waitMs: 60_000 }), undefined);
    assert.equal(asked.length, 1);
  });

  it('asks again as long as a version has not arrived', async () => {
    const { asked, fetch } = answering(refusal(412), refusal(412), Response.json({ order: {} }));
    const client = createClient({ url: 'http://x.example', fetch });
    assert.deepEqual(await client.waitForVersion('A', 2, { waitMs: 60_000 }), { order: {} });
    assert.equal(asked.length, 3);
    assert.match(asked[0]?.url ?? '', /\?minVersion=2&waitMs=10000$/);
  });
});

/** True where each is the other; anything else does not compile. */
type Same<A, B> = [A, B] extends [B, A] ? true : never;

describe('the types of the client', () => {
  it('are those of the answers that the service documents', () => {
    const same: [
      Same<SearchAnswer, z.output<typeof searchAnswer>>,
      Same<SuggestAnswer, z.output<typeof suggestAnswer>>,
      Same<OrderAnswer, z.output<typeof orderAnswer>>,
      Same<HistoryAnswer, z.output<typeof historyAnswer>>,
      Same<CustomerOrdersAnswer, z.output<typeof customerOrdersAnswer>>,
      Same<RevenueDailyAnswer, z.output<typeof revenueDailyAnswer>>,
      Same<SellerDashboardAnswer, z.output<typeof sellerDashboardAnswer>>,
      Same<LagAnswer, z.output<typeof lagAnswer>>,
    ] = [true, true, true, true, true, true, true, true];
    assert.equal(same.length, 8);
  });
});

describe('the client as it is packed', function () {
  this.timeout(60_000);
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-client-'));
    await run(process.execPath, [TSC, '-p', join(ROOT, 'tsconfig.client.json'), '--outDir', join(folder, 'client')]);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('runs without anything else', async () => {
    const packed = (await import(join(folder, 'client/index.js'))) as { createClient: typeof createClient };
    const { asked, fetch } = answering();
    await packed.createClient({ url: 'http://x.example', fetch }).suggest('x');
    assert.equal(asked[0]?.url, 'http://x.example/suggest?q=x');
  });

  it('has types that those who import it can use', async () => {
    const use = `import { createClient } from './client/index.js';
      const client = createClient({ url: 'http://x.example' });
      for await (const { order } of client.hits({ q: 'x', status: ['paid'] })) { const total: number = order.totalCents; void total; }
      const signal = undefined as AbortSignal | undefined;
      const answer = await client.customerOrders('C-1', { size: undefined, cursor: undefined, signal });
      await client.customerOrders('C-1', { cursor: answer?.nextCursor ?? undefined });
      await client.order('A', { at: undefined, signal });
      await client.waitForVersion('A', 2, { waitMs: undefined, signal });
      createClient({ url: 'http://x.example', token: undefined, attempts: undefined, fetch: undefined });
      // @ts-expect-error: there is no such status
      await client.search({ status: 'lost' });\n`;
    writeFileSync(join(folder, 'use.mts'), use);
    const options = [
      '--strict',
      '--exactOptionalPropertyTypes',
      '--noEmit',
      '--module',
      'NodeNext',
      '--target',
      'ES2024',
      '--lib',
      'ES2024,DOM',
    ];
    await run(process.execPath, [TSC, ...options, join(folder, 'use.mts')], { cwd: folder });
  });

  it('is what package.json exports', () => {
    const { exports, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, Record<string, string>>;
      scripts: Record<string, string>;
    };
    assert.deepEqual(exports['./client'], { types: './dist/client/index.d.ts', default: './dist/client/index.js' });
    assert.ok(scripts['prepack']?.split(' && ').includes('tsc -p tsconfig.client.json'));
  });
});
