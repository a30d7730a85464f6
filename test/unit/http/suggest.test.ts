import assert from 'node:assert/strict';
import { suggestAnswer } from '../../../src/http/answers.ts';
import type { Caller, Role } from '../../../src/http/auth.ts';
import type { HttpDependencies } from '../../../src/http/dependencies.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

async function get(
  path: string,
  caller: Caller = { role: 'support', sub: 'me' },
  replaced: Partial<HttpDependencies> = {},
): Promise<Answered> {
  const orders = new FakeOrders();
  orders.add(
    orderDocument('A-1', { itemNames: ['Metal Lantern'], customerId: 'C-1', customerName: 'Ann', sellerId: 'S-1' }),
    orderDocument('A-2', { itemNames: ['Paper Lantern'], customerId: 'C-2', customerName: 'Ann B', sellerId: 'S-2' }),
  );
  const authenticate = () => Promise.resolve({ kind: 'caller', caller } as const);
  return withApp(fakeDependencies(orders, { authenticate, ...replaced }), (request) => request(path));
}

async function texts(path: string, caller?: Caller): Promise<string[]> {
  return suggestAnswer.parse((await get(path, caller)).json()).completions.map(({ text }) => text);
}

describe('GET /suggest', () => {
  describe('when a text is given', () => {
    it('answers with completions and their kinds, as fresh as they are', async () => {
      const answer = suggestAnswer.parse((await get('/suggest?q=pap')).json());
      assert.deepEqual(answer.completions, [{ text: 'Paper Lantern', kind: 'item' }]);
      assert.deepEqual([answer.didYouMean, answer.lagSeconds], [null, 0.8]);
    });

    it('answers with what was meant where nothing begins with it', async () => {
      assert.equal(suggestAnswer.parse((await get('/suggest?q=lantren')).json()).didYouMean, 'lantern');
    });

    it('has nothing to say to an empty one', async () => {
      assert.deepEqual(await texts('/suggest?q='), []);
    });
  });

  describe('when a caller sees a part of the orders', () => {
    const cases: [Role, string, string[]][] = [
      ['customer', 'C-1', ['Metal Lantern']],
      ['customer', 'C-9', []],
      ['seller', 'S-2', ['Paper Lantern']],
      ['seller', 'C-2', []],
      ['support', 'C-1', ['Paper Lantern', 'Metal Lantern']],
      ['admin', 'C-1', ['Paper Lantern', 'Metal Lantern']],
    ];
    for (const [role, sub, expected] of cases) {
      it(`offers ${expected.length} names to ${role} ${sub}`, async () => {
        assert.deepEqual((await texts('/suggest?q=lantern', { role, sub })).sort(), expected.toSorted());
      });
    }

    it('puts nothing right that only others have, and names no other customer', async () => {
      const caller = { role: 'customer', sub: 'C-1' } as const;
      const answer = suggestAnswer.parse((await get('/suggest?q=papre', caller)).json());
      assert.deepEqual([answer.completions, answer.didYouMean], [[], null]);
      assert.deepEqual(await texts('/suggest?q=ann', caller), ['Ann']);
      assert.deepEqual(await texts('/suggest?q=A-', caller), ['A-1']);
    });
  });

  describe('when parameters are wrong', () => {
    for (const path of ['/suggest', '/suggest?q=a&q=b', '/suggest?q=a&size=3', `/suggest?q=${'x'.repeat(1_025)}`]) {
      it(`refuses ${path.slice(0, 30)}`, async () => assert.equal((await get(path)).status, 400));
    }
  });

  describe('when the index does not answer', () => {
    it('answers 503 and says when to try again', async () => {
      const suggest = () => Promise.reject(new IndexUnavailableError('not tried: the circuit breaker is open'));
      const answered = await get('/suggest?q=x', undefined, { suggest });
      assert.equal(answered.status, 503);
      assert.match(answered.headers.get('retry-after') ?? '', /^\d+$/);
    });
  });
});
