import assert from 'node:assert/strict';
import { createLogger } from '../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { AggregateDefinition, AggregateRow, Measures, OrderIndex } from '../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../src/rollups/seller-daily.ts';
import { expectedAggregates, type ExpectedRow } from './oracle-aggregates.ts';
import { expectedDocuments } from './oracle.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import type { TestBackend } from './test-backend.ts';

type Comparable = Measures & { readonly products: Record<string, unknown> };

const PAGE_ROWS = 1_000;

/** Every row that readers see is what the oracle makes of the events, and there is no other; rows of zeros aside. How many there are. */
export async function assertAggregates(backend: TestBackend, events: readonly CloudEvent[]): Promise<number> {
  const bySeller = expectedAggregates(expectedDocuments(events.map((event) => ({ ...event }))).values());
  const index = indexOf(backend);
  try {
    assert.deepEqual(await rowsOf(index, SELLER_DAILY), comparable(bySeller));
    assert.deepEqual(await rowsOf(index, REVENUE_DAILY), comparable(byDay(bySeller)));
  } finally {
    await index.close();
  }
  return bySeller.size;
}

/** The one of a service that runs. */
function indexOf({ environment, prefix }: TestBackend): OrderIndex {
  return createElasticsearchIndex({
    ...{ nodes: [environment['ELASTICSEARCH_URL'] ?? ''], requestTimeoutMs: 30_000, prefix, bulkConcurrency: 1 },
    ...{ shards: 1, replicas: 0, refreshInterval: '1s', foldVersion: FOLD_VERSION, log: createLogger('silent') },
  });
}

/** All sellers together, without the products. */
function byDay(rows: ReadonlyMap<string, ExpectedRow>): Map<string, ExpectedRow> {
  const days = new Map<string, ExpectedRow>();
  for (const [key, row] of rows) {
    const day = key.split('|').slice(0, 2).join('|');
    const sum = days.get(day) ?? { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0, products: new Map() };
    days.set(day, sum);
    sum.orders += row.orders;
    sum.revenueCents += row.revenueCents;
    sum.refundedCents += row.refundedCents;
    sum.refundCount += row.refundCount;
  }
  return days;
}

function comparable(rows: ReadonlyMap<string, ExpectedRow>): Map<string, Comparable> {
  const plain = [...rows].map(([key, { products, ...measures }]): [string, Comparable] => [
    key,
    { ...measures, products: Object.fromEntries(products) },
  ]);
  return inOrder(plain);
}

async function rowsOf(index: OrderIndex, aggregate: AggregateDefinition): Promise<Map<string, Comparable>> {
  const store = index.aggregates.store(aggregate);
  const rows: AggregateRow[] = [];
  for (;;) {
    const page = await store.wholeRows({ after: rows.at(-1)?.key, size: PAGE_ROWS });
    if (page.length === 0) break;
    rows.push(...page);
  }
  const found = rows.map(
    ({ key, orders, revenueCents, refundedCents, refundCount, products = [] }): [string, Comparable] => [
      key,
      {
        ...{ orders, revenueCents, refundedCents, refundCount },
        products: Object.fromEntries(products.map(({ sku, ...sales }) => [sku, sales])),
      },
    ],
  );
  return inOrder(found);
}

function inOrder(rows: readonly [string, Comparable][]): Map<string, Comparable> {
  const isSomething = ({ orders, refundCount, products }: Comparable) =>
    orders > 0 || refundCount > 0 || Object.keys(products).length > 0;
  return new Map(rows.filter(([, row]) => isSomething(row)).sort(([a], [b]) => (a < b ? -1 : 1)));
}
