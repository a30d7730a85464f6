import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type GenerateKeyPairResult, type JWK } from 'jose';
import { createKeySet } from '../../../src/http/key-set.ts';

const MINUTE_MS = 60_000;

describe('a key set', () => {
  let privateKey: GenerateKeyPairResult['privateKey'];
  let published: JWK[];
  /** What the provider answers with; undefined: nothing, it is away. */
  let status: number | undefined;
  /** Whether it takes for ever. */
  let isSilent: boolean;
  let fetches: number;
  let time: number;
  let keySet: ReturnType<typeof createKeySet>;

  beforeEach(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    ({ privateKey } = pair);
    published = [{ ...(await exportJWK(pair.publicKey)), kid: 'known', alg: 'ES256' }];
    [status, fetches, time, isSilent] = [200, 0, 0, false];
    keySet = createKeySet(new URL('https://id.example/jwks'), {
      now: () => time,
      fetch: () => {
        fetches += 1;
        if (isSilent) return new Promise<never>(() => undefined);
        if (status === undefined) return Promise.reject(new Error('away'));
        return Promise.resolve(new Response(JSON.stringify({ keys: published }), { status }));
      },
    });
  });

  async function isTaken(kid: string): Promise<boolean> {
    const signed = await new SignJWT({ sub: 'me' }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
    return await jwtVerify(signed, keySet).then(
      () => true,
      () => false,
    );
  }

  for (const answer of [429, undefined]) {
    describe(`when the provider answers ${answer ?? 'nothing'} any more`, () => {
      it('goes on with the keys that are known, however old', async () => {
        assert.equal(await isTaken('known'), true);
        status = answer;
        time = 60 * MINUTE_MS;
        assert.equal(await isTaken('known'), true);
        time += MINUTE_MS;
        assert.equal(await isTaken('known'), true);
      });

      it('is not asked again for each token of a key that nobody knows', async () => {
        status = answer;
        for (let n = 0; n < 50; n++) assert.equal(await isTaken(`unknown-${n}`), false);
        assert.equal(fetches, 1);
      });

      it('is asked again some seconds later', async () => {
        status = answer;
        assert.equal(await isTaken('known'), false);
        status = 200;
        assert.equal(await isTaken('known'), false);
        time += 5_000;
        assert.equal(await isTaken('known'), true);
      });
    });
  }

  it('is not waited for again once it has failed', async () => {
    assert.equal(await isTaken('known'), true);
    status = undefined;
    time = 60 * MINUTE_MS;
    assert.equal(await isTaken('known'), true);
    isSilent = true;
    time += MINUTE_MS;
    assert.equal(await isTaken('known'), true);
    assert.equal(fetches, 3);
  });

  it('forgets a key ten minutes after it was taken out', async () => {
    assert.equal(await isTaken('known'), true);
    published = [];
    time = 9 * MINUTE_MS;
    assert.equal(await isTaken('known'), true);
    time = 11 * MINUTE_MS;
    assert.equal(await isTaken('known'), false);
  });
});
