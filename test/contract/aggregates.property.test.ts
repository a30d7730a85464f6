import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { OrderDocument } from '../../src/order/document.ts';
import { compareOrderIds as compareBytes } from '../../src/order-index/port.ts';
import type { AggregateRow, DocumentWrite } from '../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../src/rollups/seller-daily.ts';
import { definitionOf, describeAggregates } from '../support/aggregate-stage.ts';
import { orderHistory } from '../support/event-arbitraries.ts';
import { foldedOrders } from '../support/folded-orders.ts';
import { plainRows } from '../support/plain-aggregates.ts';

const AGGREGATES = [
  REVENUE_DAILY,
  SELLER_DAILY,
  definitionOf('by-seller', { dimensions: ['sellerId'], products: false }),
];
const KEYS_A_PAGE = 7;

/** Of each order what was written of it, one version after the other. */
const orders = fc.array(
  orderHistory({ maxLength: 15 }).chain((history) =>
    fc.subarray([...history.keys()], { minLength: 1 }).map((ends) => ends.map((end) => history.slice(0, end + 1))),
  ),
  { minLength: 1, maxLength: 8 },
);

describeAggregates('aggregates of any orders', (staged) => {
  /** All that was ever written: the runs add to one index, each with orders of its own. */
  const documents = new Map<string, OrderDocument>();
  let run = 0;

  function writesOf(histories: readonly (readonly object[])[], number: number): DocumentWrite[] {
    const orderId = `O-${run}-${number}`;
    return histories.flatMap((history) => foldedOrders(history.map((event) => toldOf(event, orderId))));
  }
  const toldOf = (event: object, subject: string) =>
    JSON.stringify({ ...event, subject, ...('partitionkey' in event && { partitionkey: subject }) });

  async function allKeys(): Promise<string[]> {
    const keys: string[] = [];
    for (;;) {
      const page = await staged().aggregates.source.keys({ orders: staged().orders, after: keys.at(-1), size: 50 });
      if (page.length === 0) return keys;
      keys.push(...page);
    }
  }

  async function holds(written: readonly DocumentWrite[], since: readonly number[]): Promise<void> {
    const { source } = staged().aggregates;
    const until = await source.checkpoint(staged().orders);
    const notAfter = '9999-01-01T00:00:00.000Z';
    const changes = await source.changed({ orders: staged().orders, since, until, notAfter });
    assert.deepEqual(changes.keys.toSorted(compareBytes), keysOf(written.map(({ document }) => document)));
    const keys = await allKeys();
    assert.deepEqual(keys, keysOf([...documents.values()]));
    for (const aggregate of AGGREGATES) {
      const rows = new Map<string, AggregateRow>();
      for (let first = 0; first < keys.length; first += KEYS_A_PAGE) {
        const page = keys.slice(first, first + KEYS_A_PAGE);
        for (const row of await source.compute(aggregate, staged().orders, page)) rows.set(row.key, row);
      }
      const expected = plainRows(aggregate, documents.values());
      assert.deepEqual([...rows.keys()].toSorted(), [...expected.keys()].toSorted());
      for (const [key, row] of expected) assert.deepEqual(rows.get(key), row);
    }
  }

  it('are the sums of what each order says of itself', async () => {
    await fc.assert(
      fc.asyncProperty(orders, async (histories) => {
        run += 1;
        const written = histories.flatMap(writesOf);
        const since = await staged().aggregates.source.checkpoint(staged().orders);
        await staged().write(...written);
        for (const { orderId, document } of written) documents.set(orderId, document);
        await holds(written, since);
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});

function keysOf(documents: readonly OrderDocument[]): string[] {
  return [...new Set(documents.flatMap(({ aggregateKeys = [] }) => aggregateKeys))].sort(compareBytes);
}
