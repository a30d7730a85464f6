import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { JWTPayload } from 'jose';
import type { Logger } from '../../../src/observability/logging.ts';
import { searchAnswer } from '../../../src/http/answers.ts';
import {
  AuthenticationUnavailableError,
  createAuthenticator,
  isNamed,
  logAuthenticationOutages,
} from '../../../src/http/auth.ts';
import type { Authenticate } from '../../../src/http/auth.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import { eventually } from '../../support/eventually.ts';
import type { Answered } from './running-app.ts';

const SECRET = 'a-secret-of-thirty-two-bytes-and-more';
const NO_CLAIMS = { issuer: undefined, audience: undefined };
const authenticate = createAuthenticator({ kind: 'secret', secret: SECRET, ...NO_CLAIMS });

async function token(payload: JWTPayload, { secret = SECRET, expires = '5m', alg = 'HS256' } = {}): Promise<string> {
  const signing = new SignJWT(payload).setProtectedHeader({ alg });
  if (payload.exp === undefined) signing.setExpirationTime(expires);
  return signing.sign(new TextEncoder().encode(secret));
}

async function get(path: string, authorization?: string, auth: Authenticate = authenticate): Promise<Answered> {
  const orders = new FakeOrders();
  orders.add(
    orderDocument('A-1', { customerId: 'C-1', sellerId: 'S-1' }),
    orderDocument('A-2', { customerId: 'C-2', sellerId: 'S-2' }),
  );
  const headers = authorization === undefined ? {} : { authorization };
  return withApp(fakeDependencies(orders, { authenticate: auth }), (request) => request(path, { headers }));
}

const READS = ['/search', '/orders/A-1', '/orders/A-1/history'];

/** As tokens have it: epoch seconds. */
const now = () => Math.floor(Date.now() / 1_000);

describe('authentication', () => {
  describe('when the token is valid', () => {
    it('shows support and admins everything', async () => {
      for (const role of ['support', 'admin']) {
        const answered = await get('/search', `Bearer ${await token({ sub: 'me', role })}`);
        assert.equal(searchAnswer.parse(answered.json()).total, 2);
      }
    });

    for (const [role, sub] of [
      ['customer', 'C-2'],
      ['seller', 'S-2'],
    ] as const) {
      it(`shows a ${role} its own orders, and no trace of others`, async () => {
        const authorization = `Bearer ${await token({ sub, role })}`;
        const found = searchAnswer.parse((await get('/search', authorization)).json());
        assert.deepEqual(
          found.hits.map((hit) => hit.order.orderId),
          ['A-2'],
        );
        assert.equal(found.total, 1);
        assert.equal((await get('/orders/A-2', authorization)).status, 200);
        assert.equal((await get('/orders/A-2/history', authorization)).status, 200);
        const [foreign, unknown] = [await get('/orders/A-1', authorization), await get('/orders/A-9', authorization)];
        assert.equal(foreign.status, 404);
        assert.equal(foreign.text, unknown.text);
        assert.equal((await get('/orders/A-1/history', authorization)).status, 404);
      });
    }
  });

  describe('when there is no valid token', () => {
    const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"me","role":"admin","exp":9999999999}')}.`.replaceAll(
      '=',
      '',
    );
    const cases: [string, () => Promise<string | undefined> | string | undefined][] = [
      ['no header', () => undefined],
      ['another scheme', () => 'Basic YTpi'],
      ['no token', () => 'Bearer '],
      ['nonsense', () => 'Bearer nonsense'],
      ['alg none', () => `Bearer ${unsigned}`],
      [
        'another secret',
        async () => `Bearer ${await token({ sub: 'me', role: 'admin' }, { secret: SECRET.toUpperCase() })}`,
      ],
      [
        'another algorithm',
        async () => `Bearer ${await token({ sub: 'me', role: 'admin' }, { alg: 'HS512', secret: SECRET.repeat(2) })}`,
      ],
      ['an expired token', async () => `Bearer ${await token({ sub: 'me', role: 'admin' }, { expires: '-1m' })}`],
      ['a token that has just expired', async () => `Bearer ${await token({ sub: 'me', role: 'admin', exp: now() })}`],
      ['a token for later', async () => `Bearer ${await token({ sub: 'me', role: 'admin', nbf: now() + 60 })}`],
      ['no subject', async () => `Bearer ${await token({ role: 'admin' })}`],
      ['an empty subject', async () => `Bearer ${await token({ sub: '', role: 'customer' })}`],
      ['no role', async () => `Bearer ${await token({ sub: 'me' })}`],
      ['an unknown role', async () => `Bearer ${await token({ sub: 'me', role: 'root' })}`],
      ['a list of roles', async () => `Bearer ${await token({ sub: 'me', role: ['admin'] })}`],
    ];
    for (const [what, authorization] of cases) {
      it(`answers 401 to ${what}`, async () => {
        const header = await authorization();
        for (const path of READS) {
          const answered = await get(path, header);
          assert.equal(answered.status, 401, path);
          assert.match(answered.headers.get('www-authenticate') ?? '', /^Bearer/);
          assert.doesNotMatch(answered.text, /A-1/);
        }
      });
    }

    it('takes a token that is valid from now on by a clock that is some seconds ahead', async () => {
      const signed = await token({ sub: 'me', role: 'admin', nbf: now() + 3 });
      assert.equal((await get('/search', `Bearer ${signed}`)).status, 200);
    });

    it('says until when a token is taken', async () => {
      const signed = await token({ sub: 'me', role: 'admin', exp: 2_000_000_000 });
      assert.deepEqual(await authenticate(`Bearer ${signed}`), {
        kind: 'caller',
        caller: { role: 'admin', sub: 'me' },
        expiresAt: 2_000_000_000_000,
      });
    });

    it('takes a token that never expires: no rule says that one has to', async () => {
      const eternal = await new SignJWT({ sub: 'me', role: 'admin' })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(new TextEncoder().encode(SECRET));
      const caller = { role: 'admin', sub: 'me' };
      assert.deepEqual(await authenticate(`Bearer ${eternal}`), { kind: 'caller', caller });
      assert.equal((await get('/search', `Bearer ${eternal}`)).status, 200);
    });

    it('leaves health, metrics and the pages open', async () => {
      for (const path of ['/health', '/health/live', '/health/ready', '/metrics', '/'])
        assert.equal((await get(path)).status, 200, path);
    });
  });

  describe('when issuer and audience are configured', () => {
    const strict = createAuthenticator({ kind: 'secret', secret: SECRET, issuer: 'shop', audience: 'orders' });

    it('takes only tokens that name them', async () => {
      const right = await token({ sub: 'me', role: 'admin', iss: 'shop', aud: 'orders' });
      assert.equal((await strict(`Bearer ${right}`)).kind, 'caller');
      for (const wrong of [
        { iss: 'shop' },
        { aud: 'orders' },
        { iss: 'other', aud: 'orders' },
        { iss: 'shop', aud: 'other' },
      ]) {
        assert.equal((await strict(`Bearer ${await token({ sub: 'me', role: 'admin', ...wrong })}`)).kind, 'refused');
      }
    });
  });

  describe('when it is off', () => {
    it('takes everyone for an admin', async () => {
      const off = createAuthenticator({ kind: 'off' });
      assert.deepEqual(await off(undefined), { kind: 'caller', caller: { role: 'admin', sub: 'anonymous' } });
    });

    it('shows who asks for it what another role sees', async () => {
      const off = createAuthenticator({ kind: 'off' });
      const found = (await get('/search', 'Act-As seller S%2D2', off)).json() as { hits: { order: object }[] };
      assert.deepEqual(
        found.hits.map(({ order }) => 'orderId' in order && order.orderId),
        ['A-2'],
      );
      assert.equal((await get('/orders/A-1', 'Act-As customer C-2', off)).status, 404);
      assert.equal((await get('/admin/parked', 'Act-As support me', off)).status, 403);
      for (const odd of ['Act-As king me', 'Act-As seller', 'Act-As seller %', 'Bearer x'])
        assert.equal((await get('/admin/parked', odd, off)).status, 200, odd);
    });

    it('counts them with all others of their address, whatever names they choose', async () => {
      const off = createAuthenticator({ kind: 'off' });
      const result = await off('Act-As seller S-1');
      assert.equal(result.kind === 'caller' && isNamed(result.caller), false);
    });
  });

  describe('when it is on', () => {
    it('takes nobody for what they say they are', async () => {
      assert.equal((await get('/search', 'Act-As seller S-2')).status, 401);
    });
  });

  describe('when keys come from a key set', () => {
    it('takes tokens signed by one of them, and refuses its public key as a secret', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
      const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
      await withKeySet(JSON.stringify({ keys: [jwk] }), async (url) => {
        const check = createAuthenticator({ kind: 'jwks', url, ...NO_CLAIMS });
        const sign = (kid: string) =>
          new SignJWT({ sub: 'me', role: 'support' })
            .setProtectedHeader({ alg: 'ES256', kid })
            .setExpirationTime('5m')
            .sign(privateKey);
        const taken = await check(`Bearer ${await sign('k1')}`);
        assert.deepEqual(taken.kind === 'caller' && taken.caller, { role: 'support', sub: 'me' });
        assert.equal((await check(`Bearer ${await sign('k2')}`)).kind, 'refused');
        const confused = await token({ sub: 'me', role: 'admin' }, { secret: JSON.stringify(jwk) });
        assert.equal((await check(`Bearer ${confused}`)).kind, 'refused');
      });
    });

    it('takes a key soon that was added since the set was fetched', async () => {
      const pairs = await Promise.all([1, 2].map(() => generateKeyPair('ES256', { extractable: true })));
      const published = await Promise.all(
        pairs.map(async ({ publicKey }, at) => ({ ...(await exportJWK(publicKey)), kid: `k${at}`, alg: 'ES256' })),
      );
      let count = 1;
      await withKeySet(
        () => JSON.stringify({ keys: published.slice(0, count) }),
        async (url) => {
          const check = createAuthenticator({ kind: 'jwks', url, ...NO_CLAIMS });
          const kindOf = async (by: number) => {
            const token = new SignJWT({ sub: 'me', role: 'support' }).setProtectedHeader({
              alg: 'ES256',
              kid: `k${by}`,
            });
            const signed = await token.setExpirationTime('5m').sign(pairs[by]?.privateKey ?? new Uint8Array());
            return (await check(`Bearer ${signed}`)).kind;
          };
          assert.equal(await kindOf(0), 'caller');
          count = 2;
          await eventually(async () => assert.equal(await kindOf(1), 'caller'), 10_000);
        },
      );
    });

    it('takes a token that does not say by which of several keys it is signed', async () => {
      const pairs = await Promise.all([1, 2, 3].map(() => generateKeyPair('ES256', { extractable: true })));
      const keys = await Promise.all(pairs.slice(0, 2).map(({ publicKey }) => exportJWK(publicKey)));
      await withKeySet(JSON.stringify({ keys }), async (url) => {
        const check = createAuthenticator({ kind: 'jwks', url, ...NO_CLAIMS });
        const kindOf = async (by: number, expires: string) => {
          const token = new SignJWT({ sub: 'me', role: 'support' }).setProtectedHeader({ alg: 'ES256' });
          const signed = await token.setExpirationTime(expires).sign(pairs[by]?.privateKey ?? new Uint8Array());
          return (await check(`Bearer ${signed}`)).kind;
        };
        assert.deepEqual([await kindOf(0, '5m'), await kindOf(1, '5m')], ['caller', 'caller']);
        assert.deepEqual([await kindOf(2, '5m'), await kindOf(1, '-5m')], ['refused', 'refused']);
      });
    });

    it('logs once that they cannot be fetched, without their address, and once that they can again', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
      const keys = JSON.stringify({ keys: [await exportJWK(publicKey)] });
      const logged: unknown[] = [];
      const log = {
        warn: (details: unknown) => logged.push(details),
        info: (said: unknown) => logged.push(said),
      } as unknown as Pick<Logger, 'info' | 'warn'>;
      let isAway = true;
      await withKeySet(
        () => (isAway ? 'no keys' : keys),
        async (url) => {
          const check = logAuthenticationOutages(createAuthenticator({ kind: 'jwks', url, ...NO_CLAIMS }), log);
          const token = new SignJWT({ sub: 'me', role: 'support' }).setProtectedHeader({ alg: 'ES256' });
          const signed = await token.setExpirationTime('5m').sign(privateKey);
          for (let time = 0; time < 2; time++)
            await assert.rejects(check(`Bearer ${signed}`), AuthenticationUnavailableError);
          assert.equal((await check(undefined)).kind, 'refused');
          isAway = false;
          for (let time = 0; time < 2; time++) assert.equal((await check(`Bearer ${signed}`)).kind, 'caller');
        },
      );
      const reason = 'Failed to parse the JSON Web Key Set HTTP response as JSON';
      assert.deepEqual(logged, [{ reason }, 'tokens can be checked again']);
      const nowhere = createAuthenticator({ kind: 'jwks', url: 'http://me:secret@127.0.0.1:1/jwks', ...NO_CLAIMS });
      const { privateKey: other } = await generateKeyPair('ES256');
      const token = await new SignJWT({ sub: 'me' })
        .setProtectedHeader({ alg: 'ES256' })
        .setExpirationTime('5m')
        .sign(other);
      await assert.rejects(logAuthenticationOutages(nowhere, log)(`Bearer ${token}`), AuthenticationUnavailableError);
      assert.doesNotMatch(JSON.stringify(logged), /secret/);
    });

    it('answers 503, not 401, when they cannot be fetched', async () => {
      await withKeySet('no keys', async (url) => {
        const check = createAuthenticator({ kind: 'jwks', url, ...NO_CLAIMS });
        const { privateKey } = await generateKeyPair('ES256');
        const signed = await new SignJWT({ sub: 'me' })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('5m')
          .sign(privateKey);
        await assert.rejects(check(`Bearer ${signed}`), AuthenticationUnavailableError);
        const answered = await get('/search', `Bearer ${signed}`, check);
        assert.equal(answered.status, 503);
        assert.ok(answered.headers.get('retry-after'));
      });
    });
  });
});

async function withKeySet(body: string | (() => string), test: (url: string) => Promise<void>): Promise<void> {
  const server = createServer((_request, response) => response.end(typeof body === 'string' ? body : body()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
