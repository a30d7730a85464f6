import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLogger } from '../../../../src/observability/logging.ts';
import { createEmbeddedIndex } from '../../../../src/order-index/embedded/index.ts';
import type { AggregateRow, DocumentWrite, OrderIndex } from '../../../../src/order-index/port.ts';
import { definitionOf, erased, orderOf, paid, placed } from '../../../support/aggregate-stage.ts';
import { plainRows } from '../../../support/plain-aggregates.ts';

const DAY = '2026-03-01';
const ORDERS = 'orders-000001';
const ALWAYS = '9999-01-01T00:00:00.000Z';
const SELLERS = definitionOf('sellers');

describe('the aggregates of the embedded index', () => {
  let dataDir: string;
  let index: OrderIndex;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-aggregates-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: 1, log: createLogger('silent') });
    await index.open();
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** Looks into the file, or changes it, while nobody else has it. */
  async function whileClosed<T>(look: (file: DatabaseSync) => T): Promise<T> {
    await index.close();
    const file = new DatabaseSync(join(dataDir, 'orders-index.db'));
    try {
      return look(file);
    } finally {
      file.close();
      await index.open();
    }
  }

  const write = async (...writes: readonly DocumentWrite[]) =>
    await index.write((await index.registry()).live, writes, 'live');
  const changed = async (since: number) => {
    const { source } = index.aggregates;
    const until = await source.checkpoint(ORDERS);
    return await source.changed({ orders: ORDERS, since: [since], until, notAfter: ALWAYS });
  };
  const tables = (file: DatabaseSync) =>
    file
      .prepare('SELECT name FROM sqlite_schema ORDER BY name')
      .all()
      .map(({ name }) => String(name));

  describe('when the file was made by code that had none', () => {
    const STEPS = [placed(DAY), paid(DAY, 100)];

    it('finds what its documents say as it opens, and goes on from there', async () => {
      const writes = [
        orderOf('A', ...STEPS),
        orderOf('B', placed(DAY, { sellerId: 'gone' }), paid(DAY, 100), erased('2026-03-05')),
      ];
      await write(...writes);
      await whileClosed((file) =>
        file.exec('DROP TABLE changes_000001; DROP TABLE contributions_000001; DROP TABLE aggregate_generations'),
      );
      assert.equal((await index.generations.drift()).mapping, 'current');
      assert.deepEqual(await changed(0), {
        keys: [`${DAY}|EUR|S-1`, `${DAY}|EUR|gone`],
        newestEventTime: '2026-03-05T12:00:00.000Z',
      });
      const keys = await index.aggregates.source.keys({ orders: ORDERS, after: undefined, size: 10 });
      const rows = await index.aggregates.source.compute(SELLERS, ORDERS, keys);
      const expected = plainRows(
        SELLERS,
        writes.map(({ document }) => document),
      );
      assert.deepEqual(rows, [...expected.values()]);
      const [since = 0] = await index.aggregates.source.checkpoint(ORDERS);
      await write(orderOf('A', ...STEPS, paid('2026-03-06', 1)));
      assert.deepEqual((await changed(since)).keys, [`${DAY}|EUR|S-1`, '2026-03-06|EUR|S-1']);
    });

    it('takes documents that say nothing of what they contribute', async () => {
      await write(orderOf('A', ...STEPS));
      await whileClosed((file) =>
        file.exec(`
          UPDATE documents_000001 SET view = json_remove(view, '$.aggregateKeys', '$.contributions', '$.sales');
          DROP TABLE changes_000001; DROP TABLE contributions_000001`),
      );
      assert.deepEqual(await changed(0), { keys: [], newestEventTime: '2026-03-01T12:00:00.000Z' });
      await write(orderOf('A', ...STEPS, paid(DAY, 1)));
      assert.deepEqual((await changed(0)).keys, [`${DAY}|EUR|S-1`]);
    });
  });

  describe('when a document has left a key that it no longer has', () => {
    it('adds nothing to it', async () => {
      const order = orderOf('A', placed(DAY), paid(DAY, 100));
      await write(order);
      const { aggregateKeys: _, contributions: __, sales: ___, ...document } = order.document;
      await write({ ...order, version: 9, document: { ...document, version: 9 } });
      assert.equal(await index.aggregates.source.countKeys(ORDERS), 0);
    });
  });

  describe('when many rows are added up', () => {
    it('answers others meanwhile', async () => {
      const sellers = Array.from({ length: 50 }, (_, number) => `S-${number}`);
      await write(...sellers.map((sellerId) => orderOf(sellerId, placed(DAY, { sellerId }), paid(DAY, 1))));
      const answered: string[] = [];
      const keys = sellers.map((sellerId) => `${DAY}|EUR|${sellerId}`);
      const adding = index.aggregates.source.compute(SELLERS, ORDERS, keys).then(() => answered.push('rows'));
      await nextTurn();
      await index.get('S-1');
      answered.push('order');
      await adding;
      assert.deepEqual(answered, ['order', 'rows']);
    });
  });

  describe('when generations come and go', () => {
    const store = () => index.aggregates.store(SELLERS);
    const rowOf = (number: number): AggregateRow => ({
      ...{ key: `${DAY}|EUR|S-${number}`, day: DAY, currency: 'EUR', sellerId: `S-${number}` },
      ...{ orders: 1, revenueCents: 1, refundedCents: 0, refundCount: 0, products: [] },
    });

    it('leaves nothing of them in the file', async () => {
      await store().create(1);
      await store().activate('orders-sellers-000001', undefined);
      const before = await whileClosed(tables);
      await store().create(2);
      assert.notDeepEqual(await whileClosed(tables), before);
      await store().drop('orders-sellers-000002');
      assert.deepEqual(await whileClosed(tables), before);
    });

    it('tells what each takes, and counts none of it with the orders', async () => {
      const ordersBefore = await index.generations.list();
      await store().create(1);
      await store().create(2);
      const rows = Array.from({ length: 5_000 }, (_, number) => rowOf(number));
      await store().write('orders-sellers-000001', rows, 1);
      const [full, empty] = await store().list();
      assert.ok(full && empty);
      assert.ok(full.sizeBytes > 500_000, `${full.sizeBytes}`);
      assert.ok(empty.sizeBytes > 0 && empty.sizeBytes < 50_000, `${empty.sizeBytes}`);
      assert.deepEqual(await index.generations.list(), ordersBefore);
    });

    it('counts the trace of the orders with them', async () => {
      const orders = Array.from({ length: 500 }, (_, number) => orderOf(`O-${number}`, placed(DAY), paid(DAY, 1)));
      await write(...orders);
      const [generation] = await index.generations.list();
      const sql = "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name GLOB '*_000001*'";
      assert.equal(generation?.sizeBytes, await whileClosed((file) => file.prepare(sql).get()?.['bytes']));
    });
  });

  describe('when a write is rolled back', () => {
    it('leaves no trace of it', async () => {
      const { live } = await index.registry();
      const [bad, good] = [orderOf('bad', placed(DAY), paid(DAY, 1)), orderOf('good', placed(DAY), paid(DAY, 1))];
      const broken = { ...bad, document: { ...bad.document, updatedAt: 'never' } };
      await assert.rejects(index.write(live, [good, broken], 'live'));
      assert.deepEqual(await index.aggregates.source.checkpoint(ORDERS), [0]);
      assert.equal(await index.aggregates.source.countKeys(ORDERS), 0);
    });
  });
});
