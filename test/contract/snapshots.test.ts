import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareOrderIds, IndexUnavailableError, SnapshotLostError } from '../../src/order-index/port.ts';
import type { OrderIndex, OrderVersion, Snapshot, StoredOrder, WriteTarget } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { registerGeneration } from '../support/second-generation.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;
/** Of every length in UTF-8. The last one's first character is beyond U+FFFF: JavaScript would have it before the one before it. */
const ORDER_IDS = [
  'O-1',
  'O-10',
  'O-2',
  'O',
  ' ',
  '~',
  'o-1',
  'ö',
  'o\u0308',
  '\u0800',
  '\ud7ff',
  '\uff5e',
  '\u{1f3ee}',
];
const WHOLE = { number: 0, slices: 1 };

describeForEachBackend('snapshots', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let first: WriteTarget;
  let snapshot: Snapshot;
  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    first = (await index.registry()).live;
  });
  afterEach(async () => {
    await snapshot.close();
    await place.remove();
  });

  async function write(...orders: readonly SampleOrder[]): Promise<void> {
    const outcomes = await index.write(first, orders.map(sampleWrite), 'live');
    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(['written']));
  }
  const taken = async () => {
    await index.generations.refresh(first.generation);
    return await index.generations.openSnapshot(first.generation);
  };
  const idsOf = (listed: readonly { readonly orderId: string }[]) => listed.map(({ orderId }) => orderId);

  /** To its end; `between` is called after each page. */
  async function versions(size: number, between?: () => Promise<void>): Promise<OrderVersion[]> {
    const listed: OrderVersion[] = [];
    for (;;) {
      const page = await snapshot.versions({ after: listed.at(-1)?.orderId, size });
      assert.ok(page.length <= size);
      if (page.length === 0) return listed;
      listed.push(...page);
      await between?.();
    }
  }

  describe('when one is read', () => {
    it('lists every order once, in the order of their ids, page by page', async () => {
      await write(...ORDER_IDS.toReversed().map((orderId) => ({ orderId })));
      snapshot = await taken();
      const listed = await versions(3);
      assert.deepEqual(idsOf(listed), ORDER_IDS.toSorted(compareOrderIds));
      const orders = await snapshot.orders({ slice: WHOLE, after: ' ', size: 100 });
      assert.deepEqual(idsOf(orders), idsOf(listed).slice(1));
      const expected = sampleWrite({ orderId: 'O-1' }).document;
      assert.deepEqual(
        listed.find(({ orderId }) => orderId === 'O-1'),
        { orderId: 'O-1', version: 1, eventsDigest: expected.eventsDigest },
      );
      assert.ok(expected.eventsDigest);
    });

    it('lists any ids in the order that they are compared in', async () => {
      const seed = 20_260_301;
      const generated = fc.sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), { seed, numRuns: 200 });
      const orderIds = [...new Set(generated)];
      await write(...orderIds.map((orderId) => ({ orderId })));
      snapshot = await taken();
      const expected = orderIds.toSorted(compareOrderIds);
      assert.notDeepEqual(expected, orderIds.toSorted());
      assert.deepEqual(idsOf(await versions(70)), expected);
      const rest = await snapshot.orders({ slice: WHOLE, after: expected[99], size: 1_000 });
      assert.deepEqual(idsOf(rest), expected.slice(100));
    });

    it('gives each order in one of its parts, with its events', async () => {
      const orderIds = Array.from({ length: 40 }, (_, number) => `O-${number}`);
      await write(...orderIds.map((orderId) => ({ orderId })));
      snapshot = await taken();
      const parts = await Promise.all(
        [0, 1, 2].map((number) =>
          snapshot.orders({ slice: { number, slices: 3 }, after: undefined, size: orderIds.length }),
        ),
      );
      assert.deepEqual(
        await snapshot.orders({ slice: { number: 1, slices: 3 }, after: undefined, size: 100 }),
        parts[1],
      );
      assert.deepEqual(idsOf(parts.flat()).sort(), orderIds.toSorted());
      const { version, document } = sampleWrite({ orderId: 'O-7' });
      assert.deepEqual(
        parts.flat().find(({ orderId }) => orderId === 'O-7'),
        { orderId: 'O-7', version, events: document.events },
      );
    });

    it('does not know the digest of what older code wrote, page by page', async () => {
      const writes = ['O-1', 'O-2', 'O-3'].map((orderId) => {
        const { document, ...write } = sampleWrite({ orderId });
        const { eventsDigest: _, ...older } = document;
        return { ...write, document: older };
      });
      await index.write(first, writes, 'live');
      snapshot = await taken();
      assert.deepEqual(
        await versions(1),
        writes.map(({ orderId }) => ({ orderId, version: 1, eventsDigest: undefined })),
      );
    });

    it('has the orders that no reader is shown, too', async () => {
      await write({ orderId: 'O-1', then: [ERASED] });
      snapshot = await taken();
      assert.deepEqual(
        (await versions(10)).map(({ orderId, version }) => [orderId, version]),
        [['O-1', 2]],
      );
    });

    it('is empty where nothing is', async () => {
      snapshot = await taken();
      assert.deepEqual(await versions(10), []);
      await write({ orderId: 'O-1' });
      await index.generations.refresh(first.generation);
      assert.deepEqual(await versions(10), []);
    });
  });

  describe('when orders are added and changed while it is read', () => {
    const before: readonly SampleOrder[] = Array.from({ length: 12 }, (_, number) => ({ orderId: `O-${number + 10}` }));
    const expected = before.map((order): StoredOrder => {
      const { orderId, version, document } = sampleWrite(order);
      return { orderId, version, events: document.events };
    });
    /** Each time all orders are changed once more, and one is added before and one behind all others; later one is erased. */
    async function changes(time: number): Promise<void> {
      const paid = Array.from({ length: time }, () => PAID);
      await write(
        ...before.map(({ orderId }) => ({ orderId, then: time > 1 && orderId === 'O-11' ? [...paid, ERASED] : paid })),
        { orderId: `A-${time}` },
        { orderId: `Z-${time}` },
      );
      await index.generations.refresh(first.generation);
    }

    it('stays what it was, versions and events', async () => {
      await write(...before);
      snapshot = await taken();
      await changes(1);
      const listed = await snapshot.orders({ slice: WHOLE, after: undefined, size: 5 });
      await changes(2);
      const rest = await snapshot.orders({ slice: WHOLE, after: listed.at(-1)?.orderId, size: 100 });
      assert.deepEqual([...listed, ...rest], expected);
      const last = (order: SampleOrder) => sampleWrite(order).document.eventsDigest;
      assert.deepEqual(
        await versions(100),
        before.map((order) => ({ orderId: order.orderId, version: 1, eventsDigest: last(order) })),
      );
    });

    it('is one moment, page after page', async () => {
      await write(...before);
      snapshot = await taken();
      let time = 0;
      const listed = await versions(4, () => changes((time += 1)));
      assert.equal(time, 3);
      assert.deepEqual(
        listed.map(({ orderId, version }) => ({ orderId, version })),
        expected.map(({ orderId, version }) => ({ orderId, version })),
      );
    });

    it('is another moment than one that was taken between', async () => {
      await write(...before);
      snapshot = await taken();
      await changes(1);
      const later = await taken();
      await changes(2);
      const versionsOf = async (of: Snapshot) => {
        const listed = await of.versions({ after: undefined, size: 100 });
        return new Map(listed.map(({ orderId, version }) => [orderId, version]));
      };
      const [old, newer] = [await versionsOf(snapshot), await versionsOf(later)];
      await later.close();
      assert.deepEqual([old.size, old.get('O-10'), old.get('A-1')], [12, 1, undefined]);
      assert.deepEqual(
        [newer.size, newer.get('O-10'), newer.get('O-11'), newer.get('A-1'), newer.get('A-2')],
        [14, 2, 2, 1, undefined],
      );
      assert.equal((await versionsOf(snapshot)).get('O-10'), 1);
    });
  });

  describe('when it is no more', () => {
    it('says that it is lost once it was closed, which may be done twice', async () => {
      snapshot = await taken();
      await snapshot.close();
      await assert.rejects(snapshot.versions({ after: undefined, size: 10 }), SnapshotLostError);
      await assert.rejects(snapshot.orders({ slice: WHOLE, after: undefined, size: 10 }), SnapshotLostError);
      await write({ orderId: 'O-1' }, { orderId: 'O-1', then: [PAID] });
    });

    it('is unavailable once its generation was dropped', async () => {
      const { registry, target } = await registerGeneration(index, 2);
      snapshot = await index.generations.openSnapshot(target.generation);
      await index.generations.renameEpoch(registry.epoch, { unregister: [target.generation] });
      await index.generations.drop(target.generation);
      await assert.rejects(snapshot.versions({ after: undefined, size: 10 }), IndexUnavailableError);
    });
  });
});
