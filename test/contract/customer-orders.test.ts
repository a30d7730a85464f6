import assert from 'node:assert/strict';
import { InvalidCursorError } from '../../src/order-index/port.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import { searchedOrders } from '../support/searched-orders.ts';

const paid = (amountCents: number) => ({ type: 'order.payment_captured.v1', data: { amountCents } }) as const;
const refunded = (refundId: string, amountCents: number) =>
  ({ type: 'order.refunded.v1', data: { refundId, amountCents } }) as const;
const ANN = { id: 'C-1', name: 'Ann' };
const BOB = { id: 'c-1', name: 'Bob' };
const at = (hour: number) => ({ placedAt: `2026-03-01T${String(hour).padStart(2, '0')}:00:00.000Z` });

const RICH = { id: 'C-2', name: 'Croesus' };
const MOST = Number.MAX_SAFE_INTEGER;

const ORDERS: readonly SampleOrder[] = [
  { orderId: 'A', customer: ANN, totalCents: 1_000, ...at(1), then: [paid(600), paid(400), refunded('r', 250)] },
  { orderId: 'B', customer: ANN, totalCents: 500, ...at(2) },
  { orderId: 'C', customer: ANN, totalCents: 70, ...at(2), currency: 'JPY', then: [paid(70)] },
  { orderId: 'D', customer: BOB, totalCents: 9, ...at(3), then: [paid(9)] },
  { orderId: 'E', customer: RICH, totalCents: MOST, ...at(3), then: [paid(MOST)] },
  { orderId: 'F', customer: RICH, totalCents: MOST, ...at(3), then: [paid(MOST)] },
  { orderId: 'gone', customer: ANN, totalCents: 9, ...at(4), then: [{ type: 'order.erased.v1', data: {} }] },
];

describeForEachBackend("a customer's orders", (backend) => {
  const searched = searchedOrders(backend, ORDERS);

  it('are told newest first, with totals of each currency', async () => {
    const { orders, totals, nextCursor } = await searched.index.customerOrders({ customerId: 'C-1', size: 10 });
    assert.deepEqual(
      orders.map(({ orderId }) => orderId),
      ['B', 'C', 'A'],
    );
    assert.deepEqual(totals, [
      { currency: 'EUR', orders: 2, totalCents: 1_500, paidCents: 1_000, refundedCents: 250 },
      { currency: 'JPY', orders: 1, totalCents: 70, paidCents: 70, refundedCents: 0 },
    ]);
    assert.equal(nextCursor, null);
  });

  it('come to no more than a number that is exact', async () => {
    const { totals } = await searched.index.customerOrders({ customerId: 'C-2', size: 10 });
    assert.deepEqual(totals, [{ currency: 'EUR', orders: 2, totalCents: MOST, paidCents: MOST, refundedCents: 0 }]);
  });

  it('are none where there are none', async () => {
    const none = { orders: [], totals: [], nextCursor: null };
    assert.deepEqual(await searched.index.customerOrders({ customerId: 'nobody', size: 10 }), none);
  });

  it('are told page by page, with the totals of all of them', async () => {
    const first = await searched.index.customerOrders({ customerId: 'C-1', size: 2 });
    assert.deepEqual(
      first.orders.map(({ orderId }) => orderId),
      ['B', 'C'],
    );
    assert.ok(first.nextCursor);
    const second = await searched.index.customerOrders({ customerId: 'C-1', size: 2, cursor: first.nextCursor });
    assert.deepEqual(
      second.orders.map(({ orderId }) => orderId),
      ['A'],
    );
    assert.deepEqual([second.totals, second.nextCursor], [first.totals, null]);
  });

  it('refuse a cursor of another customer', async () => {
    const { nextCursor: cursor } = await searched.index.customerOrders({ customerId: 'C-1', size: 1 });
    assert.ok(cursor);
    await assert.rejects(searched.index.customerOrders({ customerId: 'c-1', size: 1, cursor }), InvalidCursorError);
  });
});
