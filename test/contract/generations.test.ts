import assert from 'node:assert/strict';
import { compareOrderIds, SnapshotLostError } from '../../src/order-index/port.ts';
import type { OrderIndex, Registry, WriteTarget } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
/** The last one's first character is beyond U+FFFF: JavaScript would have it before the one before it. */
const ORDER_IDS = ['O-1', 'O-10', 'O-2', 'o-1', 'ö', '\uff5e', '\u{1f3ee}'];

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

  /** The second one, registered. */
  async function second(): Promise<{ registry: Registry; target: WriteTarget }> {
    await index.generations.create(2);
    const name = (await index.generations.list())[1]?.name ?? '';
    const moved = await index.generations.renameEpoch((await index.registry()).epoch, { register: [name] });
    assert.equal(moved.kind, 'moved');
    const target = moved.registry.targets.find(({ generation }) => generation === name);
    assert.ok(target);
    return { registry: moved.registry, target };
  }

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

  describe('when a snapshot is taken', () => {
    const write1 = async (orderIds: readonly string[]) => {
      for (const orderId of orderIds) assert.equal(await write(first, orderId), 'written');
    };

    it('lists every order once, in the order of their ids, page by page', async () => {
      await write1(ORDER_IDS.toReversed());
      await index.generations.refresh(first.generation);
      const snapshot = await index.generations.openSnapshot(first.generation);
      const listed = [];
      for (let after: string | undefined; ;) {
        const page = await snapshot.versions({ after, size: 3 });
        if (page.length === 0) break;
        listed.push(...page);
        after = page.at(-1)?.orderId;
      }
      await snapshot.close();
      assert.deepEqual(
        listed.map(({ orderId }) => orderId),
        ORDER_IDS.toSorted(compareOrderIds),
      );
      const expected = sampleWrite({ orderId: 'O-1' }).document;
      assert.deepEqual(listed[0], { orderId: 'O-1', version: 1, lastEvent: expected.lastEvent });
      assert.ok(expected.lastEvent);
    });

    it('gives each order in one of its parts, with its events', async () => {
      const orderIds = Array.from({ length: 40 }, (_, number) => `O-${number}`);
      await write1(orderIds);
      await index.generations.refresh(first.generation);
      const snapshot = await index.generations.openSnapshot(first.generation);
      const parts = await Promise.all(
        [0, 1, 2].map((number) =>
          snapshot.orders({ slice: { number, slices: 3 }, after: undefined, size: orderIds.length }),
        ),
      );
      const again = await snapshot.orders({ slice: { number: 1, slices: 3 }, after: undefined, size: 100 });
      await snapshot.close();
      assert.deepEqual(again, parts[1]);
      const all = parts.flat();
      assert.deepEqual(all.map(({ orderId }) => orderId).sort(), orderIds.toSorted());
      const { version, document } = sampleWrite({ orderId: 'O-7' });
      assert.deepEqual(
        all.find(({ orderId }) => orderId === 'O-7'),
        { orderId: 'O-7', version, events: document.events },
      );
    });

    it('does not change with what is written afterwards', async () => {
      await write1(['O-1']);
      await index.generations.refresh(first.generation);
      const snapshot = await index.generations.openSnapshot(first.generation);
      await write1(['O-2']);
      await index.generations.refresh(first.generation);
      const listed = await snapshot.versions({ after: undefined, size: 10 });
      await snapshot.close();
      assert.deepEqual(
        listed.map(({ orderId }) => orderId),
        ['O-1'],
      );
    });

    it('is lost once it was closed', async () => {
      const snapshot = await index.generations.openSnapshot(first.generation);
      await snapshot.close();
      await assert.rejects(snapshot.versions({ after: undefined, size: 10 }), SnapshotLostError);
    });
  });
});
