import assert from 'node:assert/strict';
import { once } from 'node:events';
import { historyAnswer, orderAnswer } from '../../../src/http/answers.ts';
import type { Caller } from '../../../src/http/auth.ts';
import type { AwaitedVersion } from '../../../src/order-index/port.ts';
import { foldOf, parsed, storedDocumentOf } from '../order/parsed-events.ts';
import { cloudEvent, hour, PLACED, SNAPSHOT } from '../order/sample-events.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const ADMIN: Caller = { role: 'admin', sub: 'me' };
const customer = (sub: string): Caller => ({ role: 'customer', sub });

/** Placed by c-7, paid, found to be c-8's, shipped: an hour each. */
const MOVED = storedDocumentOf(
  foldOf(
    parsed([
      cloudEvent(1, 'order.placed.v2', PLACED),
      cloudEvent(2, 'order.payment_captured.v1', { amountCents: 3000 }),
      cloudEvent(3, 'order.corrected.v1', { patch: { customer: { id: 'c-8', name: 'Yan' } }, reason: 'mixed up' }),
      cloudEvent(4, 'order.shipped.v1'),
    ]),
  ),
);
const SUMMED_UP = {
  ...storedDocumentOf(foldOf(parsed([cloudEvent(7, 'order.snapshot.v1', SNAPSHOT)]))),
  orderId: 'o-2',
};

/** The shop's own business, which the projection stores and does not know. */
const SCORED = {
  ...storedDocumentOf(
    foldOf(
      parsed([
        cloudEvent(1, 'order.placed.v2', PLACED),
        cloudEvent(2, 'order.fraud_scored.v1', { score: 97, note: 'do not tell the customer' }),
      ]),
    ),
  ),
  orderId: 'o-4',
};

const ERASED = { ...storedDocumentOf(foldOf(parsed([cloudEvent(9, 'order.erased.v1')]))), orderId: 'o-3' };

async function get(path: string, caller: Caller = ADMIN): Promise<Answered> {
  const orders = new FakeOrders();
  orders.add(MOVED, SUMMED_UP, SCORED, ERASED);
  const authenticate = () => Promise.resolve({ kind: 'caller', caller } as const);
  return withApp(fakeDependencies(orders, { authenticate }), (request) => request(path));
}

describe('GET /orders/:id?at=', () => {
  const at = (instant: string, caller?: Caller) => get(`/orders/o-1?at=${encodeURIComponent(instant)}`, caller);

  it('answers with the order as it was', async () => {
    const then = orderAnswer.parse((await at(hour(2))).json()).order;
    assert.deepEqual([then.status, then.version, then.customerId], ['paid', 2, 'c-7']);
    const now = orderAnswer.parse((await at(hour(9))).json()).order;
    assert.deepEqual([now.status, now.version, now.customerId], ['shipped', 4, 'c-8']);
  });

  it('takes an instant of any offset', async () => {
    const answered = await at('2011-01-01T04:30:00.5+02:00');
    assert.equal(orderAnswer.parse(answered.json()).order.version, 2);
  });

  it('answers 404 where the order was not placed, and where there is none', async () => {
    assert.equal((await at(hour(0))).status, 404);
    assert.equal((await get(`/orders/o-9?at=${hour(2)}`)).status, 404);
  });

  it('answers 410 where the events of that time were summed up', async () => {
    const answered = await get(`/orders/o-2?at=${SNAPSHOT.placedAt}`);
    assert.equal(answered.status, 410);
    assert.equal(answered.headers.get('content-type'), 'application/problem+json');
    assert.match((answered.json() as { detail: string }).detail, /not kept/);
  });

  it('shows a customer nothing of the time when the order was another one’s', async () => {
    assert.equal((await at(hour(2), customer('c-8'))).status, 404);
    assert.equal((await at(hour(3), customer('c-8'))).status, 200);
    assert.equal((await at(hour(2), customer('c-7'))).status, 404);
    assert.equal((await at(hour(2), customer('c-7'))).text, (await get('/orders/o-9', customer('c-7'))).text);
  });

  it('refuses what is no instant', async () => {
    for (const no of [
      '',
      'yesterday',
      '2011-01-01',
      '2011-01-01T00:00:00',
      '2011-01-01T00:00:60Z',
      '2011-02-29T00:00:00Z',
    ]) {
      const answered = await at(no);
      assert.equal(answered.status, 400, no);
      assert.deepEqual(
        (answered.json() as { errors: { path: string }[] }).errors.map(({ path }) => path),
        ['at'],
      );
    }
    assert.equal((await get(`/orders/o-1?at=${hour(1)}&at=${hour(2)}`)).status, 400);
  });
});

describe('GET /orders/:id/history', () => {
  it('says what each event changed', async () => {
    const { events } = historyAnswer.parse((await get('/orders/o-1/history')).json());
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      [1, 2, 3, 4],
    );
    assert.deepEqual(events[2]?.changes, {
      customerId: { before: 'c-7', after: 'c-8' },
      customerName: { before: PLACED.customer.name, after: 'Yan' },
    });
    assert.deepEqual(events[3]?.changes['status'], { before: 'paid', after: 'shipped' });
  });

  it('shows a customer nothing of the time when the order was another one’s', async () => {
    const answered = await get('/orders/o-1/history', customer('c-8'));
    const { events } = historyAnswer.parse(answered.json());
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      [3, 4],
    );
    assert.doesNotMatch(answered.text, /Zo|c-7/);
    assert.equal((await get('/orders/o-1/history', customer('c-7'))).status, 404);
  });
});

describe('GET /orders/:id/history of an order with events of a type that the service does not know', () => {
  const SELLER: Caller = { role: 'seller', sub: PLACED.sellerId };

  it('shows support what they say, and customers and sellers that there are such', async () => {
    const dataOf = async (caller: Caller) => {
      const { events } = historyAnswer.parse((await get('/orders/o-4/history', caller)).json());
      return events.map(({ type, data }) => [type, Object.keys(data as object).length > 0]);
    };
    assert.deepEqual(await dataOf({ role: 'support', sub: 'me' }), [
      ['order.placed.v2', true],
      ['order.fraud_scored.v1', true],
    ]);
    for (const caller of [customer(PLACED.customer.id), SELLER]) {
      assert.deepEqual(await dataOf(caller), [
        ['order.placed.v2', true],
        ['order.fraud_scored.v1', false],
      ]);
    }
  });
});

describe('GET /orders/:id?minVersion=', () => {
  it('answers with the order once it has that version, or a newer one', async () => {
    for (const version of [1, 4]) {
      const answered = await get(`/orders/o-1?minVersion=${version}&waitMs=10000`);
      assert.equal(orderAnswer.parse(answered.json()).order.version, 4);
    }
  });

  it('answers 412 where it has not arrived, of an order that nobody knows too', async () => {
    for (const path of ['/orders/o-1?minVersion=5', '/orders/o-9?minVersion=1&waitMs=0']) {
      const answered = await get(path);
      assert.equal(answered.status, 412);
      assert.equal(answered.headers.get('content-type'), 'application/problem+json');
    }
  });

  it('answers 404 to who sees all orders once an erasure has arrived', async () => {
    assert.equal((await get('/orders/o-3?minVersion=9')).status, 404);
  });

  it('does not tell a customer whether another one has such an order', async () => {
    const [foreign, unknown] = [
      await get('/orders/o-1?minVersion=1', customer('c-7')),
      await get('/orders/o-9?minVersion=1', customer('c-7')),
    ];
    assert.deepEqual([foreign.status, foreign.text], [412, unknown.text]);
    assert.equal((await get('/orders/o-3?minVersion=1', customer('c-7'))).text, unknown.text);
  });

  it('waits as long as it is told, and until the client is gone', async () => {
    const asked = Promise.withResolvers<AwaitedVersion>();
    const dependencies = fakeDependencies(new FakeOrders(), {
      awaitVersion: (awaited) => {
        asked.resolve(awaited);
        return new Promise((resolve) => awaited.signal.addEventListener('abort', () => resolve('late')));
      },
    });
    await withApp(dependencies, async (request) => {
      const client = new AbortController();
      const answered = request('/orders/o-1?minVersion=7&waitMs=9999', { signal: client.signal });
      const { orderId, version, waitMs, signal } = await asked.promise;
      assert.deepEqual([orderId, version, waitMs, signal.aborted], ['o-1', 7, 9_999, false]);
      client.abort();
      await assert.rejects(answered);
      if (!signal.aborted) await once(signal, 'abort');
    });
  });

  it('is to be asked again where the instance stops meanwhile', async () => {
    const dependencies = fakeDependencies(new FakeOrders(), { awaitVersion: () => Promise.resolve('stopping') });
    await withApp(dependencies, async (request) => {
      const { status, headers } = await request('/orders/o-1?minVersion=7&waitMs=9999');
      assert.deepEqual([status, headers.get('retry-after') !== null], [503, true]);
    });
  });

  it('refuses what is no version and no time to wait', async () => {
    for (const [query, path] of [
      ['minVersion=0', 'minVersion'],
      ['minVersion=x', 'minVersion'],
      ['minVersion=1&waitMs=10001', 'waitMs'],
      ['minVersion=1&waitMs=-1', 'waitMs'],
      ['waitMs=5', 'waitMs'],
      ['waitMs=x', 'waitMs'],
    ]) {
      const answered = await get(`/orders/o-1?${query}`);
      assert.equal(answered.status, 400);
      assert.deepEqual(
        (answered.json() as { errors: { path: string }[] }).errors.map((error) => error.path),
        [path],
      );
    }
  });
});
