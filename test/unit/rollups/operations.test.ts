import assert from 'node:assert/strict';
import type { Generations } from '../../../src/order-index/port.ts';
import { createRollupOperations } from '../../../src/rollups/operations.ts';
import { createRollupRecords } from '../../../src/rollups/records.ts';
import type { BuildingRollup, LiveRollup, RollupState } from '../../../src/rollups/state.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const ORDERS = 'orders-000002';
const CREATED_AT = '2026-03-01T00:00:00.000Z';
const origin = { orders: ORDERS, createdAt: CREATED_AT };
const live: LiveRollup = {
  ...{ generation: 'orders-a-000003', origin, checkpoint: [1], asOf: CREATED_AT, refreshedAt: 0, built: 7 },
};
const building: BuildingRollup = {
  ...{ generation: 'orders-a-000004', number: 4, origin, checkpoint: [1], asOf: CREATED_AT },
  ...{ processed: 2, total: 9, isComplete: false },
};

describe('what a rebuild wants of the aggregates', () => {
  let wakes: number;
  let records: ReturnType<typeof createRollupRecords>;
  let operations: ReturnType<typeof createRollupOperations>;

  beforeEach(() => {
    wakes = 0;
    records = createRollupRecords(new MemoryControl(), 'test');
    const generations = {
      origin: () => Promise.resolve({ createdAt: CREATED_AT, foldVersion: 5 }),
    } as unknown as Generations;
    operations = createRollupOperations({
      ...{ records, index: { generations }, aggregates: ['a', 'b'], wake: () => (wakes += 1) },
    });
  });

  async function keep(aggregate: string, state: Partial<RollupState>): Promise<void> {
    const before = await records.read(aggregate);
    assert.ok(await records.replace(aggregate, before, { round: before.state.round + 1, ...state }));
  }

  describe('when all are to derive from a generation of the orders', () => {
    it('is not done before each of them does, and tells how far they are together', async () => {
      await keep('a', { live });
      await keep('b', { live: { ...live, origin: { ...origin, orders: 'orders-000001' } }, building });
      const progress = { isDone: false, generation: ORDERS, processed: 7 + 2, total: 7 + 9, pulse: '1/1' };
      assert.deepEqual(await operations.derivation(ORDERS), progress);
      await keep('b', { live: { ...live, built: 9 } });
      assert.deepEqual(await operations.derivation(ORDERS), {
        ...{ isDone: true, generation: ORDERS, processed: 16, total: 16, pulse: '1/2' },
      });
      assert.equal(wakes, 2);
    });

    it('is not done by one that derives from another generation of that name', async () => {
      await keep('a', { live });
      await keep('b', { live: { ...live, origin: { ...origin, createdAt: '2026-02-01T00:00:00.000Z' } } });
      assert.equal((await operations.derivation(ORDERS)).isDone, false);
    });
  });

  describe('when one is to be rebuilt', () => {
    it('is requested once, until it was carried out', async () => {
      await keep('a', { live });
      assert.deepEqual(await operations.rebuild('a', 'run'), {
        ...{ isDone: false, generation: '', processed: 0, total: 0, pulse: '1' },
      });
      assert.deepEqual(await records.request('a'), { id: 'run', paused: false });
      assert.equal(await records.request('b'), undefined);
      await keep('a', { live, building: { ...building, request: 'run' } });
      assert.deepEqual(await operations.rebuild('a', 'run'), {
        ...{ isDone: false, generation: building.generation, processed: 2, total: 9, pulse: '2' },
      });
      await keep('a', { live: { ...live, generation: building.generation, built: 9 }, fulfilled: 'run' });
      assert.deepEqual(await operations.rebuild('a', 'run'), {
        ...{ isDone: true, generation: building.generation, processed: 9, total: 9, pulse: '3' },
      });
      assert.equal(await records.request('a'), undefined);
      assert.equal(wakes, 3);
    });

    it('rests while it is paused, and goes on when it is asked for again', async () => {
      await operations.rebuild('a', 'run');
      await operations.pause('a', 'run');
      assert.deepEqual(await records.request('a'), { id: 'run', paused: true });
      await operations.rebuild('a', 'run');
      assert.deepEqual(await records.request('a'), { id: 'run', paused: false });
    });

    it('takes its own request back, and no other', async () => {
      await operations.rebuild('a', 'run');
      await operations.withdraw('a', 'another run');
      assert.deepEqual(await records.request('a'), { id: 'run', paused: false });
      await operations.withdraw('a', 'run');
      assert.equal(await records.request('a'), undefined);
    });

    it('takes the place of a request that nobody waits for any more', async () => {
      await operations.rebuild('a', 'run');
      await operations.rebuild('a', 'next run');
      assert.deepEqual(await records.request('a'), { id: 'next run', paused: false });
    });
  });
});
