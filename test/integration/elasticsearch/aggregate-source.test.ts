import assert from 'node:assert/strict';
import { aggregateKey } from '../../../src/order/contribution.ts';
import type { AggregateSource, DocumentWrite, OrderIndex } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../../src/rollups/seller-daily.ts';
import { countedWrite, dayNumber, numbered, oneCent } from './aggregate-orders.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';

const ALWAYS = '9999-01-01T00:00:00.000Z';
const SHARDS = 3;
const DAY = dayNumber(0);
const EUR = { day: DAY, currency: 'EUR' };
const sellerName = (number: number) => `S-${String(number).padStart(6, '0')}`;
const keyOf = (number: number) => aggregateKey({ ...EUR, sellerId: sellerName(number) });

describe('what the orders in several shards add to the aggregates', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  let source: AggregateSource;
  let orders: string;
  beforeEach(async () => {
    under = indexUnderTest();
    index = under.instance({ shards: SHARDS, bulkConcurrency: 8 });
    await index.open();
    orders = (await index.registry()).live.generation;
    source = index.aggregates.source;
  });
  afterEach(() => under.remove());

  const write = async (...writes: readonly DocumentWrite[]) => {
    const outcomes = await index.write((await index.registry()).live, writes, 'live');
    assert.ok(outcomes.every(({ kind }) => kind === 'written'));
  };
  const soldBy = (number: number) =>
    countedWrite(`O-${number}`, { contributions: [oneCent({ ...EUR, sellerId: sellerName(number) })] });

  async function writeUntil(stop: AbortSignal, onAnswered: (key: string) => void): Promise<void> {
    const batch = 25;
    let next = 0;
    const writers = numbered(12, async () => {
      while (!stop.aborted) {
        const numbers = numbered(batch, () => next++);
        await write(...numbers.map(soldBy));
        for (const number of numbers) onAnswered(keyOf(number));
      }
    });
    await Promise.all(writers);
  }

  describe('when a checkpoint is taken while orders are being written', () => {
    it('is within it whatever was answered before, and in the next one what was not', async () => {
      const answered = new Set<string>();
      const seen = new Set<string>();
      let since = await source.checkpoint(orders);
      const look = async () => {
        const before = [...answered];
        const until = await source.checkpoint(orders);
        assert.equal(until.length, SHARDS);
        const { keys } = await source.changed({ orders, since, until, notAfter: ALWAYS });
        for (const key of keys) seen.add(key);
        since = until;
        assert.deepEqual(
          before.filter((key) => !seen.has(key)),
          [],
        );
      };
      const stop = new AbortController();
      const writing = writeUntil(stop.signal, (key) => answered.add(key));
      try {
        for (let round = 0; round < 20; round++) await look();
      } finally {
        stop.abort();
        await writing;
      }
      await look();
      assert.deepEqual([...seen].sort(), [...answered].sort());
    });
  });

  describe('when a write is held up that has its number already', () => {
    it('waits until every copy has it, and says so where that does not come about', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        await write(soldBy(1));
        const other = under.instance({ nodes: [proxy.url], requestTimeoutMs: 1_000 });
        let looks = 0;
        const lagging = statsOf(orders, { max_seq_no: 5, local_checkpoint: 5, global_checkpoint: 3 });
        const settled = statsOf(orders, { max_seq_no: 9, local_checkpoint: 9, global_checkpoint: 5 });
        proxy.intercept(({ path }) => {
          if (!path.includes('_stats')) return 'forward';
          return { status: 200, body: ++looks < 4 ? lagging : settled };
        });
        assert.deepEqual(await other.aggregates.source.checkpoint(orders), [5, 5, 5]);
        assert.equal(looks, 4);
        const last = proxy.seen.at(-1);
        assert.match(last?.path ?? '', /_refresh/);

        proxy.intercept(({ path }) => (path.includes('_stats') ? { status: 200, body: lagging } : 'forward'));
        await assert.rejects(other.aggregates.source.checkpoint(orders), {
          name: 'IndexUnavailableError',
          message: /copies of .* do not keep up/,
        });
      } finally {
        await proxy.close();
      }
    });

    it('is no checkpoint where a shard has no primary', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        const other = under.instance({ nodes: [proxy.url] });
        const body = statsOf(orders, { max_seq_no: 1, local_checkpoint: 1, global_checkpoint: 1 }, SHARDS - 1);
        proxy.intercept(({ path }) => (path.includes('_stats') ? { status: 200, body } : 'forward'));
        await assert.rejects(other.aggregates.source.checkpoint(orders), {
          name: 'IndexUnavailableError',
          message: /shard 2 .* has no primary/,
        });
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when a checkpoint names a shard that there is not', () => {
    it('is unavailable, and not nothing', async () => {
      const range = { orders, since: [], until: [-1, -1, -1, 4], notAfter: ALWAYS };
      await assert.rejects(source.changed(range), IndexUnavailableError);
    });
  });

  describe('when more keys have changed than one answer holds', () => {
    it('tells each of them once, and pages through them in order', async () => {
      const many = 25_000;
      const expected = numbered(many, keyOf);
      const since = await source.checkpoint(orders);
      await write(
        countedWrite('all', { aggregateKeys: expected }),
        countedWrite('half', { aggregateKeys: expected.slice(many / 2) }),
        ...numbered(10, (order) => countedWrite(`O-${order}`, { aggregateKeys: expected.slice(0, 100) })),
      );
      const until = await source.checkpoint(orders);
      const { keys } = await source.changed({ orders, since, until, notAfter: ALWAYS });
      assert.equal(keys.length, many);
      assert.deepEqual(keys.toSorted(), expected);

      const listed: string[] = [];
      for (;;) {
        const page = await source.keys({ orders, after: listed.at(-1), size: many });
        if (page.length === 0) break;
        listed.push(...page);
      }
      assert.deepEqual(listed, expected);
      const count = await source.countKeys(orders);
      assert.ok(Math.abs(count - many) < many / 100, `${count}`);
    });
  });

  describe('when more is added up than one request is for', () => {
    it('has every row, of keys in several requests', async () => {
      const many = 2_500;
      const orderCount = 5;
      const contributions = numbered(many, (number) => oneCent({ ...EUR, sellerId: sellerName(number) }));
      await write(...numbered(orderCount, (order) => countedWrite(`O-${order}`, { contributions })));
      await source.checkpoint(orders);
      const rows = await source.compute(SELLER_DAILY, orders, numbered(many + 1, keyOf));
      assert.equal(rows.length, many + 1);
      assert.ok(rows.slice(0, many).every((row) => row.orders === orderCount && row.revenueCents === orderCount));
      assert.equal(rows.at(-1)?.orders, 0);
    });

    it('has every product of a row, of several answers', async () => {
      const skus = 12_500;
      const key = keyOf(1);
      const sku = (number: number) => `K-${String(number).padStart(6, '0')}`;
      const sale = (number: number) => ({ key, sku: sku(number), quantity: 2, revenueCents: number });
      const half = skus / 2;
      await write(
        countedWrite('first', { sales: numbered(half, (number) => ({ ...sale(number), name: 'b' })) }),
        countedWrite('second', { sales: numbered(half, (number) => ({ ...sale(half + number), name: 'a' })) }),
        countedWrite('third', { sales: numbered(half, (number) => ({ ...sale(half + number), name: 'b' })) }),
      );
      await source.checkpoint(orders);
      const [row] = await source.compute(SELLER_DAILY, orders, [key]);
      const expected = numbered(skus, (number) =>
        number < half
          ? { sku: sku(number), name: 'b', quantity: 2, revenueCents: number }
          : { sku: sku(number), name: 'a', quantity: 4, revenueCents: 2 * number },
      );
      assert.deepEqual(row?.products, expected);
    });

    it('has the rows asked for and no others, where the filters let many more through', async () => {
      const currencies = numbered(30, (number) => `X${String.fromCharCode(65 + number / 10)}${number % 10}`);
      const days = numbered(400, dayNumber);
      const grid = days.flatMap((day) => currencies.map((currency) => oneCent({ day, currency, sellerId: 'S-1' })));
      await write(
        ...numbered(3, (part) =>
          countedWrite(`O-${part}`, { contributions: grid.slice(part * 4_000, (part + 1) * 4_000) }),
        ),
      );
      await source.checkpoint(orders);
      const asked = days.map((day, number) => ({ day, currency: currencies[number % 30] ?? '', sellerId: 'S-2' }));
      const rows = await source.compute(REVENUE_DAILY, orders, asked.map(aggregateKey));
      assert.deepEqual(
        rows.map(({ key, orders: count, revenueCents }) => ({ key, count, revenueCents })),
        asked.map(({ day, currency }) => ({ key: `${day}|${currency}`, count: 1, revenueCents: 1 })),
      );
    });
  });

  describe('when a search takes too long', () => {
    it('is unavailable, and not a part of the answer', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        const other = under.instance({ nodes: [proxy.url] });
        proxy.intercept(({ path }) => {
          if (path.includes('_msearch')) return { status: 200, body: { responses: [{ ...tooSlow(1), status: 200 }] } };
          return path.includes('_search') ? { status: 200, body: tooSlow(SHARDS) } : 'forward';
        });
        const slow = other.aggregates.source;
        const range = { orders, since: [-1], until: [0], notAfter: ALWAYS };
        const failure = { name: 'IndexUnavailableError', message: /took too long/ };
        await assert.rejects(slow.changed(range), failure);
        await assert.rejects(slow.keys({ orders, after: undefined, size: 1 }), failure);
        await assert.rejects(slow.compute(REVENUE_DAILY, orders, [keyOf(1)]), failure);
      } finally {
        await proxy.close();
      }
    });
  });
});

function statsOf(orders: string, seq_no: object, shards = SHARDS): object {
  const copies = numbered(shards, (shard) => [shard, [{ routing: { primary: true }, seq_no }]] as const);
  return {
    _shards: { total: shards, successful: shards, failed: 0 },
    indices: { [orders]: { shards: Object.fromEntries(copies) } },
  };
}

/** What was found until the time was over. */
function tooSlow(shards: number): object {
  const _shards = { total: shards, successful: shards, skipped: 0, failed: 0 };
  const aggregations = { keys: { buckets: [] }, seen: { newest: { value: null } } };
  return { took: 1, timed_out: true, _shards, hits: { hits: [] }, aggregations };
}
