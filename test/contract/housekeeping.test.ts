import assert from 'node:assert/strict';
import { createLogger, type Logger } from '../../src/observability/logging.ts';
import { diverge } from '../../src/order-index/diverge.ts';
import { IndexUnavailableError, type OrderIndex } from '../../src/order-index/port.ts';
import { perform } from '../../src/rebuild/actions.ts';
import { keepHouse } from '../../src/rebuild/housekeeping.ts';
import { describeForEachBackend, type IndexPlace } from '../support/backends.ts';
import { registerGeneration } from '../support/second-generation.ts';
import { dependenciesOf } from '../unit/rebuild/action-dependencies.ts';
import { anActivation } from '../unit/rebuild/runs.ts';

const TTL_MS = 24 * 3_600_000;

describeForEachBackend('the housekeeping of generations', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let time: number;
  let isRunning: boolean;
  let holdsLease: boolean;
  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    time = 1_000_000;
    isRunning = false;
    holdsLease = true;
  });
  afterEach(() => place.remove());

  const keep = (generations = index.generations, log: Logger = createLogger('silent')) =>
    keepHouse({
      ...{ index: { ...index, generations }, standbyTtlMs: TTL_MS, log },
      ...{
        now: () => time,
        isRunning: () => Promise.resolve(isRunning),
        holdsLease: () => Promise.resolve(holdsLease),
      },
    });

  it('leaves a block alone once another one may swap', async () => {
    const { live } = await index.registry();
    await index.generations.freeze(live.generation);
    const isFrozen = async () => (await index.generations.list()).map((generation) => generation.isFrozen);
    holdsLease = false;
    await keep();
    assert.deepEqual(await isFrozen(), [true]);
    holdsLease = true;
    await keep();
    assert.deepEqual(await isFrozen(), [false]);
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

  describe('when a generation was live for less than the time between two looks', () => {
    /** As an operator's activation does it. */
    async function swapTo(number: number): Promise<void> {
      const { epoch, live } = await index.registry();
      const [from, to] = [live.generation, await nameOf(number)];
      const deps = dependenciesOf(index, () => new Date(time));
      const run = anActivation({ step: 'SWAP', generation: to, from, epoch });
      assert.equal((await perform({ kind: 'swap', from, to, epoch }, run, deps)).kind, 'done');
    }

    it('is written to for as long as any after that', async () => {
      await registerGeneration(index, 2);
      assert.deepEqual(await keptAfter(0), [1, 2]);
      time += TTL_MS - 1;
      await swapTo(2);
      await swapTo(1);
      assert.deepEqual(await keptAfter(TTL_MS - 1), [1, 2]);
      assert.deepEqual(await keptAfter(1), [1]);
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

  describe('when one cannot be dropped', () => {
    let generations: OrderIndex['generations'];
    beforeEach(async () => {
      const held = await index.generations.create(2).then(() => nameOf(2));
      generations = {
        ...index.generations,
        drop: (name) =>
          name === held ? Promise.reject(new IndexUnavailableError('it is held')) : index.generations.drop(name),
      };
      await index.generations.create(3);
    });

    it('drops the others, says which one it was, and drops that another time', async () => {
      const warned: unknown[] = [];
      const log = { info: () => undefined, warn: (...said: unknown[]) => void warned.push(said) } as unknown as Logger;
      await keep(generations, log);
      time += TTL_MS;
      await keep(generations, log);
      assert.deepEqual(warned, [
        [
          { generation: await nameOf(2), reason: 'it is held' },
          'a generation could not be dropped: it is tried again later',
        ],
      ]);
      assert.deepEqual(await keptAfter(0), [1]);
    });

    it('lets go of the standbys beside it', async () => {
      const standby = await nameOf(2);
      const { epoch } = await index.registry();
      await index.generations.renameEpoch(epoch, { register: [standby, await nameOf(3)] });
      await keep(generations);
      time += TTL_MS;
      await keep(generations);
      assert.deepEqual(
        (await index.generations.list()).map(({ name, isTarget }) => [name, isTarget]),
        [
          [await nameOf(1), true],
          [standby, false],
        ],
      );
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
