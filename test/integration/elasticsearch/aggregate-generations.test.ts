import assert from 'node:assert/strict';
import { AggregateMovedError } from '../../../src/order-index/port.ts';
import type { AggregateDefinition, AggregateRow, AggregateStore, OrderIndex } from '../../../src/order-index/port.ts';
import { SELLER_DAILY } from '../../../src/rollups/seller-daily.ts';
import { dayNumber, numbered, oneCent } from './aggregate-orders.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';

const DAY = dayNumber(0);

/** A row of the sellers' aggregate. */
function rowOf(sellerId: string, other: Partial<AggregateRow> = {}): AggregateRow {
  const day = other.day ?? DAY;
  return { ...oneCent({ day, currency: 'EUR', sellerId }), products: [], ...other };
}

describe('generations of an aggregate in Elasticsearch', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  /** One of each test's own. */
  let aggregate: AggregateDefinition;
  let store: AggregateStore;
  let tests = 0;
  before(async () => {
    under = indexUnderTest();
    index = under.instance({ shards: 3 });
    await index.open();
  });
  beforeEach(() => {
    aggregate = { ...SELLER_DAILY, name: `sales-${++tests}` };
    store = index.aggregates.store(aggregate);
  });
  after(() => under.remove());

  const nameOf = (number: number) => `${under.prefix}-${aggregate.name}-${String(number).padStart(6, '0')}`;
  const live = async () => (await store.list()).filter(({ isLive }) => isLive).map(({ number }) => number);

  describe('when one is created', () => {
    it('has one shard, so that the order of sums is exact, and otherwise what is configured', async () => {
      await store.create(1);
      const { settings } = (await under.elasticsearch.indices.get({ index: nameOf(1) }))[nameOf(1)] ?? {};
      const { number_of_shards, number_of_replicas, refresh_interval } = settings?.index ?? {};
      assert.deepEqual([number_of_shards, number_of_replicas, refresh_interval], ['1', '0', '60s']);
    });

    it('is refused where the name is an index of somebody else, and that is never listed', async () => {
      await under.elasticsearch.indices.create({ index: nameOf(1), settings: { number_of_replicas: 0 } });
      await assert.rejects(store.create(1), { code: 'INDEX_CONFIGURATION', message: /choose another PREFIX/ });
      assert.deepEqual(await store.list(), []);
    });
  });

  describe('when several want to move readers at once', () => {
    const movers = [2, 3, 4, 5];

    async function race(from: string | undefined): Promise<number> {
      for (const number of movers) await store.create(number);
      const moves = await Promise.allSettled(movers.map((number) => store.activate(nameOf(number), from)));
      const winners = movers.filter((_, position) => moves[position]?.status === 'fulfilled');
      for (const move of moves)
        if (move.status === 'rejected') assert.ok(move.reason instanceof AggregateMovedError, String(move.reason));
      assert.equal(winners.length, 1);
      assert.deepEqual(await live(), winners);
      return winners[0] ?? 0;
    }

    it('one of them does, from nothing and then from there', async () => {
      const first = nameOf(await race(undefined));
      await store.create(1);
      await store.activate(nameOf(1), first);
      await race(nameOf(1));
    });
  });

  describe('when the answer to a move is lost', () => {
    it('has moved all the same', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        await store.create(1);
        const other = under.instance({ nodes: [proxy.url] });
        proxy.intercept(({ path }) => (path.startsWith('/_aliases') ? 'lose the answer' : 'forward'));
        await other.aggregates.store(aggregate).activate(nameOf(1), undefined);
        assert.ok(proxy.seen.some(({ path }) => path.startsWith('/_aliases')));
        assert.deepEqual(await live(), [1]);
      } finally {
        await proxy.close();
      }
    });

    it('is unavailable where nothing has moved', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        await store.create(1);
        const other = under.instance({ nodes: [proxy.url] });
        proxy.intercept(({ path }) => (path.startsWith('/_aliases') ? 'reset' : 'forward'));
        const moving = other.aggregates.store(aggregate).activate(nameOf(1), undefined);
        await assert.rejects(moving, { code: 'INDEX_UNAVAILABLE' });
        assert.deepEqual(await live(), []);
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when one was dropped', () => {
    it('is not made anew by a late write, nor by a late expiry or move', async () => {
      await store.create(1);
      await store.drop(nameOf(1));
      await assert.rejects(store.write(nameOf(1), [rowOf('S-1')], 1), AggregateMovedError);
      await assert.rejects(store.expire(nameOf(1), DAY), AggregateMovedError);
      await assert.rejects(store.activate(nameOf(1), undefined), AggregateMovedError);
      assert.equal(await under.elasticsearch.indices.exists({ index: nameOf(1) }), false);
    });
  });

  describe('when another service has a prefix that begins alike', () => {
    it('keeps to its own', async () => {
      const other = indexUnderTest(`${under.prefix}-eu`);
      try {
        const others = other.instance().aggregates.store(aggregate);
        await others.create(1);
        await store.create(2);
        assert.deepEqual(
          (await store.list()).map(({ number }) => number),
          [2],
        );
        assert.deepEqual(
          (await others.list()).map(({ number }) => number),
          [1],
        );
        await assert.rejects(store.drop(`${other.prefix}-${aggregate.name}-000001`), /is no generation/);
      } finally {
        await other.remove();
      }
    });
  });

  describe('when Elasticsearch refuses a row', () => {
    it('says which and why, as a bug', async () => {
      await store.create(1);
      const rows = [rowOf('S-1'), rowOf('S-2', { orders: 1e300 })];
      await assert.rejects(store.write(nameOf(1), rows, 1), (error: Error) => {
        assert.equal(error.name, 'Error');
        assert.match(error.message, /2026-01-01\|EUR\|S-2 .* refused: .*orders/);
        return true;
      });
    });
  });

  describe('when Elasticsearch takes only some of the rows at a time', () => {
    it('writes the others once more', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        await store.create(1);
        const other = under.instance({ nodes: [proxy.url] });
        const busy = { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'busy' } };
        let sent = 0;
        proxy.intercept(({ path }) => {
          if (!path.startsWith('/_bulk') || sent++ > 0) return 'forward';
          const items = [{ index: { status: 201 } }, { index: busy }];
          return { status: 200, body: { errors: true, items }, carryOut: true };
        });
        await other.aggregates.store(aggregate).write(nameOf(1), [rowOf('S-1'), rowOf('S-2')], 1);
        const bulks = proxy.seen.filter(({ path }) => path.startsWith('/_bulk'));
        assert.deepEqual(
          bulks.map(({ body }) => body.includes('S-1')),
          [true, false],
        );
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when the orders have an aggregate beside them', () => {
    it('are opened, listed and made anew as if they had none', async () => {
      await store.create(1);
      await store.activate(nameOf(1), undefined);
      await index.open();
      const [generation, ...others] = await index.generations.list();
      assert.deepEqual(others, []);
      assert.equal((await index.health()).state, 'up');
      await under.elasticsearch.indices.delete({ index: generation?.name ?? '' });
      await under.instance().open();
      assert.equal((await index.registry()).live.generation, generation?.name);
      assert.deepEqual(await live(), [1]);
    });
  });
});

describe('rows of an aggregate in Elasticsearch', () => {
  const ROWS = 12_000;
  let under: IndexUnderTest;
  let store: AggregateStore;
  const generation = () => `${under.prefix}-seller-daily-000001`;
  const sellerName = (number: number) => `S-${String(number).padStart(6, '0')}`;
  before(async () => {
    under = indexUnderTest();
    const index = under.instance();
    await index.open();
    store = index.aggregates.store(SELLER_DAILY);
    await store.create(1);
    await store.write(generation(), rows(), 1);
    await store.activate(generation(), undefined);
  });
  after(() => under.remove());

  /** Of ten days, each with as many sellers; of each product the first row has a cent, the second two, and so on. */
  function rows(): AggregateRow[] {
    return numbered(ROWS, (number) =>
      rowOf(sellerName(number), {
        ...oneCent({ day: dayNumber(number % 10), currency: number % 2 ? 'EUR' : 'GBP', sellerId: sellerName(number) }),
        products: [{ sku: `K-${number % 3_000}`, name: `N-${number}`, quantity: 1, revenueCents: number }],
      }),
    );
  }

  const compare = (a: AggregateRow, b: AggregateRow) => (a.key < b.key ? -1 : 1);

  describe('when there are more of them than one answer holds', () => {
    it('lists them all in order, without their products', async () => {
      const expected = rows()
        .map(({ products: _, ...row }) => row)
        .sort(compare);
      const found = await store.rows({});
      assert.equal(found.length, ROWS);
      assert.deepEqual(found, expected);
    });

    it('adds up the products of all of them', async () => {
      const top = await store.topProducts({ size: 2, from: DAY, to: dayNumber(9) });
      const revenueCents = 4 * 2_999 + 3_000 + 6_000 + 9_000;
      assert.deepEqual(top, [
        { sku: 'K-2999', name: 'N-11999', currency: 'EUR', quantity: 4, revenueCents },
        { sku: 'K-2998', name: 'N-11998', currency: 'GBP', quantity: 4, revenueCents: revenueCents - 4 },
      ]);
    });
  });

  describe('when nobody waits for them any more', () => {
    it('gives the search up', async () => {
      const given = new Error('gone');
      const signal = AbortSignal.abort(given);
      await assert.rejects(store.rows({}, signal), given);
      await assert.rejects(store.topProducts({ size: 1 }, signal), given);
    });
  });

  describe('when a key is longer than an id may be', () => {
    it('is written and read like any other, by its version', async () => {
      const sellerId = '灯'.repeat(256);
      const row = rowOf(sellerId);
      await store.write(generation(), [{ ...row, orders: 2 }], 7);
      await store.write(generation(), [{ ...row, orders: 3 }], 6);
      await store.refresh(generation());
      assert.deepEqual(
        (await store.rows({ sellerId })).map(({ orders }) => orders),
        [2],
      );
    });
  });

  describe('when more of them expire than are looked up at once', () => {
    it('deletes them all, and no others', async () => {
      await store.create(2);
      const name = `${under.prefix}-seller-daily-000002`;
      const many = numbered(2_500, (number) =>
        rowOf(sellerName(number), oneCent({ day: DAY, currency: 'EUR', sellerId: sellerName(number) })),
      );
      const kept = rowOf('kept', oneCent({ day: dayNumber(1), currency: 'EUR', sellerId: 'kept' }));
      await store.write(name, [...many, kept], 1);
      assert.equal(await store.expire(name, dayNumber(1)), many.length);
      assert.equal(await store.expire(name, dayNumber(1)), 0);
      const listed = (await store.list()).find(({ number }) => number === 2);
      assert.equal(listed?.documents, 1);
    });
  });
});
