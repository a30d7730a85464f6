import assert from 'node:assert/strict';
import { AggregateMovedError, AggregatesNotBuiltError, rowKey } from '../../src/order-index/port.ts';
import type { AggregateDefinition, AggregateRow, AggregateStore } from '../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { definitionOf, describeAggregates } from '../support/aggregate-stage.ts';

const DAY = '2026-03-01';

describeAggregates('generations of an aggregate', (staged) => {
  let made = 0;
  let store: AggregateStore;
  /** An aggregate of each test's own. */
  beforeEach(() => {
    made += 1;
    store = staged().aggregates.store(definitionOf(`kept-${made}`));
  });

  async function created(number: number, of = store): Promise<string> {
    assert.equal(await of.create(number), 'created');
    const generation = (await of.list()).find((one) => one.number === number);
    assert.ok(generation);
    return generation.name;
  }
  const seen = async (of = store) => (await of.rows({})).map(({ sellerId, revenueCents }) => [sellerId, revenueCents]);
  const isMoved = (asked: Promise<unknown>) => assert.rejects(asked, AggregateMovedError);

  describe('when one is created', () => {
    it('is there once, empty, and read by nobody', async () => {
      assert.deepEqual(await store.list(), []);
      const before = Date.now();
      const name = await created(2);
      assert.equal(await store.create(2), 'exists');
      const first = await created(1);
      const listed = await store.list();
      assert.deepEqual(
        listed.map((one) => [one.name, one.number, one.isLive, one.documents]),
        [
          [first, 1, false, 0],
          [name, 2, false, 0],
        ],
      );
      assert.match(name, new RegExp(`-kept-${made}-000002$`));
      for (const { createdAt, mappingHash } of listed) {
        assert.ok(Date.parse(createdAt) >= before - 1_000 && Date.parse(createdAt) <= Date.now() + 1_000);
        assert.match(mappingHash, /^[0-9a-f]{16}$/);
      }
    });

    it('has nothing to show of what is written before readers are moved there', async () => {
      await store.write(await created(1), [rowOf('a', 1)], 1);
      const page = { after: undefined, size: 10 };
      for (const read of [() => store.rows({}), () => store.wholeRows(page), () => store.topProducts({ size: 10 })])
        await assert.rejects(read, AggregatesNotBuiltError);
    });

    it('has nothing to do with those of other aggregates', async () => {
      const other = staged().aggregates.store(definitionOf(`kept-${made}-too`));
      const [mine, others] = [await created(1), await created(1, other)];
      await store.write(mine, [rowOf('a', 1)], 1);
      await store.activate(mine, undefined);
      await assert.rejects(other.rows({}), AggregatesNotBuiltError);
      assert.deepEqual(
        (await other.list()).map(({ name, isLive }) => [name, isLive]),
        [[others, false]],
      );
      await other.write(others, [rowOf('a', 2)], 2);
      await other.activate(others, undefined);
      assert.deepEqual(await seen(), [['a', 1]]);
      assert.deepEqual(await seen(other), [['a', 2]]);
    });
  });

  describe('when rows are written', () => {
    it('are seen once they are made visible, and counted', async () => {
      const name = await created(1);
      await store.activate(name, undefined);
      await store.write(name, [rowOf('a', 1), rowOf('b', 2)], 1);
      await store.write(name, [], 2);
      await store.refresh(name);
      assert.deepEqual(await seen(), [
        ['a', 1],
        ['b', 2],
      ]);
      const [listed] = await store.list();
      assert.deepEqual([listed?.documents, listed?.isLive], [2, true]);
    });

    it('stay as they are where they have this version or a newer one', async () => {
      const name = await created(1);
      await store.activate(name, undefined);
      await store.write(name, [rowOf('a', 1), rowOf('b', 1)], 5);
      await store.write(name, [rowOf('a', 2), rowOf('new', 2)], 5);
      await store.write(name, [rowOf('a', 3), rowOf('b', 3)], 4);
      await store.refresh(name);
      assert.deepEqual(await seen(), [
        ['a', 1],
        ['b', 1],
        ['new', 2],
      ]);
      await store.write(name, [rowOf('b', 4), rowOf('a', 0)], 6);
      await store.refresh(name);
      assert.deepEqual(await seen(), [
        ['a', 0],
        ['b', 4],
        ['new', 2],
      ]);
    });

    it('take any version that a number can have', async () => {
      const name = await created(1);
      await store.activate(name, undefined);
      await store.write(name, [rowOf('a', 1)], Number.MAX_SAFE_INTEGER - 1);
      await store.write(name, [rowOf('a', 2)], Number.MAX_SAFE_INTEGER);
      await store.refresh(name);
      assert.deepEqual(await seen(), [['a', 2]]);
    });

    it('are all written, however many there are', async () => {
      const name = await created(1);
      const sellers = Array.from({ length: 12_000 }, (_, number) => `S-${number + 10_000}`);
      for (let first = 0; first < sellers.length; first += 3_000) {
        const page = sellers.slice(first, first + 3_000);
        await store.write(
          name,
          page.map((sellerId) => rowOf(sellerId, 1)),
          1,
        );
      }
      await store.activate(name, undefined);
      assert.deepEqual(
        (await store.rows({})).map(({ sellerId }) => sellerId),
        sellers,
      );
    });

    it('are kept with their size told after a restart', async () => {
      const name = await created(1);
      await store.write(name, [rowOf('a', 1)], 7);
      await store.activate(name, undefined);
      const [before] = await store.list();
      await staged().reopen();
      store = staged().aggregates.store(definitionOf(`kept-${made}`));
      assert.deepEqual(await seen(), [['a', 1]]);
      await store.write(name, [rowOf('a', 2)], 7);
      await store.refresh(name);
      assert.deepEqual(await seen(), [['a', 1]]);
      const [after] = await store.list();
      assert.deepEqual([after?.createdAt, after?.mappingHash], [before?.createdAt, before?.mappingHash]);
    });
  });

  describe('when readers are moved', () => {
    it('see all of the new one at once, and what was written unseen', async () => {
      const [first, second] = [await created(1), await created(2)];
      await store.write(first, [rowOf('a', 1), rowOf('gone', 1)], 1);
      await store.activate(first, undefined);
      await store.write(second, [rowOf('a', 2), rowOf('b', 2)], 1);
      await store.refresh(second);
      assert.deepEqual(await seen(), [
        ['a', 1],
        ['gone', 1],
      ]);
      await store.write(second, [rowOf('c', 2)], 1);
      await store.activate(second, first);
      const after = [
        ['a', 2],
        ['b', 2],
        ['c', 2],
      ];
      assert.deepEqual(await seen(), after);
      assert.deepEqual(
        (await store.list()).map(({ isLive }) => isLive),
        [false, true],
      );
      // The same once more, as after a lost answer.
      await store.activate(second, first);
      assert.deepEqual(await seen(), after);
      await store.activate(first, second);
      assert.deepEqual(await seen(), [
        ['a', 1],
        ['gone', 1],
      ]);
    });

    it('stay where they are if they are not where they were thought', async () => {
      const [first, second, third] = [await created(1), await created(2), await created(3)];
      await isMoved(store.activate(second, first));
      assert.deepEqual(
        (await store.list()).map(({ isLive }) => isLive),
        [false, false, false],
      );
      await store.activate(first, undefined);
      await isMoved(store.activate(second, undefined));
      await isMoved(store.activate(second, third));
      assert.deepEqual(
        (await store.list()).map(({ isLive }) => isLive),
        [true, false, false],
      );
      await store.activate(second, first);
      await isMoved(store.activate(third, first));
    });
  });

  describe('when one is dropped', () => {
    it('is gone with its rows, and nothing that is written to it makes it anew', async () => {
      const [first, second] = [await created(1), await created(2)];
      await store.write(first, [rowOf('a', 1)], 9);
      await store.activate(second, undefined);
      await store.drop(first);
      await store.drop(first);
      await isMoved(store.write(first, [rowOf('a', 2)], 10));
      await isMoved(store.refresh(first));
      await isMoved(store.activate(first, second));
      await isMoved(store.expire(first, '9999-01-01'));
      assert.deepEqual(
        (await store.list()).map(({ name }) => name),
        [second],
      );
      assert.equal(await created(1), first);
      await store.write(first, [rowOf('b', 3)], 1);
      await store.activate(first, second);
      assert.deepEqual(await seen(), [['b', 3]]);
    });

    it('is not the live one', async () => {
      const name = await created(1);
      await store.write(name, [rowOf('a', 1)], 1);
      await store.activate(name, undefined);
      await assert.rejects(store.drop(name), (error) => !(error instanceof AggregateMovedError));
      assert.deepEqual(await seen(), [['a', 1]]);
    });
  });

  describe('when days are over', () => {
    const dayRow = (day: string): AggregateRow => ({ ...rowOf('a', 1), day, key: `${day}|EUR|a` });

    it('loses the rows of the days before, and tells how many', async () => {
      const name = await created(1);
      const days = ['2025-12-31', '2026-01-01', '2026-01-02', '2026-01-03'];
      await store.write(name, days.map(dayRow), 4);
      await store.activate(name, undefined);
      assert.equal(await store.expire(name, '2026-01-02'), 2);
      await store.refresh(name);
      assert.deepEqual(
        (await store.rows({})).map(({ day }) => day),
        ['2026-01-02', '2026-01-03'],
      );
      assert.equal(await store.expire(name, '2026-01-02'), 0);
      // A late event of a day that is over.
      await store.write(name, [dayRow('2025-12-31')], 6);
      await store.refresh(name);
      assert.equal((await store.rows({})).length, 3);
    });

    it('loses nothing where it has no days', async () => {
      const definition = definitionOf(`kept-${made}-dayless`, { dimensions: ['sellerId'], products: false });
      const dayless = staged().aggregates.store(definition);
      const name = await created(1, dayless);
      await dayless.write(name, [{ key: 'a', sellerId: 'a', ...MEASURES }], 1);
      await dayless.activate(name, undefined);
      assert.equal(await dayless.expire(name, '9999-01-01'), 0);
      assert.deepEqual(await dayless.rows({}), [{ key: 'a', sellerId: 'a', ...MEASURES }]);
    });
  });

  describe('when the aggregates of this service are kept', () => {
    it('takes their rows with the mappings that there are', async () => {
      const revenue = staged().aggregates.store(REVENUE_DAILY);
      const name = await created(1, revenue);
      const row = { key: `${DAY}|EUR`, day: DAY, currency: 'EUR', ...MEASURES };
      await revenue.write(name, [row], 1);
      await revenue.activate(name, undefined);
      assert.deepEqual(await revenue.rows({}), [row]);
      assert.deepEqual(await revenue.topProducts({ size: 10 }), []);
    });
  });
});

const MEASURES = { orders: 1, revenueCents: 2, refundedCents: 3, refundCount: 4 };
const DIMENSIONS: AggregateDefinition['dimensions'] = ['day', 'currency', 'sellerId'];

function rowOf(sellerId: string, revenueCents: number): AggregateRow {
  const of = { day: DAY, currency: 'EUR', sellerId };
  return { key: rowKey(DIMENSIONS, of), ...of, ...MEASURES, revenueCents, products: [] };
}
