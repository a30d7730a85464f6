import assert from 'node:assert/strict';
import { AggregateMovedError, compareOrderIds as compareBytes } from '../../src/order-index/port.ts';
import type { Checkpoint } from '../../src/order-index/port.ts';
import { corrected, describeAggregates, erased, orderOf, paid, placed, refunded } from '../support/aggregate-stage.ts';
import { HOSTILE_SELLERS } from '../support/hostile-sellers.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';

const DAY = '2026-03-01';
const NEXT_DAY = '2026-03-02';
const ALWAYS = '9999-01-01T00:00:00.000Z';

const soldBy = (sellerId: string, orderId = sellerId) => orderOf(orderId, placed(DAY, { sellerId }), paid(DAY, 100));
const keyOf = (sellerId: string, day = DAY) => `${day}|EUR|${sellerId}`;

describeAggregates('what has changed in the orders', (staged) => {
  const taken = () => staged().aggregates.source.checkpoint(staged().orders);
  const changed = (since: Checkpoint, until: Checkpoint, notAfter = ALWAYS) =>
    staged().aggregates.source.changed({ orders: staged().orders, since, until, notAfter });
  const keysOf = async (since: Checkpoint, until: Checkpoint) => (await changed(since, until)).keys.toSorted();

  describe('when orders are written between two checkpoints', () => {
    it('is what they are counted under, and nothing of before', async () => {
      const start = await taken();
      await staged().write(soldBy('before'));
      const since = await taken();
      await staged().write(soldBy('b'), orderOf('two', placed(DAY), paid(DAY, 1), paid(NEXT_DAY, 1)));
      await staged().write(soldBy('b', 'another of b'));
      const until = await taken();
      await staged().write(soldBy('after'));
      const end = await taken();
      const between = new Set(await keysOf(since, until));
      for (const key of [keyOf('S-1'), keyOf('b'), keyOf('S-1', NEXT_DAY)]) assert(between.has(key), key);
      assert(!between.has(keyOf('before')));
      assert.deepEqual(await keysOf(until, end), [keyOf('after')]);
      assert((await keysOf(start, since)).includes(keyOf('before')));
      assert.deepEqual((await keysOf(start, end)).length, 5);
      assert.deepEqual(await changed(end, end), { keys: [], newestEventTime: undefined });
    });

    it('is an order too that has been written again since', async () => {
      const since = await taken();
      await staged().write(soldBy('again and again'));
      const until = await taken();
      const steps = [placed(DAY, { sellerId: 'again and again' }), paid(DAY, 100), paid(DAY, 1)];
      await staged().write(orderOf('again and again', ...steps));
      await taken();
      assert.deepEqual(await keysOf(since, until), [keyOf('again and again')]);
    });

    it('is nothing where an order was not counted yet, or is there already', async () => {
      const unpaid = orderOf('unpaid', placed(DAY));
      const since = await taken();
      await staged().write(unpaid);
      assert.deepEqual(await keysOf(since, await taken()), []);
      await staged().write(soldBy('twice'));
      const again = await taken();
      assert.deepEqual(await staged().write(soldBy('twice'), unpaid), ['present', 'present']);
      assert.deepEqual(await changed(again, await taken()), { keys: [], newestEventTime: undefined });
    });

    it('is an order that is written again, also where no key of it is new', async () => {
      await staged().write(soldBy('again'));
      const since = await taken();
      await staged().write(orderOf('again', placed(DAY, { sellerId: 'again' }), paid(DAY, 100), paid(DAY, 100)));
      await staged().write(
        orderOf('again', placed(DAY, { sellerId: 'again' }), paid(DAY, 100), paid(DAY, 100), refunded(NEXT_DAY, 1)),
      );
      const until = await taken();
      assert.deepEqual(await keysOf(since, until), [keyOf('again'), keyOf('again', NEXT_DAY)]);
    });

    it('is every key that an order has left by a correction, or by its erasure', async () => {
      const steps = [placed(DAY, { sellerId: 'from' }), paid(DAY, 100)];
      const moved = [...steps, corrected(NEXT_DAY, { sellerId: 'to', currency: 'GBP' })];
      await staged().write(orderOf('moved', ...steps));
      const since = await taken();
      await staged().write(orderOf('moved', ...moved));
      const corrections = await taken();
      assert.deepEqual(await keysOf(since, corrections), [`${DAY}|EUR|from`, `${DAY}|GBP|to`]);
      await staged().write(orderOf('moved', ...moved, erased(NEXT_DAY)));
      assert.deepEqual(await keysOf(corrections, await taken()), [`${DAY}|EUR|from`, `${DAY}|GBP|to`]);
    });

    it('is all of it, however much that is', async () => {
      const since = await taken();
      const sellers = Array.from({ length: 2_500 }, (_, number) => `many-${String(number).padStart(4, '0')}`);
      for (let first = 0; first < sellers.length; first += 500) {
        await staged().write(...sellers.slice(first, first + 500).map((sellerId) => soldBy(sellerId)));
      }
      assert.deepEqual(
        await keysOf(since, await taken()),
        sellers.map((sellerId) => keyOf(sellerId)),
      );
    });

    it('goes on from the same checkpoint after a restart', async () => {
      await staged().write(soldBy('kept'));
      const since = await taken();
      await staged().reopen();
      assert.deepEqual(await taken(), since);
      await staged().write(soldBy('reopened'));
      assert.deepEqual(await keysOf(since, await taken()), [keyOf('reopened')]);
    });
  });

  describe('when the newest event time is asked for', () => {
    it('is that of the changed orders, hidden and unpaid ones too, that is not ahead', async () => {
      const since = await taken();
      await staged().write(
        orderOf('old', placed('2026-04-01')),
        orderOf('shown', placed('2026-04-01'), erased('2026-04-02T00:00:00.001Z')),
        orderOf('ahead', placed('2026-04-03')),
      );
      const until = await taken();
      const newest = async (notAfter: string) => (await changed(since, until, notAfter)).newestEventTime;
      assert.equal(await newest('2026-04-03T12:00:00.000Z'), '2026-04-03T12:00:00.000Z');
      assert.equal(await newest('2026-04-03T11:59:59.999Z'), '2026-04-02T00:00:00.001Z');
      assert.equal(await newest('2026-04-02T00:00:00Z'), '2026-04-01T12:00:00.000Z');
      assert.equal(await newest('2026-04-01T00:00:00.000Z'), undefined);
    });

    it('is that of the newest version of an order', async () => {
      const since = await taken();
      await staged().write(orderOf('told twice', placed('2026-05-01')));
      await staged().write(orderOf('told twice', placed('2026-05-01'), paid('2026-05-02', 1)));
      const until = await taken();
      assert.equal((await changed(since, until)).newestEventTime, '2026-05-02T12:00:00.000Z');
    });

    it('is that of the whole generation where it is asked of that', async () => {
      const { source } = staged().aggregates;
      await staged().write(orderOf('newest', placed('2027-01-01')), orderOf('newer', placed('2026-12-31')));
      await taken();
      assert.equal(await source.newestEventTime(staged().orders, ALWAYS), '2027-01-01T12:00:00.000Z');
      assert.equal(
        await source.newestEventTime(staged().orders, '2027-01-01T11:59:59.999Z'),
        '2026-12-31T12:00:00.000Z',
      );
      assert.equal(await source.newestEventTime(staged().orders, '1999-01-01T00:00:00.000Z'), undefined);
    });
  });
});

describeAggregates('the keys of the orders', (staged) => {
  const EXPECTED = [
    ...HOSTILE_SELLERS.map((sellerId) => keyOf(sellerId)),
    ...['left', 'to', 'gone'].map((sellerId) => keyOf(sellerId)),
    `${DAY}|GBP|to`,
    `${NEXT_DAY}|EUR|S-1`,
  ].sort(compareBytes);

  async function pagesOf(size: number): Promise<string[]> {
    const listed: string[] = [];
    for (;;) {
      const page = await staged().aggregates.source.keys({ orders: staged().orders, after: listed.at(-1), size });
      assert.ok(page.length <= size);
      if (page.length === 0) return listed;
      listed.push(...page);
    }
  }

  it('are none where no order is', async () => {
    await staged().aggregates.source.checkpoint(staged().orders);
    assert.deepEqual(await pagesOf(10), []);
    assert.equal(await staged().aggregates.source.countKeys(staged().orders), 0);
    assert.equal(await staged().aggregates.source.newestEventTime(staged().orders, ALWAYS), undefined);
  });

  it('are each told once, in the order of their bytes, page by page, also those that were left', async () => {
    await staged().write(
      ...HOSTILE_SELLERS.flatMap((sellerId, number) => [
        soldBy(sellerId, `A-${number}`),
        soldBy(sellerId, `B-${number}`),
      ]),
      orderOf('C', placed(DAY, { sellerId: 'left' }), paid(DAY, 1), corrected(DAY, { sellerId: 'to' })),
      orderOf('D', placed(DAY, { sellerId: 'gone' }), paid(DAY, 1), erased(DAY)),
      orderOf('E', placed(DAY, { sellerId: 'to', currency: 'GBP' }), refunded(DAY, 1)),
      orderOf('F', placed(DAY), refunded(NEXT_DAY, 1)),
    );
    await staged().aggregates.source.checkpoint(staged().orders);
    assert.notDeepEqual(EXPECTED, EXPECTED.toSorted());
    for (const size of [1, 4, 1_000]) assert.deepEqual(await pagesOf(size), EXPECTED);
    assert.equal(await staged().aggregates.source.countKeys(staged().orders), EXPECTED.length);
  });
});

describeAggregates('what is derived from orders', (staged) => {
  it('says where their generation is gone', async () => {
    const { source } = staged().aggregates;
    const orders = await staged().droppedOrders();
    const [since, until] = [[0], [1]];
    const isMoved = (asked: Promise<unknown>) => assert.rejects(asked, AggregateMovedError);
    await isMoved(source.checkpoint(orders));
    await isMoved(source.changed({ orders, since, until, notAfter: ALWAYS }));
    await isMoved(source.keys({ orders, after: undefined, size: 1 }));
    await isMoved(source.countKeys(orders));
    await isMoved(source.newestEventTime(orders, ALWAYS));
    await isMoved(source.compute(REVENUE_DAILY, orders, [keyOf('S-1')]));
  });
});
