import assert from 'node:assert/strict';
import { customerOrdersAnswer } from '../../../src/http/answers.ts';
import type { Caller, Role } from '../../../src/http/auth.ts';
import { FakeOrders, fakeDependencies, orderDocument } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

async function get(path: string, caller: Caller = { role: 'support', sub: 'me' }): Promise<Answered> {
  const orders = new FakeOrders();
  orders.add(
    orderDocument('A-2', { status: 'shipped', shippedAt: '2025-03-02T10:00:00.000Z', currency: 'USD' }),
    orderDocument('A-1', { paidCents: 2_500 }),
    orderDocument('A-3', { customerId: 'C-2' }),
  );
  const authenticate = () => Promise.resolve({ kind: 'caller', caller } as const);
  return withApp(fakeDependencies(orders, { authenticate }), (request) => request(path));
}

describe('GET /customers/:id/orders', () => {
  it('answers with a line an order, and totals', async () => {
    const answer = customerOrdersAnswer.parse((await get('/customers/C-1/orders')).json());
    const [shipped, placed] = answer.items;
    assert.deepEqual(shipped, {
      ...{ orderId: 'A-2', status: 'shipped', totalCents: 2_500, currency: 'USD' },
      ...{ placedAt: '2025-03-01T10:00:00.000Z', shippedAt: '2025-03-02T10:00:00.000Z' },
    });
    assert.equal(placed?.orderId, 'A-1');
    assert.deepEqual(answer.totals, [
      { currency: 'USD', orders: 1, totalCents: 2_500, paidCents: 0, refundedCents: 0 },
      { currency: 'EUR', orders: 1, totalCents: 2_500, paidCents: 2_500, refundedCents: 0 },
    ]);
    assert.deepEqual([answer.nextCursor, answer.lagSeconds], [null, 0.8]);
  });

  it('goes on by cursor', async () => {
    const first = customerOrdersAnswer.parse((await get('/customers/C-1/orders?size=1')).json());
    assert.ok(first.nextCursor);
    const answered = await get(`/customers/C-1/orders?size=1&cursor=${first.nextCursor}`);
    assert.deepEqual(
      customerOrdersAnswer.parse(answered.json()).items.map(({ orderId }) => orderId),
      ['A-1'],
    );
  });

  it('is empty for a customer of whom no order is known', async () => {
    const answer = customerOrdersAnswer.parse((await get('/customers/C-9/orders')).json());
    assert.deepEqual([answer.items, answer.totals], [[], []]);
  });

  const callers: [Role, string, number][] = [
    ['customer', 'C-1', 200],
    ['customer', 'C-2', 404],
    ['seller', 'C-1', 404],
    ['seller', 'S-1', 404],
    ['support', 'C-2', 200],
    ['admin', 'C-2', 200],
  ];
  for (const [role, sub, status] of callers) {
    it(`answers ${status} to ${role} ${sub}, also where there is no such customer`, async () => {
      assert.equal((await get('/customers/C-1/orders', { role, sub })).status, status);
      if (status === 404) {
        const [one, other] = [
          await get('/customers/C-1/orders', { role, sub }),
          await get('/customers/C-9/orders', { role, sub }),
        ];
        assert.equal(one.text, other.text);
      }
    });
  }

  it('refuses wrong parameters', async () => {
    const paths = ['?size=0', '?cursor=', '?cursor=nonsense', '?status=paid', '?size=1&size=2'];
    for (const query of paths) assert.equal((await get(`/customers/C-1/orders${query}`)).status, 400, query);
    assert.equal((await get(`/customers/${'x'.repeat(257)}/orders`)).status, 400);
  });

  it('takes as long an id as an event may have, in emoji too', async () => {
    for (const [characters, status] of [
      [256, 200],
      [257, 400],
    ] as const) {
      const id = encodeURIComponent('😀'.repeat(characters));
      assert.equal((await get(`/customers/${id}/orders`)).status, status, String(characters));
    }
  });
});
