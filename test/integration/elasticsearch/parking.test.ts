import assert from 'node:assert/strict';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { forgetLostParked, lostIndices } from '../../../src/order-index/lost-indices.ts';
import type { ParkedEvent } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleWrite } from './sample-orders.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';

describe('parked events and control records in Elasticsearch', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  beforeEach(async () => {
    under = indexUnderTest();
    index = under.instance();
    await index.open();
  });
  afterEach(() => under.remove());

  const placeOf = ({ orderId, event }: ParkedEvent) => ({ orderId, sequence: event.sequence });

  describe('when events are parked', () => {
    it('finds them by place at once, and drops them', async () => {
      const events = [parked('O-1', 3), parked('O-1', 4), parked('O-2', 3)];
      assert.deepEqual(
        await index.park(events),
        events.map(() => ({ kind: 'parked' })),
      );
      const [first, second, third] = events.map(placeOf);
      assert.deepEqual(await index.parkedAt([third!, { orderId: 'O-3', sequence: 1 }, first!]), [events[2], events[0]]);
      await index.unpark([first!, second!, { orderId: 'O-9', sequence: 9 }]);
      assert.deepEqual(await index.parkedAt(events.map(placeOf)), [events[2]]);
      assert.equal(await index.countParked(), 1);
    });

    it('answers by whom a place is taken, and leaves it', async () => {
      const first = parked('O-1', 3, 'one');
      const second = parked('O-1', 3, 'another');
      await index.park([first]);
      assert.deepEqual(await index.park([parked('O-1', 4), second, first]), [
        { kind: 'parked' },
        { kind: 'taken', by: first.event },
        { kind: 'taken', by: first.event },
      ]);
      assert.deepEqual(await index.parkedAt([placeOf(second)]), [first]);
    });

    it('gives one place to one of several at once, and to one of two in a call', async () => {
      const rivals = ['a', 'b', 'c', 'd'].map((id) => parked('O-1', 5, id));
      const outcomes = (await Promise.all(rivals.map((rival) => index.park([rival])))).flat();
      assert.equal(outcomes.filter(({ kind }) => kind === 'parked').length, 1);
      const both = await index.park([parked('O-2', 2, 'x'), parked('O-2', 2, 'y')]);
      assert.deepEqual(both, [{ kind: 'parked' }, { kind: 'taken', by: parked('O-2', 2, 'x').event }]);
    });

    it('lists them by order and sequence, page by page', async () => {
      const long = 'ü'.repeat(256);
      const events = [parked('B', 2), parked('A', 10), parked('A', 9), parked(long, 3), parked('a', 2 ** 53 - 1)];
      await index.park(events);
      const pages: ParkedEvent[] = [];
      for (let after; ; after = placeOf(pages.at(-1)!)) {
        const page = await index.listParked({ ...(after && { after }), size: 2 });
        pages.push(...page);
        if (page.length < 2) break;
      }
      assert.deepEqual(pages, [events[2], events[1], events[0], events[4], events[3]]);
    });

    it('does nothing for nothing', async () => {
      assert.deepEqual(await index.park([]), []);
      assert.deepEqual(await index.parkedAt([]), []);
      await index.unpark([]);
      assert.deepEqual(await index.listParked({ size: 10 }), []);
      assert.equal(await index.countParked(), 0);
    });
  });

  describe('when the index of parked events has vanished', () => {
    beforeEach(async () => {
      await under.elasticsearch.indices.delete({ index: under.names.parked });
    });

    const mappedFields = async () => {
      const mapping = await under.elasticsearch.indices.getMapping({ index: under.names.parked });
      return Object.keys(mapping[under.names.parked]!.mappings.properties ?? {});
    };

    it('says so in its health', async () => {
      const { state, reason } = await index.health();
      assert.equal(state, 'degraded');
      assert.match(reason ?? '', /-parked is missing/);
    });

    const reasonOf = async (instance = index) => (await instance.health()).reason ?? '';

    it('stays degraded once it is there again, and says what to do', async () => {
      await index.countParked();
      assert.match(await reasonOf(), /-parked was lost and made anew at .*, without events that waited .*"history"/);
      assert.match(await reasonOf(under.instance()), /-parked was lost/);
    });

    it('stays degraded too where an instance that starts makes it anew', async () => {
      await under.instance().open();
      assert.match(await reasonOf(), /-parked was lost/);
    });

    it('is not degraded any more once what was missed by then was read from the history', async () => {
      await index.countParked();
      await forgetLostParked(index, Date.now() - 60_000);
      assert.match(await reasonOf(), /-parked was lost/);
      await forgetLostParked(index, Date.now() + 1);
      assert.equal(await reasonOf(), '');
    });

    for (const [name, use] of [
      ['park', () => index.park([parked('O-1', 3)])],
      ['parkedAt', () => index.parkedAt([{ orderId: 'O-1', sequence: 3 }])],
      ['listParked', () => index.listParked({ size: 1 })],
      ['listParkedPlaces', () => index.listParkedPlaces({ size: 1 })],
      ['countParked', () => index.countParked()],
    ] as const) {
      it(`is made anew, with its mapping, by ${name}`, async () => {
        await use();
        assert.deepEqual(await mappedFields(), ['event', 'orderId', 'parkedAt', 'sequence']);
        assert.deepEqual(await index.park([parked('O-1', 4)]), [{ kind: 'parked' }]);
      });
    }
  });

  describe('when the index of dead letters has vanished', () => {
    it('is made anew, and stays degraded', async () => {
      await under.elasticsearch.indices.delete({ index: under.names.deadLetters });
      assert.equal(await index.countDeadLetters(), 0);
      const { state, reason } = await index.health();
      assert.equal(state, 'degraded');
      assert.match(
        reason ?? '',
        /-dead-letters was lost and made anew at .*, without the dead letters in it: see what was refused in the logs/,
      );
    });
  });

  describe('when all but the orders has vanished', () => {
    const vanish = async () => {
      const { control, parked, deadLetters } = under.names;
      await under.elasticsearch.indices.delete({ index: [control, parked, deadLetters] });
      await under.instance().open();
    };

    it('is taken by an instance that starts for lost', async () => {
      const { live } = await index.registry();
      await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      await index.refresh();
      await vanish();
      assert.deepEqual((await lostIndices(index)).map(({ content }) => content), ['parked', 'dead-letters']); // prettier-ignore
    });

    it('is taken for a first start where there is no order either', async () => {
      await vanish();
      assert.deepEqual(await lostIndices(index), []);
    });
  });

  describe('when it is opened for the first time, by several at once', () => {
    it('has lost nothing', async () => {
      const other = indexUnderTest();
      try {
        const instances = [1, 2, 3].map(() => other.instance());
        await Promise.all(instances.map((instance) => instance.open()));
        assert.deepEqual(await lostIndices(instances[0]!), []);
      } finally {
        await other.remove();
      }
    });
  });

  describe('when an instance starts on an index that was restored without its aliases', () => {
    it('puts its write alias back', async () => {
      await under.elasticsearch.indices.deleteAlias({
        index: under.names.parked,
        name: `${under.names.parked}-writes`,
      });
      const next = under.instance();
      await next.open();
      assert.deepEqual(await next.park([parked('O-1', 4)]), [{ kind: 'parked' }]);
    });
  });

  describe('when Elasticsearch is not well', () => {
    it('throws that it is unavailable, and is benign to repeat', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        const behind = under.instance({ nodes: [proxy.url] });
        proxy.intercept(() => 'lose the answer');
        const event = parked('O-1', 3);
        await assert.rejects(behind.park([event]), IndexUnavailableError);
        proxy.intercept(() => 'forward');
        assert.deepEqual(await behind.park([event]), [{ kind: 'taken', by: event.event }]);
        proxy.intercept(() => ({ status: 503 }));
        await assert.rejects(behind.parkedAt([placeOf(event)]), IndexUnavailableError);
        await assert.rejects(behind.unpark([placeOf(event)]), IndexUnavailableError);
        await assert.rejects(behind.readControl('x'), IndexUnavailableError);
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when control records are written', () => {
    it('reads them back at once', async () => {
      assert.equal(await index.readControl('lease'), undefined);
      assert.equal(await index.writeControl('lease', { owner: 'a', nested: { list: [1, 'x'] } }), true);
      assert.deepEqual((await index.readControl('lease'))?.value, { owner: 'a', nested: { list: [1, 'x'] } });
    });

    it('replaces only the very one that was read', async () => {
      assert.equal(await index.writeControl('lease', { owner: 'a' }, null), true);
      assert.equal(await index.writeControl('lease', { owner: 'b' }, null), false);
      const { revision } = (await index.readControl('lease'))!;
      assert.equal(await index.writeControl('lease', { owner: 'b' }, revision), true);
      assert.equal(await index.writeControl('lease', { owner: 'c' }, revision), false);
      assert.equal(await index.writeControl('lease', { owner: 'c' }, 'nonsense'), false);
      assert.deepEqual((await index.readControl('lease'))?.value, { owner: 'b' });
    });

    it('replaces nothing that is not there', async () => {
      assert.equal(await index.writeControl('lease', { owner: 'a' }, null), true);
      const { revision } = (await index.readControl('lease'))!;
      assert.equal(await index.writeControl('other', { owner: 'a' }, revision), false);
      assert.equal(await index.readControl('other'), undefined);
    });

    it('lets one of several at once win', async () => {
      const wins = await Promise.all(['a', 'b', 'c'].map((owner) => index.writeControl('lease', { owner }, null)));
      assert.equal(wins.filter(Boolean).length, 1);
    });
  });
});

function parked(orderId: string, sequence: number, id = 'event'): ParkedEvent {
  const event = {
    id: `${id}-${sequence}`,
    source: '/test',
    time: '2026-03-01T10:00:00.000Z',
    sequence,
    type: 'order.cancelled.v1',
    data: { reason: 'moved' },
  };
  return { orderId, event, parkedAt: '2026-03-01T10:00:02.000Z' };
}
