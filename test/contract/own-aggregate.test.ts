import assert from 'node:assert/strict';
import type { AggregateDefinition, DocumentWrite, OrderIndex } from '../../src/order-index/port.ts';
import { AGGREGATES } from '../../src/rollups/aggregates.ts';
import { createRollupOperations } from '../../src/rollups/operations.ts';
import { verify } from '../../src/rollups/verify.ts';
import { corrected, erased, orderOf, paid, placed, refunded } from '../support/aggregate-stage.ts';
import { describeForEachBackend, type IndexPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';
import { startAggregates, type RunningAggregates } from '../support/running-aggregates.ts';

/** The recipe of docs/aggregates.md: what a seller has taken in each currency, ever. */
const SELLER_TOTALS: AggregateDefinition = {
  name: 'seller-totals',
  dimensions: ['currency', 'sellerId'],
  products: false,
  mapping: {
    settings: {},
    mappings: {
      dynamic: false,
      properties: {
        key: { type: 'keyword' },
        currency: { type: 'keyword' },
        sellerId: { type: 'keyword' },
        orders: { type: 'long' },
        revenueCents: { type: 'long' },
        refundedCents: { type: 'long' },
        refundCount: { type: 'long' },
      },
    },
  },
};

const ORDERS: readonly DocumentWrite[] = [
  orderOf('A', placed('2026-03-01'), paid('2026-03-01', 300), refunded('2026-04-02', 50)),
  orderOf('B', placed('2026-03-02'), paid('2026-03-02', 100), paid('2026-05-03', 100)),
  orderOf('C', placed('2026-03-02'), paid('2026-03-03', 900), corrected('2026-03-03', { sellerId: 'S-2' })),
  orderOf('D', placed('2026-03-02', { currency: 'USD' }), paid('2026-03-02', 100)),
];

describeForEachBackend('an aggregate of one file and one mapping', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let running: RunningAggregates;

  before(async function () {
    this.timeout(60_000);
    place = backend.index();
    index = place.instance();
    await index.open();
    await write(...ORDERS);
    running = await startAggregates(index, { aggregates: [...AGGREGATES, SELLER_TOTALS] });
  });
  after(async () => {
    await running.stop();
    await place.remove();
  });

  async function write(...orders: readonly DocumentWrite[]): Promise<void> {
    await index.write((await index.registry()).live, orders, 'live');
  }

  async function rows(): Promise<unknown[]> {
    const found = await index.aggregates.store(SELLER_TOTALS).rows({});
    return found.map((row) => [
      row.key,
      row.day,
      row.currency,
      row.sellerId,
      row.orders,
      row.revenueCents,
      row.refundedCents,
    ]);
  }

  async function assertNoDifference(): Promise<void> {
    const told: unknown[] = [];
    for await (const one of verify(running.verifying, new AbortController().signal)) told.push(one);
    assert.deepEqual(told.map((one) => (one as { differences?: number }).differences), [0]); // prettier-ignore
  }

  it('adds up all days, each order once on each day on which it was paid', async () => {
    assert.deepEqual(await rows(), [
      ['EUR|S-1', undefined, 'EUR', 'S-1', 3, 500, 50],
      ['EUR|S-2', undefined, 'EUR', 'S-2', 1, 900, 0],
      ['USD|S-1', undefined, 'USD', 'S-1', 1, 100, 0],
    ]);
    await assertNoDifference();
  });

  it('is kept up to date, with what orders leave behind', async () => {
    await write(
      orderOf('D', placed('2026-03-02', { currency: 'USD' }), paid('2026-03-02', 100), erased('2026-03-09')),
      orderOf('E', placed('2026-06-02', { sellerId: 'S-2' }), paid('2026-06-02', 7)),
    );
    await running.caughtUp();
    assert.deepEqual(await rows(), [
      ['EUR|S-1', undefined, 'EUR', 'S-1', 3, 500, 50],
      ['EUR|S-2', undefined, 'EUR', 'S-2', 2, 907, 0],
      ['USD|S-1', undefined, 'USD', 'S-1', 0, 0, 0],
    ]);
    await assertNoDifference();
  });

  it('is rebuilt by itself, side by side', async function () {
    this.timeout(60_000);
    const { records, wake } = running.verifying;
    const before = (await records.read(SELLER_TOTALS.name)).state.live;
    const aggregates = [...AGGREGATES, SELLER_TOTALS].map(({ name }) => name);
    const operations = createRollupOperations({ records, index, aggregates, wake });
    const done = await eventually(async () => {
      const progress = await operations.rebuild(SELLER_TOTALS.name, 'a rebuild');
      assert.ok(progress.isDone, JSON.stringify(progress));
      return progress;
    }, 45_000);
    assert.match(done.generation, /-seller-totals-000002$/);
    // Keys of the orders: by day too, whatever the aggregate makes of them.
    assert.deepEqual([done.processed, done.total, before?.generation.slice(-6)], [8, 8, '000001']);
    // The row of zeros is built anew too: the order that was erased still says where it was.
    assert.deepEqual((await rows()).length, 3);
    await assertNoDifference();
  });
});
