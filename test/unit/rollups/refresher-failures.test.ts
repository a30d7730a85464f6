import assert from 'node:assert/strict';
import { createLogger } from '../../../src/observability/logging.ts';
import type { Generations, OrderIndex } from '../../../src/order-index/port.ts';
import { createRollupRecords } from '../../../src/rollups/records.ts';
import { Refresher } from '../../../src/rollups/refresher.ts';
import { REVENUE_DAILY } from '../../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../../src/rollups/seller-daily.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryAggregates } from '../../support/memory-aggregates.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const ORDERS = { generation: 'orders-000001', address: 'orders-000001-w1' };

describe('a refresher whose index refuses the rows of one aggregate for good', () => {
  const aggregates = new MemoryAggregates();
  const control = new MemoryControl();
  const records = createRollupRecords(control, 'test');
  const index: Pick<OrderIndex, 'registry' | 'generations' | 'aggregates'> = {
    aggregates,
    registry: () => Promise.resolve({ epoch: 1, live: ORDERS, targets: [ORDERS] }),
    generations: {
      origin: () => Promise.resolve({ createdAt: '2026-01-01T00:00:00.000Z', foldVersion: 5 }),
    } as unknown as Generations,
  };
  const failed = new Set<string>();
  const refresher = new Refresher({
    isBehind: () => Promise.resolve(false),
    onLead: () => undefined,
    onRefreshed: () => undefined,
    onFailure: (aggregate, error) => failed.add(`${aggregate}: ${(error as Error).message}`),
    ...{ index, records, aggregates: [REVENUE_DAILY, SELLER_DAILY], intervalMs: 1, countedFrom: 5 },
    lease: { hold: () => Promise.resolve(true), release: () => Promise.resolve() },
    asOf: () => Promise.resolve('2026-01-01T00:00:00.000Z'),
    keptFrom: () => undefined,
    now: () => Date.now(),
    reached: () => Promise.resolve(),
    log: createLogger('silent'),
  });
  after(() => refresher.stop());

  it('goes on trying, and with the other one', async () => {
    let refusals = 0;
    aggregates.before = (step) => {
      if (step !== 'seller-daily create') return Promise.resolve();
      refusals += 1;
      return Promise.reject(new Error('seller-daily: a row is refused'));
    };
    refresher.start();
    await eventually(async () => {
      assert((await records.read('revenue-daily')).state.live);
      assert(refusals > 2);
    });
    assert.deepEqual([...failed], ['seller-daily: seller-daily: a row is refused']);
  });
});
