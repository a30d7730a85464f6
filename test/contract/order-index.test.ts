import assert from 'node:assert/strict';
import { IndexConfigurationError, IndexUnavailableError } from '../../src/order-index/port.ts';
import type { OrderIndex, ParkedEvent, WriteTarget } from '../../src/order-index/port.ts';
import type { OrderEvent } from '../../src/order/event.ts';
import { sampleDocument, sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

const tagged = (add: string) => ({ type: 'order.tagged.v1', data: { add: [add], remove: [] } }) as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;

function parked(orderId: string, sequence: number, id = `${orderId}-${sequence}`): ParkedEvent {
  const event: OrderEvent = {
    id,
    source: '/test',
    type: 'order.delivered.v1',
    time: '2026-03-01T10:00:00.000Z',
    sequence,
    data: {},
  };
  return { orderId, event, parkedAt: '2026-03-01T10:00:05.000Z' };
}

describeForEachBackend('an order index', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let live: WriteTarget;

  before(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    live = (await index.registry()).live;
  });
  after(() => place.remove());

  describe('when it is opened', () => {
    it('has one generation, live and the only write target, at epoch 1', async () => {
      const registry = await index.registry();
      assert.equal(registry.epoch, 1);
      assert.match(registry.live.generation, /-000001$/);
      assert.equal(registry.live.address, `${registry.live.generation}-w1`);
      assert.deepEqual(registry.targets, [registry.live]);
    });

    it('is opened again without a change', async () => {
      const before = await index.registry();
      await index.open();
      assert.deepEqual(await index.registry(), before);
    });

    it('keeps everything over a restart, and refuses older code', async () => {
      const own = backend.index();
      try {
        const first = own.instance();
        await first.open();
        const target = (await first.registry()).live;
        await first.write(target, [sampleWrite({ orderId: 'kept' })], 'live');
        await first.close();
        const older = own.instance({ foldVersion: 0 });
        await assert.rejects(older.open(), IndexConfigurationError);
        await older.close();
        const second = own.instance();
        await second.open();
        await second.refresh();
        assert.deepEqual(await second.registry(), { epoch: 1, live: target, targets: [target] });
        assert.equal((await second.get('kept'))?.orderId, 'kept');
      } finally {
        await own.remove();
      }
    });
  });

  describe('when documents are written', () => {
    it('creates them, loads them whole and in real time, and knows nothing of others', async () => {
      const write = sampleWrite({
        orderId: 'Zürich/1 #?%',
        customer: { id: 'C', name: '田中 花子' },
        then: [tagged('a')],
      });
      assert.deepEqual(await index.write(live, [write], 'live'), [{ kind: 'written' }]);
      const loaded = await index.load(live, [write.orderId, 'nobody']);
      assert.deepEqual(loaded, { kind: 'loaded', documents: new Map([[write.orderId, write.document]]) });
    });

    it('takes a newer version, and leaves the stored one where it is the same or newer', async () => {
      const versions = [1, 2, 3].map((length) =>
        sampleWrite({ orderId: 'versions', then: ['b', 'c'].slice(0, length - 1).map(tagged) }),
      );
      const [first, second, third] = versions;
      assert.ok(first && second && third);
      assert.deepEqual(await index.write(live, [second], 'live'), [{ kind: 'written' }]);
      assert.deepEqual(await index.write(live, [second], 'live'), [{ kind: 'present' }]);
      assert.deepEqual(await index.write(live, [first], 'repair'), [{ kind: 'present' }]);
      assert.deepEqual(await index.write(live, [third], 'rebuild'), [{ kind: 'written' }]);
      const loaded = await index.load(live, ['versions']);
      assert.deepEqual(loaded.kind === 'loaded' && loaded.documents.get('versions'), third.document);
    });

    it('answers one outcome a write, in their order', async () => {
      const [known, unknown] = [sampleWrite({ orderId: 'known' }), sampleWrite({ orderId: 'unknown' })];
      await index.write(live, [known], 'live');
      const outcomes = await index.write(live, [unknown, known, sampleWrite({ orderId: 'third' })], 'live');
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['written', 'present', 'written'],
      );
      assert.deepEqual(await index.write(live, [], 'live'), []);
    });

    it('writes nothing to an address of another epoch', async () => {
      const stale = { ...live, address: `${live.generation}-w7` };
      const outcomes = await index.write(stale, [sampleWrite({ orderId: 'stale' })], 'live');
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['moved'],
      );
      const loaded = await index.load(live, ['stale']);
      assert.deepEqual(loaded, { kind: 'loaded', documents: new Map() });
    });

    it('loads and writes nothing where there is no such generation', async () => {
      const gone = { generation: `${live.generation}9`, address: `${live.generation}9-w1` };
      assert.equal((await index.load(gone, ['x'])).kind, 'moved');
      assert.equal((await index.write(gone, [sampleWrite({ orderId: 'x' })], 'live'))[0]?.kind, 'moved');
    });

    it('takes items by the hundreds, and ids of 512 bytes', async () => {
      const items = Array.from(
        { length: 500 },
        (_, at) => [`SKU-${at}`, `Thing number ${at} in a very long list`] as const,
      );
      const write = sampleWrite({ orderId: 'ü'.repeat(256), items });
      assert.deepEqual(await index.write(live, [write], 'live'), [{ kind: 'written' }]);
      const loaded = await index.load(live, [write.orderId]);
      assert.deepEqual(loaded.kind === 'loaded' && loaded.documents.get(write.orderId), write.document);
    });
  });

  describe('when an order is read', () => {
    it('is given once it is visible, as it was written', async () => {
      const document = sampleDocument({ orderId: 'readable' });
      await index.write(live, [sampleWrite({ orderId: 'readable' })], 'live');
      await index.refresh();
      assert.deepEqual(await index.get('readable'), document);
      assert.equal(await index.get('Readable'), undefined);
    });

    it('is hidden while incomplete and once erased', async () => {
      const incomplete = {
        orderId: 'early',
        status: 'incomplete',
        updatedAt: '2026-03-01T10:00:00.000Z',
        version: 1,
      } as const;
      const projected = { projectedAt: '2026-03-01T10:00:01.000Z', events: [parked('early', 1).event] };
      await index.write(live, [{ orderId: 'early', version: 1, document: { ...incomplete, ...projected } }], 'live');
      await index.write(live, [sampleWrite({ orderId: 'forgotten' })], 'live');
      await index.write(live, [sampleWrite({ orderId: 'forgotten', then: [ERASED] })], 'live');
      await index.refresh();
      assert.equal(await index.get('early'), undefined);
      assert.equal(await index.get('forgotten'), undefined);
      const loaded = await index.load(live, ['early', 'forgotten']);
      assert.ok(loaded.kind === 'loaded');
      assert.equal(loaded.documents.get('early')?.status, 'incomplete');
      assert.equal(loaded.documents.get('forgotten')?.status, 'erased');
    });
  });

  describe('when events are parked', () => {
    const withData = (one: ParkedEvent): ParkedEvent => ({ ...one, event: { ...one.event, data: { reason: 'lost' } } });

    it('keeps the first of a place, and says who has it', async () => {
      const [mine, other] = [parked('p-1', 3), parked('p-1', 3, 'another')];
      assert.deepEqual(await index.park([mine]), [{ kind: 'parked' }]);
      assert.deepEqual(await index.park([other, parked('p-1', 4), mine]), [
        { kind: 'taken', by: mine.event },
        { kind: 'parked' },
        { kind: 'taken', by: mine.event },
      ]);
      assert.deepEqual(await index.parkedAt([{ orderId: 'p-1', sequence: 3 }]), [mine]);
    });

    it('finds them by their place at once, and drops them', async () => {
      await index.park([parked('p-2', 5), parked('p-2', 50)]);
      const places = [5, 50, 500].map((sequence) => ({ orderId: 'p-2', sequence }));
      assert.deepEqual(await index.parkedAt(places), [parked('p-2', 5), parked('p-2', 50)]);
      await index.unpark([...places.slice(0, 1), { orderId: 'nobody', sequence: 1 }]);
      assert.deepEqual(await index.parkedAt(places), [parked('p-2', 50)]);
      assert.deepEqual(await index.parkedAt([]), []);
    });

    it('leaves those that are stripped their places, and makes none for those that are gone', async () => {
      const [gone, stripped, other] = [
        withData(parked('p-3', 5)),
        withData(parked('p-3', 6)),
        withData(parked('p-3', 7)),
      ];
      await index.park([gone, stripped, other]);
      const placeOf = ({ orderId, event: { sequence } }: ParkedEvent) => ({ orderId, sequence });
      await index.unpark([placeOf(gone)]);
      for (const places of [[gone, stripped].map(placeOf), [placeOf(stripped)], []]) await index.stripParked(places);
      assert.deepEqual(await index.parkedAt([gone, stripped, other].map(placeOf)), [
        { ...stripped, event: { ...stripped.event, data: {} } },
        other,
      ]);
    });

    it('lists them by order and sequence, page by page', async () => {
      const own = backend.index();
      try {
        const other = own.instance();
        await other.open();
        const all = [parked('B', 2), parked('a', 9), parked('a', 10), parked('a', 2 ** 53 - 1), parked('ä', 3)];
        await other.park(all.toReversed());
        assert.equal(await other.countParked(), 5);
        const first = await other.listParked({ size: 3 });
        assert.deepEqual(first, all.slice(0, 3));
        const rest = await other.listParked({ after: { orderId: 'a', sequence: 10 }, size: 3 });
        assert.deepEqual(rest, all.slice(3));
        const places = all.map(({ orderId, event: { sequence }, parkedAt }) => ({ orderId, sequence, parkedAt }));
        assert.deepEqual(await other.listParkedPlaces({ size: 3 }), places.slice(0, 3));
        const after = { orderId: 'a', sequence: 10 };
        assert.deepEqual(await other.listParkedPlaces({ after, size: 3 }), places.slice(3));
        await other.unpark(all.map(({ orderId, event: { sequence } }) => ({ orderId, sequence })));
        assert.equal(await other.countParked(), 0);
        assert.deepEqual(await other.listParked({ size: 3 }), []);
        assert.deepEqual(await other.listParkedPlaces({ size: 3 }), []);
      } finally {
        await own.remove();
      }
    });
  });

  describe('when control documents are written', () => {
    it('replaces exactly the one that was read', async () => {
      assert.equal(await index.readControl('c-1'), undefined);
      assert.equal(await index.writeControl('c-1', { step: 1 }, null), true);
      assert.equal(await index.writeControl('c-1', { step: 9 }, null), false);
      const first = await index.readControl('c-1');
      assert.deepEqual(first?.value, { step: 1 });
      assert.equal(await index.writeControl('c-1', { step: 2 }, first?.revision), true);
      assert.equal(await index.writeControl('c-1', { step: 3 }, first?.revision), false);
      assert.deepEqual((await index.readControl('c-1'))?.value, { step: 2 });
    });

    it('lets one of many at once through', async () => {
      await index.writeControl('c-2', { owner: 'nobody' }, null);
      const revision = (await index.readControl('c-2'))?.revision;
      const attempts = Array.from({ length: 8 }, (_, at) => index.writeControl('c-2', { owner: at }, revision));
      assert.equal((await Promise.all(attempts)).filter(Boolean).length, 1);
    });

    it('writes whatever is there where nothing is expected', async () => {
      assert.equal(await index.writeControl('c-3', { a: [1, { b: 'ß' }] }), true);
      assert.equal(await index.writeControl('c-3', { a: null }), true);
      assert.deepEqual((await index.readControl('c-3'))?.value, { a: null });
      assert.equal(await index.writeControl('c-4', {}, (await index.readControl('c-3'))?.revision), false);
    });
  });

  describe('when it is asked how it is', () => {
    it('is up', async () => {
      assert.equal((await index.health()).state === 'down', false);
    });

    it('says so when it is not open', async () => {
      const own = backend.index();
      try {
        const closed = own.instance();
        await closed.open();
        const { live: target } = await closed.registry();
        await closed.close();
        await assert.rejects(closed.search({ sort: 'placedAt', size: 1 }), IndexUnavailableError);
        assert.equal((await closed.write(target, [sampleWrite({ orderId: 'x' })], 'live'))[0]?.kind, 'unavailable');
      } finally {
        await own.remove();
      }
    });
  });
});
