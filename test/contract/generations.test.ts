import assert from 'node:assert/strict';
import { IndexConfigurationError, IndexUnavailableError } from '../../src/order-index/port.ts';
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

  describe('when a backlog is worked off', () => {
    it('is refreshed at another pace under its present name, and not under a former one', async () => {
      assert.equal(await index.generations.paceRefreshes(first, 'relaxed'), true);
      assert.equal(await index.generations.paceRefreshes(first, 'usual'), true);
      const { registry } = await second();
      assert.equal(await index.generations.paceRefreshes(first, 'relaxed'), false);
      assert.equal(await index.generations.paceRefreshes(registry.live, 'relaxed'), true);
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
      assert.notEqual(await index.generations.writeBlock(first.generation), undefined);
      assert.equal(await index.generations.writeBlock(target.generation), undefined);
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

    it('answers reads while frozen, and takes writes under the same epoch once thawed', async () => {
      await write(first, 'O-1');
      await index.refresh();
      const { registry, target } = await second();
      const frozen = async () => (await index.generations.list()).map(({ isFrozen }) => isFrozen);
      assert.deepEqual(await frozen(), [false, false]);
      await index.generations.freeze(first.generation);
      assert.deepEqual(await frozen(), [true, false]);
      assert.equal((await index.get('O-1'))?.version, 1);
      const loaded = await index.load(registry.live, ['O-1']);
      assert.equal(loaded.kind === 'loaded' && loaded.documents.size, 1);
      assert.equal(await write(target, 'O-2'), 'written');
      await index.generations.thaw(first.generation);
      assert.deepEqual(await frozen(), [false, false]);
      assert.deepEqual(await index.registry(), registry);
      assert.equal(await write(registry.live, 'O-2'), 'written');
    });

    it('leaves the old one to itself where it is unregistered in the same move', async () => {
      const { registry, target } = await second();
      const { registry: after } = await index.generations.renameEpoch(registry.epoch, {
        live: target.generation,
        unregister: [first.generation],
      });
      assert.deepEqual(
        after.targets.map(({ generation }) => generation),
        [target.generation],
      );
      assert.equal(await write(registry.live, 'O-1'), 'moved');
      assert.deepEqual(
        (await index.generations.list()).map(({ number, isLive, isTarget }) => [number, isLive, isTarget]),
        [
          [1, false, false],
          [2, true, true],
        ],
      );
    });

    it('keeps the live one a write target, and takes none that is not there', async () => {
      const before = await index.registry();
      const { epoch } = before;
      await assert.rejects(
        index.generations.renameEpoch(epoch, { unregister: [first.generation] }),
        /must stay a write target/,
      );
      const absent = first.generation.replace(/1$/, '7');
      await assert.rejects(index.generations.renameEpoch(epoch, { register: [absent] }));
      await assert.rejects(index.generations.renameEpoch(epoch, { register: [absent], live: absent }));
      assert.deepEqual(await index.registry(), before);
      assert.equal(await write(first, 'O-1'), 'written');
    });

    it('is made anew, empty, where one of its number was dropped', async () => {
      const { registry, target } = await second();
      assert.equal(await write(target, 'O-1'), 'written');
      const { registry: after } = await index.generations.renameEpoch(registry.epoch, {
        unregister: [target.generation],
      });
      await index.generations.drop(target.generation);
      const again = await second();
      assert.equal(again.registry.epoch, after.epoch + 1);
      await index.generations.refresh(target.generation);
      assert.equal((await index.generations.list())[1]?.documents, 0);
      const loaded = await index.load(again.target, ['O-1']);
      assert.equal(loaded.kind === 'loaded' && loaded.documents.size, 0);
      assert.equal(await write(again.target, 'O-1'), 'written');
    });

    it('has the settings of a live one once they are restored', async () => {
      const { target } = await second();
      assert.deepEqual(await index.generations.restoreSettings(target.generation), { kind: 'ready' });
    });
  });

  describe('when they are listed', () => {
    it('tells of each its documents, hidden ones too, its size, and the code that made it', async () => {
      const startedMs = Date.now();
      const { registry, target } = await second();
      const erased = sampleWrite({ orderId: 'O-3', then: [{ type: 'order.erased.v1', data: {} }] });
      for (const orderId of ['O-1', 'O-2']) await write(registry.live, orderId);
      await index.write(registry.live, [erased], 'live');
      await write(target, 'O-1');
      for (const { generation } of registry.targets) await index.generations.refresh(generation);
      const [one, two] = await index.generations.list();
      assert.ok(one && two);
      assert.deepEqual([one.documents, two.documents], [3, 1]);
      assert.deepEqual([one.name, two.name], [first.generation, target.generation]);
      assert.equal(one.mappingHash, two.mappingHash);
      assert.equal(one.foldVersion, two.foldVersion);
      assert.ok(one.sizeBytes > 0 && two.sizeBytes > 0);
      assert.match(two.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.ok(one.createdAt <= two.createdAt);
      const { createdAt, mappingHash, foldVersion } = two;
      assert.deepEqual({ mappingHash, foldVersion }, index.generations.code());
      assert.deepEqual(await index.generations.origin(two.name), { createdAt, mappingHash, foldVersion });
      assert.ok(Date.parse(two.createdAt) >= startedMs - 1_000 && Date.parse(two.createdAt) <= Date.now());
    });
  });

  describe('when one that must be there is gone', () => {
    it('is unavailable, and freeing it does nothing', async () => {
      const absent = first.generation.replace(/1$/, '7');
      const { generations } = index;
      await assert.rejects(generations.refresh(absent), IndexUnavailableError);
      await assert.rejects(generations.restoreSettings(absent), IndexUnavailableError);
      await assert.rejects(generations.writeBlock(absent), IndexUnavailableError);
      await assert.rejects(generations.openSnapshot(absent), IndexUnavailableError);
      await assert.rejects(generations.freeze(absent), IndexUnavailableError);
      await assert.rejects(generations.origin(absent), IndexUnavailableError);
      await generations.thaw(absent);
      await generations.drop(absent);
      assert.equal((await generations.list()).length, 1);
    });
  });

  describe('when newer code opens it', () => {
    const NEWER = 1_000;

    it('says that a rebuild is needed until what it has made itself is live', async () => {
      await index.close();
      index = place.instance({ foldVersion: NEWER });
      await index.open();
      const { mapping, reason = '' } = await index.generations.drift();
      assert.equal(mapping, 'rebuild needed');
      assert.match(reason, /^it was folded by version \d+, the code's is 1000$/);
      const { state, details } = await index.health();
      assert.deepEqual([state, details?.['mapping'], details?.['reason']], ['up', mapping, reason]);
      const { registry, target } = await second();
      const [one, two] = await index.generations.list();
      assert.notEqual(one?.foldVersion, NEWER);
      assert.equal(two?.foldVersion, NEWER);
      await index.generations.renameEpoch(registry.epoch, { live: target.generation });
      assert.deepEqual(await index.generations.drift(), { mapping: 'current' });
      const after = await index.health();
      assert.equal(after.details?.['mapping'], 'current');
      assert.ok(!('reason' in after.details));
    });

    it('keeps older code out as soon as it has registered one', async () => {
      await index.close();
      const newer = place.instance({ foldVersion: NEWER });
      await newer.open();
      await newer.generations.create(2);
      await newer.close();
      index = place.instance();
      await index.open();
      assert.equal((await index.registry()).targets.length, 1);
      await registerGeneration(index, 2);
      await assert.rejects(index.registry(), IndexUnavailableError);
      // Readers of other instances are still answered; the embedded index has no other instances.
      assert.equal((await index.health()).state, backend.name === 'embedded' ? 'down' : 'degraded');
      await index.close();
      await assert.rejects(place.instance().open(), IndexConfigurationError);
    });
  });
});
