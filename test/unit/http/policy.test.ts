import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHttpApp } from '../../../src/http/app.ts';
import type { HttpPolicy } from '../../../src/http/app.ts';
import { createAuthenticator } from '../../../src/http/auth.ts';
import type { AuthResult } from '../../../src/http/auth.ts';
import type { HttpDependencies, RequestObservation } from '../../../src/http/dependencies.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withServer } from './running-app.ts';
import type { Answered } from './running-app.ts';

type Request = (path: string, init?: RequestInit) => Promise<Answered>;

async function underPolicy(
  policy: HttpPolicy,
  test: (request: Request, port: number) => Promise<void>,
  replaced: Partial<HttpDependencies> = {},
): Promise<void> {
  await withServer(createHttpApp(fakeDependencies(new FakeOrders(), replaced), 'all', policy), test);
}

const SHOP = 'https://shop.example';
const ASKED = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

describe('the origins that may use the interface', () => {
  const policy = { corsOrigins: [SHOP] };

  describe('when a page of an allowed origin asks', () => {
    it('lets it read the answer, and the headers that it needs', async () => {
      await underPolicy(policy, async (request) => {
        const { status, headers } = await request('/search', { headers: { origin: SHOP } });
        assert.equal(status, 200);
        assert.equal(headers.get('access-control-allow-origin'), SHOP);
        assert.match(headers.get('access-control-expose-headers') ?? '', /Retry-After/);
        assert.match(headers.get('vary') ?? '', /Origin/);
        assert.equal(headers.get('access-control-allow-credentials'), null);
      });
    });

    it('lets it read a refusal too', async () => {
      await underPolicy(policy, async (request) => {
        const { status, headers } = await request('/search?size=x', { headers: { origin: SHOP } });
        assert.deepEqual([status, headers.get('access-control-allow-origin')], [400, SHOP]);
      });
    });

    it('answers its preflight, and takes its change', async () => {
      await underPolicy(policy, async (request) => {
        const path = '/admin/dead-letters/replay';
        const preflight = await request(path, { method: 'OPTIONS', headers: { origin: SHOP, ...ASKED } });
        assert.equal(preflight.status, 204);
        assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /POST/);
        assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization/);
        const sent = { origin: SHOP, 'sec-fetch-site': 'cross-site' };
        assert.equal((await request(path, { method: 'POST', headers: sent })).status, 200);
      });
    });
  });

  describe('when a page of another origin asks', () => {
    for (const origin of ['https://shop.example.evil', 'http://shop.example', 'null', 'https://SHOP.example']) {
      it(`tells the browser nothing: ${origin}`, async () => {
        await underPolicy(policy, async (request) => {
          for (const init of [{}, { method: 'OPTIONS' }]) {
            const { headers } = await request('/search', { ...init, headers: { origin, ...ASKED } });
            assert.equal(headers.get('access-control-allow-origin'), null);
            assert.equal(headers.get('access-control-allow-methods'), null);
          }
          const sent = { origin, 'sec-fetch-site': 'cross-site' };
          assert.equal((await request('/admin/dead-letters/replay', { method: 'POST', headers: sent })).status, 403);
        });
      });
    }
  });

  describe('when none is allowed', () => {
    it('allows none, not even every one', async () => {
      await underPolicy({}, async (request) => {
        const { headers } = await request('/search', { headers: { origin: SHOP } });
        assert.equal(headers.get('access-control-allow-origin'), null);
      });
    });
  });
});

describe('how many requests a caller may send', () => {
  const by = { authorization: 'Bearer ann' };
  const authenticate = (authorization: string | undefined): Promise<AuthResult> => {
    const sub = /^Bearer (\w+)$/.exec(authorization ?? '')?.[1];
    return Promise.resolve(
      sub === undefined
        ? { kind: 'refused', reason: 'no token' }
        : { kind: 'caller', caller: { role: 'support', sub } },
    );
  };

  const off = { authenticate: createAuthenticator({ kind: 'off' }) };

  it('is told with each answer', async () => {
    await underPolicy({ requestsPerMinute: 10 }, async (request) => {
      const { headers } = await request('/search', { headers: by });
      assert.match(headers.get('ratelimit') ?? '', /r=9; ?t=\d+/);
      assert.match(headers.get('ratelimit-policy') ?? '', /q=10; ?w=60/);
    }, { authenticate }); // prettier-ignore
  });

  it('is refused beyond the limit, with when to try again, for this caller alone', async () => {
    await underPolicy({ requestsPerMinute: 2 }, async (request) => {
      const statuses = [];
      for (let n = 0; n < 4; n++) statuses.push((await request('/search', { headers: by })).status);
      assert.deepEqual(statuses, [200, 200, 429, 429]);
      const refused = await request('/suggest?q=x', { headers: by });
      assert.equal(refused.headers.get('content-type'), 'application/problem+json');
      assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
      assert.equal((await request('/search', { headers: { authorization: 'Bearer bob' } })).status, 200);
    }, { authenticate }); // prettier-ignore
  });

  it('is counted by address where there is no token, also for attempts to come in', async () => {
    await underPolicy({ requestsPerMinute: 2 }, async (request) => {
      const statuses = [];
      for (let n = 0; n < 3; n++) statuses.push((await request('/search')).status);
      assert.deepEqual(statuses, [401, 401, 429]);
      assert.equal((await request('/search', { headers: by })).status, 200);
    }, { authenticate }); // prettier-ignore
  });

  it('is counted by address where authentication is off, whatever a header claims', async () => {
    await underPolicy({ requestsPerMinute: 1 }, async (request) => {
      assert.equal((await request('/search')).status, 200);
      assert.equal((await request('/search', { headers: { ...by, 'x-forwarded-for': '192.0.2.9' } })).status, 429);
    }, off); // prettier-ignore
  });

  it('trusts what a proxy says of the address where there is one', async () => {
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    await underPolicy({ requestsPerMinute: 1, trustedProxies: 1 }, async (request) => {
      assert.equal((await request('/search', from('192.0.2.1'))).status, 200);
      assert.equal((await request('/search', from('192.0.2.1'))).status, 429);
      assert.equal((await request('/search', from('192.0.2.2'))).status, 200);
      assert.equal((await request('/search', from('192.0.2.3, 192.0.2.2'))).status, 429);
    }, off); // prettier-ignore
  });

  it('has no limit for health and metrics', async () => {
    await underPolicy({ requestsPerMinute: 1 }, async (request) => {
      for (const path of ['/health', '/health/live', '/metrics', '/health', '/metrics']) {
        assert.equal((await request(path)).status, 200);
      }
    });
  });
});

describe('a client that hangs up', () => {
  for (const path of ['/search', '/suggest?q=x', '/customers/C-1/orders', '/orders/A-1', '/orders/A-1/history']) {
    it(`ends what is under way for ${path}, of which nothing is logged as an error`, async () => {
      const lines: string[] = [];
      const observed: RequestObservation[] = [];
      const begun = Promise.withResolvers<AbortSignal>();
      const hang = (_query: unknown, signal: AbortSignal) => {
        begun.resolve(signal);
        return once(signal, 'abort').then(() => Promise.reject(signal.reason as Error));
      };
      const replaced = {
        ...{ search: hang, suggest: hang, customerOrders: hang, getOrder: hang },
        log: createLogger('error', { write: (line) => void lines.push(line) }),
        observeRequest: (observation: RequestObservation) => void observed.push(observation),
      };
      await underPolicy({}, async (request) => {
        const client = new AbortController();
        const answered = request(path, { signal: client.signal });
        const signal = await begun.promise;
        client.abort();
        await assert.rejects(answered, { name: 'AbortError' });
        await eventually(() => assert.deepEqual([signal.aborted, observed.map(({ status }) => status)], [true, [499]]));
        await request('/health/live');
      }, replaced); // prettier-ignore
      assert.deepEqual(lines, []);
    });
  }
});

describe('a client that is answered', () => {
  it('gives nothing up: what was done for it is not told that nobody waits', async () => {
    const ended: AbortSignal[] = [];
    const observed: RequestObservation[] = [];
    const suggest = (_query: unknown, signal: AbortSignal) => {
      ended.push(signal);
      return Promise.resolve({ completions: [], didYouMean: null });
    };
    const observeRequest = (observation: RequestObservation) => void observed.push(observation);
    await underPolicy({}, async (request) => {
      await request('/suggest?q=x');
      await eventually(() => assert.deepEqual(observed.map(({ status }) => status), [200])); // prettier-ignore
    }, { suggest, observeRequest }); // prettier-ignore
    assert.deepEqual(ended.map(({ aborted }) => aborted), [false]); // prettier-ignore
  });
});
