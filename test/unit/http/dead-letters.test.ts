import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../../src/broker/port.ts';
import {
  deadLetterAnswer,
  deadLettersAnswer,
  discardAnswer,
  replayAllAnswer,
  replayAnswer,
} from '../../../src/http/dead-letter-answers.ts';
import type { DeadLetterOperations } from '../../../src/http/dependencies.ts';
import type {
  DeadLetterFilter,
  DeadLetterQuery,
  DeadLetterWithBody,
} from '../../../src/order-index/dead-letter-port.ts';
import { IndexUnavailableError, InvalidCursorError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const AT = '2026-01-02T03:04:05.678Z';

function letterOf(body: string | Uint8Array): DeadLetterWithBody {
  return {
    id: 'a1',
    refusal: { reason: 'invalid', path: 'data.items[3].quantity', message: 'must be at least 1' },
    orderId: 'A/1',
    sequence: 7,
    eventId: 'e-1',
    attempts: 2,
    firstFailedAt: AT,
    lastFailedAt: AT,
    bodyBytes: Buffer.byteLength(body),
    body: Buffer.from(body),
    revision: 'a secret',
  };
}

const never = () => assert.fail('not asked for');
const NONE: DeadLetterOperations = { list: never, get: never, replay: never, replayAll: never, discard: never };

async function ask(operations: Partial<DeadLetterOperations>, path: string, init: RequestInit = {}): Promise<Answered> {
  const dependencies = fakeDependencies(new FakeOrders(), { deadLetters: { ...NONE, ...operations } });
  return withApp(dependencies, (request) => request(`/admin/dead-letters${path}`, init));
}

const post = (body?: string): RequestInit => ({
  method: 'POST',
  ...(body !== undefined && { body, headers: { 'Content-Type': 'application/json' } }),
});

describe('GET /admin/dead-letters', () => {
  describe('when there are some', () => {
    it('answers with a page of them', async () => {
      const asked: DeadLetterQuery[] = [];
      const { body: _body, revision: _revision, ...long } = letterOf('x');
      const list = (query: DeadLetterQuery) => {
        asked.push(query);
        return Promise.resolve({ items: [letterOf('{"a": 1}'), long], nextCursor: 'next' });
      };
      const answered = await ask({ list }, '?reason=invalid&reason=too_large&orderId=A%2F1&size=7&cursor=c');
      assert.equal(answered.status, 200, answered.text);
      const { items, nextCursor } = deadLettersAnswer.parse(answered.json());
      assert.equal(nextCursor, 'next');
      assert.deepEqual(
        items.map(({ body, bodyEncoding }) => [body, bodyEncoding]),
        [
          ['{"a": 1}', 'utf-8'],
          [undefined, undefined],
        ],
      );
      assert.deepEqual(asked, [{ reason: ['invalid', 'too_large'], orderId: ['A/1'], size: 7, cursor: 'c' }]);
      assert.doesNotMatch(answered.text, /secret/);
    });
  });

  describe('when the parameters are wrong', () => {
    it('answers 400 and names them', async () => {
      for (const [query, path] of [
        ['?reason=bad_luck', 'reason'],
        ['?size=101', 'size'],
        ['?order=1', 'order'],
        ['?cursor=', 'cursor'],
      ]) {
        const answered = await ask({}, query ?? '');
        assert.equal(answered.status, 400, answered.text);
        const { errors } = answered.json() as { errors: { path: string }[] };
        assert.equal(errors[0]?.path, path);
      }
      const list = () => Promise.reject(new InvalidCursorError('changed'));
      assert.equal((await ask({ list }, '?cursor=x')).status, 400);
    });
  });

  describe('when the index is away', () => {
    it('answers 503', async () => {
      const list = () => Promise.reject(new IndexUnavailableError('away'));
      const answered = await ask({ list }, '');
      assert.equal(answered.status, 503);
      assert.ok(answered.headers.get('retry-after'));
    });
  });
});

describe('GET /admin/dead-letters/{id}', () => {
  describe('when it is there', () => {
    it('shows all of it, the body byte for byte', async () => {
      const bodies: [string | Uint8Array, string, string][] = [
        ['\uFEFF{"ü":"\0"}\r\n', '\uFEFF{"ü":"\0"}\r\n', 'utf-8'],
        ['', '', 'utf-8'],
        [Buffer.from([0xff, 0x00]), '/wA=', 'base64'],
      ];
      for (const [sent, body, bodyEncoding] of bodies) {
        const get = (id: string) => Promise.resolve(id === 'a1' ? letterOf(sent) : undefined);
        const answered = await ask({ get }, '/a1');
        const { revision: _revision, refusal, ...rest } = letterOf(sent);
        assert.deepEqual(deadLetterAnswer.parse(answered.json()), { ...rest, ...refusal, body, bodyEncoding });
      }
    });
  });

  describe('when it is not', () => {
    it('answers 404', async () => {
      assert.equal((await ask({ get: () => Promise.resolve(undefined) }, '/a1')).status, 404);
    });
  });
});

describe('POST /admin/dead-letters/{id}/replay', () => {
  const replayed = (outcome: Awaited<ReturnType<DeadLetterOperations['replay']>>) =>
    ask({ replay: () => Promise.resolve(outcome) }, '/a1/replay', post());

  it('says that it was replayed', async () => {
    assert.deepEqual(replayAnswer.parse((await replayed({ kind: 'replayed' })).json()), { replayed: true, id: 'a1' });
  });

  it('answers 404 for one that is not there, 409 with the reason for one that cannot be routed', async () => {
    assert.equal((await replayed({ kind: 'not_found' })).status, 404);
    const conflict = await replayed({ kind: 'not_routable', reason: 'it is no JSON' });
    assert.equal(conflict.status, 409);
    assert.match(conflict.text, /it is no JSON/);
  });

  it('answers 503 while the broker takes nothing, and 405 to a GET', async () => {
    const replay = () => Promise.reject(new BrokerUnavailableError('away'));
    assert.equal((await ask({ replay }, '/a1/replay', post())).status, 503);
    const wrong = await ask({}, '/a1/replay');
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST, OPTIONS']);
  });
});

describe('POST /admin/dead-letters/replay', () => {
  it('replays all, or those of a filter', async () => {
    const asked: DeadLetterFilter[] = [];
    const replayAll = (filter: DeadLetterFilter) => {
      asked.push(filter);
      return Promise.resolve({ replayed: 3, failed: [{ id: 'a1', reason: 'no type' }] });
    };
    for (const body of [undefined, '{}', '{"reason":"too_large"}', '{"orderId":"A","reason":"invalid"}']) {
      const answered = await ask({ replayAll }, '/replay', post(body));
      assert.equal(replayAllAnswer.parse(answered.json()).replayed, 3);
    }
    assert.deepEqual(asked, [{}, {}, { reason: ['too_large'] }, { reason: ['invalid'], orderId: ['A'] }]);
  });

  it('refuses what it does not know', async () => {
    for (const [body, status] of [
      ['{"reason":"bad_luck"}', 400],
      ['{"order":"A"}', 400],
      ['[]', 400],
      ['{', 400],
      ['{"orderId":1}', 400],
    ] as const) {
      assert.equal((await ask({}, '/replay', post(body))).status, status, body);
    }
    const form = { method: 'POST', body: 'reason=invalid', headers: { 'Content-Type': 'text/plain' } };
    assert.equal((await ask({}, '/replay', form)).status, 415);
    assert.equal((await ask({}, '/replay', { method: 'PUT' })).status, 405);
  });
});

describe('DELETE /admin/dead-letters/{id}', () => {
  const discarded = async (outcome: Awaited<ReturnType<DeadLetterOperations['discard']>>) =>
    ask({ discard: () => Promise.resolve(outcome) }, '/a1', { method: 'DELETE' });

  it('says what it leaves missing', async () => {
    const plain = discardAnswer.parse((await discarded({ kind: 'discarded' })).json());
    assert.deepEqual(plain, { discarded: true, id: 'a1', missing: null });
    const answered = await discarded({ kind: 'discarded', missing: { orderId: 'A/1', sequence: 7, isAwaited: true } });
    const { missing } = discardAnswer.parse(answered.json());
    assert.deepEqual([missing?.orderId, missing?.sequence], ['A/1', 7]);
    assert.match(missing?.hint ?? '', /POST \/admin\/orders\/A%2F1\/repair \{"missing": "skip"\}/);
  });

  it('names no repair where nothing waits for what is missing: there would be nothing to repair', async () => {
    const missing = { orderId: 'A', sequence: 2, isAwaited: false };
    const { hint } = discardAnswer.parse((await discarded({ kind: 'discarded', missing })).json()).missing ?? {};
    assert.match(hint ?? '', /^Event 2 of the order is missing\. Publish it/);
    assert.doesNotMatch(hint ?? '', /repair/);
  });

  it('answers 404 for one that is not there', async () => {
    assert.equal((await discarded({ kind: 'not_found' })).status, 404);
  });
});

describe('the routes of dead letters', () => {
  it('are for admins alone', async () => {
    const requests: [string, RequestInit][] = [
      ['', {}],
      ['/a1', {}],
      ['/a1', { method: 'DELETE' }],
      ['/a1/replay', post()],
      ['/replay', post('{')],
    ];
    for (const [role, status] of [
      ['support', 403],
      [undefined, 401],
    ] as const) {
      const authenticate = () =>
        Promise.resolve(
          role
            ? ({ kind: 'caller', caller: { role, sub: 's' } } as const)
            : ({ kind: 'refused', reason: 'no token' } as const),
        );
      const dependencies = fakeDependencies(new FakeOrders(), { authenticate, deadLetters: NONE });
      await withApp(dependencies, async (request) => {
        for (const [path, init] of requests) {
          assert.equal((await request(`/admin/dead-letters${path}`, init)).status, status, path);
        }
      });
    }
  });
});
