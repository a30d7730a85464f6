import assert from 'node:assert/strict';
import type { OrderIndex, WriteTarget } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { registerGeneration } from '../support/second-generation.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;

describeForEachBackend('generations', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let first: WriteTarget;
  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    first = (await index.registry()).live;
  });
  afterEach(() => place.remove());

  const second = () => registerGeneration(index, 2);

  async function write(target: WriteTarget, orderId: string, ...then: readonly (typeof PAID)[]): Promise<string> {
    const [outcome] = await index.write(target, [sampleWrite({ orderId, then })], 'live');
    return outcome?.kind ?? 'none';
  }

  describe('when there is only the first', () => {
    it('is live, a target, and made by the present code', async () => {
      await write(first, 'O-1');
      await index.refresh();
      const [generation, ...others] = await index.generations.list();
      assert.deepEqual(others, []);
      assert.equal(generation?.name, first.generation);
      assert.deepEqual(
        [generation?.number, generation?.isLive, generation?.isTarget, generation?.documents],
        [1, true, true, 1],
      );
      assert.match(generation?.mappingHash ?? '', /^[0-9a-f]{16}$/);
      assert.ok(Date.parse(generation?.createdAt ?? '') <= Date.now());
      assert.ok((generation?.sizeBytes ?? 0) > 0);
      assert.deepEqual((await index.generations.drift()).mapping, 'current');
    });
  });

  describe('when another one is created', () => {
    it('is there once, and written to by nobody before it is registered', async () => {
      assert.equal(await index.generations.create(2), 'created');
      assert.equal(await index.generations.create(2), 'exists');
      const generations = await index.generations.list();
      assert.deepEqual(
        generations.map(({ number, isLive, isTarget }) => [number, isLive, isTarget]),
        [
          [1, true, true],
          [2, false, false],
        ],
      );
      assert.equal((await index.registry()).targets.length, 1);
    });

    it('is registered behind the live one, and what had the old epoch is refused', async () => {
      const { registry, target } = await second();
      assert.deepEqual(
        registry.targets.map(({ generation }) => generation),
        [target.generation, first.generation],
      );
      assert.deepEqual(await index.registry(), registry);
      assert.equal(await write(first, 'O-1'), 'moved');
      assert.equal(await write(registry.live, 'O-1'), 'written');
      assert.equal(await write(target, 'O-1'), 'written');
    });

    it('can be registered by one of two that race for it', async () => {
      await index.generations.create(2);
      const name = (await index.generations.list())[1]?.name ?? '';
      const { epoch } = await index.registry();
      assert.equal((await index.generations.renameEpoch(epoch, {})).kind, 'moved');
      assert.equal((await index.generations.renameEpoch(epoch, { register: [name] })).kind, 'lost_race');
      assert.equal((await index.registry()).targets.length, 1);
      assert.equal((await index.generations.renameEpoch(epoch + 1, { register: [name] })).kind, 'moved');
      // The same once more, as after a lost answer.
      assert.equal((await index.generations.renameEpoch(epoch + 1, { register: [name] })).kind, 'moved');
      assert.equal((await index.registry()).epoch, epoch + 2);
    });
  });

  describe('when it is swapped to and back', () => {
    it('refuses writes while frozen, and answers reads from the new one afterwards', async () => {
      await write(first, 'O-1');
      await index.refresh();
      const { registry, target } = await second();
      await write(target, 'O-1', PAID);
      assert.equal((await index.get('O-1'))?.version, 1);
      await index.generations.freeze(first.generation);
      await index.generations.freeze(first.generation);
      assert.equal(await write(registry.live, 'O-2'), 'moved');
      await index.generations.refresh(target.generation);
      const swapped = await index.generations.renameEpoch(registry.epoch, { live: target.generation });
      assert.equal(swapped.kind, 'moved');
      await index.generations.thaw(first.generation);
      await index.generations.thaw(first.generation);
      assert.equal((await index.get('O-1'))?.version, 2);
      assert.deepEqual(
        swapped.registry.targets.map(({ generation }) => generation),
        [first.generation, target.generation],
      );
      for (const one of swapped.registry.targets) assert.equal(await write(one, 'O-3'), 'written');
      await index.refresh();
      assert.equal((await index.get('O-3'))?.version, 1);
    });

    it('lets go of what is unregistered, and then only drops it', async () => {
      const { registry, target } = await second();
      await assert.rejects(index.generations.drop(target.generation), /write target/);
      const { registry: after } = await index.generations.renameEpoch(registry.epoch, {
        unregister: [target.generation],
      });
      assert.equal(await write(target, 'O-1'), 'moved');
      assert.equal((await index.generations.list()).length, 2);
      await index.generations.drop(target.generation);
      await index.generations.drop(target.generation);
      assert.deepEqual(
        (await index.generations.list()).map(({ name }) => name),
        [first.generation],
      );
      assert.deepEqual(await index.registry(), after);
      assert.equal((await index.load(target, ['O-1'])).kind, 'moved');
    });

    it('has the settings of a live one once they are restored', async () => {
      const { target } = await second();
      assert.deepEqual(await index.generations.restoreSettings(target.generation), { kind: 'ready' });
    });
  });
});
