import assert from 'node:assert/strict';
import { historyAnswer, orderAnswer } from '../../../src/http/answers.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const AWKWARD_ID = 'Größe 5/7 %&?#';

async function get(path: string): Promise<Answered> {
  const orders = new FakeOrders();
  orders.add(orderDocument('A-1'), orderDocument(AWKWARD_ID));
  orders.add({ orderId: 'E-1', status: 'erased', updatedAt: '', version: 2, projectedAt: '', events: [] });
  orders.add({ orderId: 'I-1', status: 'incomplete', updatedAt: '', version: 2, projectedAt: '', events: [] });
  return withApp(fakeDependencies(orders), (request) => request(path));
}

describe('GET /orders/:id', () => {
  describe('when there is such an order', () => {
    it('answers with it and its freshness', async () => {
      const answered = await get('/orders/A-1');
      assert.equal(answered.status, 200);
      assert.equal(orderAnswer.parse(answered.json()).order.orderId, 'A-1');
      assert.equal(answered.headers.get('cache-control'), 'no-store');
    });

    it('takes any id that is encoded', async () => {
      const answered = await get(`/orders/${encodeURIComponent(AWKWARD_ID)}`);
      assert.equal(orderAnswer.parse(answered.json()).order.orderId, AWKWARD_ID);
    });
  });

  for (const [what, id] of [
    ['unknown', 'A-2'],
    ['erased', 'E-1'],
    ['incomplete', 'I-1'],
  ]) {
    describe(`when the order is ${what}`, () => {
      it('answers 404, alone and with its history', async () => {
        for (const path of [`/orders/${id}`, `/orders/${id}/history`]) {
          const answered = await get(path);
          assert.equal(answered.status, 404);
          assert.equal(answered.headers.get('content-type'), 'application/problem+json');
        }
      });
    });
  }

  describe('when the id is no id', () => {
    it('answers 400 to one of more than 512 bytes and to a malformed one', async () => {
      assert.equal((await get(`/orders/${'%C3%A4'.repeat(257)}`)).status, 400);
      for (const path of ['/orders/%ZZ', '/orders/%C3']) {
        const answered = await get(path);
        assert.equal(answered.status, 400);
        const errors = [{ path: 'url', message: 'must be percent-encoded UTF-8, a % itself written %25' }];
        assert.deepEqual((answered.json() as { errors: unknown }).errors, errors);
      }
    });
  });

  describe('when parameters are given that it does not have', () => {
    it('refuses them', async () => {
      assert.equal((await get('/orders/A-1?fields=all')).status, 400);
    });
  });
});

describe('GET /orders/:id/history', () => {
  it('answers with the events in sequence', async () => {
    const answer = historyAnswer.parse((await get('/orders/A-1/history')).json());
    assert.deepEqual(
      answer.events.map(({ sequence, type }) => [sequence, type]),
      [[1, 'order.placed.v2']],
    );
  });
});
