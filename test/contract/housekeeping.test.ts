import assert from 'node:assert/strict';
import { createLogger } from '../../src/observability/logging.ts';
import { diverge } from '../../src/order-index/diverge.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { keepHouse } from '../../src/rebuild/housekeeping.ts';
import { describeForEachBackend, type IndexPlace } from '../support/backends.ts';
import { registerGeneration } from '../support/second-generation.ts';

const TTL_MS = 24 * 3_600_000;

describeForEachBackend('the housekeeping of generations', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let time: number;
  let isRunning: boolean;
  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    time = 1_000_000;
    isRunning = false;
  });
  afterEach(() => place.remove());

  const keep = () =>
    keepHouse({
      ...{ index, standbyTtlMs: TTL_MS, log: createLogger('silent') },
      ...{ now: () => time, isRunning: () => Promise.resolve(isRunning) },
    });

  /** The numbers of those that there are, once the house was kept so much later. */
  async function keptAfter(ms: number): Promise<number[]> {
    time += ms;
    await keep();
    return (await index.generations.list()).map(({ number }) => number);
  }

  async function nameOf(number: number): Promise<string> {
    return (await index.generations.list()).find((generation) => generation.number === number)?.name ?? '';
  }

  async function activate(number: number): Promise<void> {
    const { epoch } = await index.registry();
    assert.equal((await index.generations.renameEpoch(epoch, { live: await nameOf(number) })).kind, 'moved');
  }

  describe('when a generation stands by', () => {
    it('lets go of it after its time, and never of the live one', async () => {
      await registerGeneration(index, 2);
      assert.deepEqual(await keptAfter(0), [1, 2]);
      assert.deepEqual(await keptAfter(TTL_MS - 1), [1, 2]);
      assert.deepEqual(await keptAfter(1), [1]);
      const { live, targets } = await index.registry();
      assert.deepEqual(targets, [live]);
      assert.deepEqual(await keptAfter(2 * TTL_MS), [1]);
    });

    it('begins anew with one that was live meanwhile', async () => {
      await registerGeneration(index, 2);
      assert.deepEqual(await keptAfter(0), [1, 2]);
      await activate(2);
      assert.deepEqual(await keptAfter(TTL_MS - 1), [1, 2]);
      await activate(1);
      assert.deepEqual(await keptAfter(2), [1, 2]);
      assert.deepEqual(await keptAfter(TTL_MS), [1]);
    });
  });

  describe('when a generation has diverged', () => {
    it('drops it after as long', async () => {
      const { target } = await registerGeneration(index, 2);
      await keep();
      time += TTL_MS / 2;
      await diverge(index, target.generation, 'it refuses order O-1');
      assert.deepEqual(await keptAfter(0), [1, 2]);
      assert.deepEqual(await keptAfter(TTL_MS - 1), [1, 2]);
      assert.deepEqual(await keptAfter(1), [1]);
    });
  });

  describe('when whoever let go of a generation died before it was dropped', () => {
    it('drops it after as long', async () => {
      const { target, registry } = await registerGeneration(index, 2);
      await index.generations.renameEpoch(registry.epoch, { unregister: [target.generation] });
      assert.deepEqual(await keptAfter(0), [1, 2]);
      assert.deepEqual(await keptAfter(TTL_MS - 1), [1, 2]);
      assert.deepEqual(await keptAfter(1), [1]);
    });
  });

  describe('when a run has begun meanwhile', () => {
    it('leaves alone what nobody writes to yet', async () => {
      await index.generations.create(2);
      await keep();
      isRunning = true;
      assert.deepEqual(await keptAfter(2 * TTL_MS), [1, 2]);
      // Registered by then, it is nobody's leftover; and let go of later on, it is one for as long as any.
      await registerGeneration(index, 2);
      await keep();
      await activate(2);
      assert.deepEqual(await keptAfter(0), [1, 2]);
      assert.equal((await index.registry()).live.generation, await nameOf(2));
    });
  });
});
