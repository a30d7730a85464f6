import assert from 'node:assert/strict';
import { connect } from 'node:net';
import express from 'express';
import { z } from 'zod';
import { healthAnswer, readinessAnswer } from '../../../src/http/answers.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import { createAuthenticator } from '../../../src/http/auth.ts';
import type { HttpDependencies, RequestObservation } from '../../../src/http/dependencies.ts';
import { problemHandler } from '../../../src/http/problem-details.ts';
import { defineRoute, mountRoutes } from '../../../src/http/route.ts';
import type { Access } from '../../../src/http/route.ts';
import { combineHealth } from '../../../src/observability/health.ts';
import type { PartReport } from '../../../src/observability/health.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp, withServer } from './running-app.ts';
import type { Answered } from './running-app.ts';

async function get(path: string, init: RequestInit = {}, replaced: Partial<HttpDependencies> = {}): Promise<Answered> {
  return withApp(fakeDependencies(new FakeOrders(), replaced), (request) => request(path, init));
}

function assertProblem(answered: Answered, status: number): void {
  assert.equal(answered.status, status, answered.text);
  assert.equal(answered.headers.get('content-type'), 'application/problem+json');
  const problem = z.object({ type: z.string(), title: z.string(), status: z.literal(status), detail: z.string() });
  problem.parse(answered.json());
}

describe('createHttpApp', () => {
  describe('when the process only projects', () => {
    it('serves health and metrics, and nothing else', async () => {
      const app = createHttpApp(fakeDependencies(new FakeOrders()), 'operations');
      await withServer(app, async (request) => {
        assert.equal((await request('/health/live')).status, 200);
        assert.equal((await request('/metrics')).status, 200);
        for (const path of ['/', '/search', '/orders/A-1']) assertProblem(await request(path), 404);
      });
    });
  });

  describe('when a page of another site sends a change', () => {
    it('refuses it, and takes the same from its own pages and from programs', async () => {
      const post = (headers: Record<string, string>) => get('/admin/dead-letters/replay', { method: 'POST', headers });
      assertProblem(await post({ 'sec-fetch-site': 'cross-site' }), 403);
      assertProblem(await post({ 'sec-fetch-site': 'same-site' }), 403);
      assert.notEqual((await post({ 'sec-fetch-site': 'same-origin' })).status, 403);
      assert.notEqual((await post({})).status, 403);
    });

    it('refuses it by its origin where the browser says no more, as to an address without TLS', async () => {
      await withServer(createHttpApp(fakeDependencies(new FakeOrders())), async (request, port) => {
        const address = `http://127.0.0.1:${port}`;
        const post = (origin: string) => request('/admin/dead-letters/replay', { method: 'POST', headers: { origin } });
        for (const origin of ['http://evil.example', 'null', `${address}9`]) assertProblem(await post(origin), 403);
        assert.notEqual((await post(address)).status, 403);
      });
    });
  });

  describe('when there is nothing at an address', () => {
    it('answers 404 as a problem', async () => {
      for (const path of ['/nothing', '/search/', '/SEARCH', '/../src/config.ts', '/%2e%2e/package.json', '/%00']) {
        assertProblem(await get(path), 404);
      }
    });
  });

  describe('when a page asks for the client', () => {
    it('is given it as JavaScript, and not again while it is the same', async () => {
      const client = await get('/client/index.ts');
      assert.equal(client.status, 200);
      assert.equal(client.headers.get('content-type'), 'text/javascript; charset=utf-8');
      assert.equal(client.headers.get('cache-control'), 'no-cache');
      assert.match(client.text, /export function createClient\(options {15,}\)/);
      // As a browser asks; `fetch` by itself would ask for a fresh one.
      const again = (tag: string) =>
        get('/client/index.ts', { headers: { 'if-none-match': tag, 'cache-control': 'max-age=0' } });
      assert.equal((await again(client.headers.get('etag') ?? '')).status, 304);
      assert.equal((await again('"old"')).status, 200);
    });
  });

  describe('when an address has no such method', () => {
    it('answers 405 with those it has', async () => {
      for (const path of ['/search', '/orders/A-1', '/health', '/']) {
        const answered = await get(path, { method: 'POST' });
        assertProblem(answered, 405);
        assert.equal(answered.headers.get('allow'), 'GET, HEAD, OPTIONS');
      }
    });

    it('tells them when asked', async () => {
      const answered = await get('/search', { method: 'OPTIONS' });
      assert.equal(answered.status, 204);
      assert.equal(answered.headers.get('allow'), 'GET, HEAD, OPTIONS');
    });
  });

  describe('when a body is too large', () => {
    it('answers 413', async () => {
      assertProblem(await get('/search', { method: 'POST', body: 'x'.repeat(65_537) }), 413);
    });
  });

  describe('when something unexpected is thrown', () => {
    it('answers 500 without a word of it, and logs it', async () => {
      const lines: string[] = [];
      const answered = await get('/search', {}, {
        search: () => Promise.reject(new Error('SELECT broke at /srv/app')),
        log: createLogger('error', { write: (line) => void lines.push(line) }),
      }); // prettier-ignore
      assertProblem(answered, 500);
      assert.doesNotMatch(answered.text, /SELECT|srv/);
      assert.match(lines.join(''), /SELECT broke/);
    });
  });

  describe('when any answer is sent', () => {
    it('has the security headers, and says nothing of the software', async () => {
      for (const path of ['/', '/search', '/nothing']) {
        const { headers } = await get(path);
        const policy = headers.get('content-security-policy') ?? '';
        assert.match(policy, /default-src 'none'/);
        assert.doesNotMatch(policy, /unsafe/);
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
        assert.equal(headers.get('x-powered-by'), null);
      }
    });
  });

  describe('when requests are measured', () => {
    it('names them by their route, never by their path', async () => {
      const seen: RequestObservation[] = [];
      const dependencies = fakeDependencies(new FakeOrders(), {
        observeRequest: (observation) => seen.push(observation),
      });
      await withApp(dependencies, async (request) => {
        await request('/search?q=secret');
        await request('/orders/A-77');
        await request('/search?size=x');
        await request('/search', { method: 'DELETE' });
        await request('/A-77/secret');
        await request('/');
        await request('/orders/%ZZ');
      });
      assert.deepEqual(
        seen.map(({ route, method, status }) => [route, method, status]),
        [
          ['/search', 'GET', 200],
          ['/orders/:id', 'GET', 404],
          ['/search', 'GET', 400],
          ['/search', 'DELETE', 405],
          ['unmatched', 'GET', 404],
          ['static', 'GET', 200],
          ['unmatched', 'GET', 400],
        ],
      );
      assert.ok(seen.every(({ durationSeconds }) => durationSeconds >= 0 && durationSeconds < 5));
    });

    it('counts a client that hung up as 499', async () => {
      const [searching, observed] = [Promise.withResolvers<undefined>(), Promise.withResolvers<RequestObservation>()];
      const dependencies = fakeDependencies(new FakeOrders(), {
        observeRequest: observed.resolve,
        search: () => {
          searching.resolve(undefined);
          return new Promise(() => undefined);
        },
      });
      await withApp(dependencies, async (request) => {
        const abort = new AbortController();
        const asked = request('/search', { signal: abort.signal });
        await searching.promise;
        abort.abort();
        await assert.rejects(asked);
        const { route, status } = await observed.promise;
        assert.deepEqual([route, status], ['/search', 499]);
      });
    });
  });

  describe('when the request is no HTTP', () => {
    it('answers 400 as a problem, and 431 to too many headers', async () => {
      const dependencies = fakeDependencies(new FakeOrders());
      await withApp(dependencies, async (_request, port) => {
        for (const [path, line] of [
          ['request', 'NONSENSE'],
          ['url', 'GET /\u0001 HTTP/1.1'],
        ] as const) {
          const answered = await sendRaw(port, `${line}\r\n\r\n`);
          assert.match(answered, /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*"status":400/);
          assert.ok(answered.includes(`"errors":[{"path":"${path}","message":`), answered);
        }
        const headers = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
        assert.match(await sendRaw(port, headers), /^HTTP\/1\.1 431 [^]*"status":431/);
      });
    });
  });
});

describe('GET /health', () => {
  const broker: PartReport = { state: 'down', reason: 'connection refused' };
  const cases: [string, Partial<Record<'broker' | 'index', PartReport>>, number, number][] = [
    ['everything is up', { broker: { state: 'up' }, index: { state: 'up' } }, 200, 200],
    ['a part is degraded', { index: { state: 'degraded', reason: 'yellow' } }, 200, 200],
    ['the broker is down', { broker, index: { state: 'up' } }, 503, 200],
    ['the index is down', { broker: { state: 'up' }, index: { state: 'down', reason: 'no answer' } }, 503, 503],
  ];
  for (const [when, parts, healthStatus, readyStatus] of cases) {
    describe(`when ${when}`, () => {
      it(`answers ${healthStatus}, and ${readyStatus} for ready, with the reasons`, async () => {
        const health = () => Promise.resolve(combineHealth(parts));
        const [whole, ready, live] = [
          await get('/health', {}, { health }),
          await get('/health/ready', {}, { health }),
          await get('/health/live', {}, { health }),
        ];
        assert.equal(whole.status, healthStatus);
        assert.deepEqual(
          healthAnswer.parse(whole.json()).parts.index,
          parts.index ?? { state: 'off', reason: 'not run by this instance' },
        );
        assert.equal(ready.status, readyStatus);
        const down = Object.entries(parts).filter(([, part]) => part.state === 'down');
        assert.deepEqual(
          readinessAnswer.parse(ready.json()).reasons,
          Object.fromEntries(down.map(([name, part]) => [name, part.reason])),
        );
        assert.equal(live.status, 200);
      });
    });
  }
});

describe('GET /metrics', () => {
  it('answers with what the registry says, in its own content type', async () => {
    const answered = await get('/metrics');
    assert.equal(answered.headers.get('content-type'), 'text/plain; version=0.0.4');
    assert.equal(answered.text, 'up 1\n');
  });
});

describe('mountRoutes', () => {
  const secret = 'a-secret-of-thirty-two-bytes-and-more';
  const route = (path: string, access: Access) =>
    defineRoute({
      ...{
        method: 'get',
        path,
        summary: '',
        access,
        params: z.object({}),
        query: z.strictObject({}),
        answers: { 200: z.unknown() },
      },
      handle: ({ caller }) => Promise.resolve({ body: caller }),
    });

  describe('when a route is for admins', () => {
    it('answers 401 without a token and 403 to other roles', async () => {
      const { SignJWT } = await import('jose');
      const app = express();
      mountRoutes(
        app,
        [route('/admin/things', 'admin')],
        createAuthenticator({ kind: 'secret', secret, issuer: undefined, audience: undefined }),
      );
      app.use(problemHandler(createLogger('silent')));
      await withServer(app, async (request) => {
        assertProblem(await request('/admin/things'), 401);
        for (const [role, status] of Object.entries({ customer: 403, seller: 403, support: 403, admin: 200 })) {
          const signed = await new SignJWT({ sub: 'me', role })
            .setProtectedHeader({ alg: 'HS256' })
            .setExpirationTime('1m')
            .sign(new TextEncoder().encode(secret));
          assert.equal(
            (await request('/admin/things', { headers: { authorization: `Bearer ${signed}` } })).status,
            status,
            role,
          );
        }
      });
    });
  });

  describe('when a route under /admin/ is not for admins alone', () => {
    it('refuses to mount it', () => {
      const authenticate = createAuthenticator({ kind: 'off' });
      assert.throws(
        () => mountRoutes(express(), [route('/admin/things', 'reader')], authenticate),
        /must be for admins/,
      );
    });
  });
});

async function sendRaw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
