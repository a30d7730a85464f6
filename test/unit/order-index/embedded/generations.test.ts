import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createLogger } from '../../../../src/observability/logging.ts';
import { createEmbeddedIndex } from '../../../../src/order-index/embedded/index.ts';
import { SnapshotLostError } from '../../../../src/order-index/port.ts';
import type { OrderIndex, Snapshot } from '../../../../src/order-index/port.ts';
import { sampleWrite } from '../../../integration/elasticsearch/sample-orders.ts';
import { eventually } from '../../../support/eventually.ts';
import { registerGeneration } from '../../../support/second-generation.ts';

const FIRST = 'orders-000001';
const SECOND = 'orders-000002';

describe('generations in the embedded index', () => {
  let dataDir: string;
  let index: OrderIndex;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-generations-'));
    await opened();
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  async function opened(options: { readonly snapshotKeptMs?: number } = {}): Promise<void> {
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: 1, log: createLogger('silent'), ...options });
    await index.open();
  }

  /** Looks into the file, or changes it, while nobody else has it. */
  async function whileClosed<T>(look: (file: DatabaseSync) => T): Promise<T> {
    await index.close();
    const file = new DatabaseSync(join(dataDir, 'orders-index.db'));
    try {
      return look(file);
    } finally {
      file.close();
      await opened();
    }
  }

  async function writeOrders(generation: string, count: number): Promise<void> {
    const target = (await index.registry()).targets.find((one) => one.generation === generation);
    assert.ok(target);
    const writes = Array.from({ length: count }, (_, number) => sampleWrite({ orderId: `O-${number}` }));
    for (const { kind } of await index.write(target, writes, 'rebuild')) assert.equal(kind, 'written');
  }

  /** Builds the second one and lets go of it again. */
  async function builtAndDropped(orders: number): Promise<void> {
    const { registry } = await registerGeneration(index, 2);
    await writeOrders(SECOND, orders);
    await index.generations.renameEpoch(registry.epoch, { unregister: [SECOND] });
    await index.generations.drop(SECOND);
  }

  describe('when one is dropped', () => {
    const pages = (file: DatabaseSync) => Number(file.prepare('PRAGMA page_count').get()?.['page_count']);

    it('leaves nothing of its tables', async () => {
      const tables = (file: DatabaseSync) => file.prepare('SELECT name FROM sqlite_schema ORDER BY name').all();
      await writeOrders(FIRST, 10);
      const before = await whileClosed(tables);
      await builtAndDropped(10);
      assert.deepEqual(await whileClosed(tables), before);
    });

    it('frees its pages for the next one', async () => {
      await builtAndDropped(500);
      const once = await whileClosed(pages);
      const free = await whileClosed((file) => Number(file.prepare('PRAGMA freelist_count').get()?.['freelist_count']));
      assert.ok(free > once / 2, `${free} of ${once} pages are free`);
      for (let time = 0; time < 3; time++) await builtAndDropped(500);
      assert.equal(await whileClosed(pages), once);
    });
  });

  describe('when one was frozen as the process ended', () => {
    it('is thawed by the next opening', async () => {
      await index.generations.freeze(FIRST);
      const [frozen] = await index.write((await index.registry()).live, [sampleWrite({ orderId: 'O-0' })], 'live');
      assert.equal(frozen?.kind, 'moved');
      await index.close();
      await opened();
      await writeOrders(FIRST, 1);
    });
  });

  describe('when it was made by other code', () => {
    const drift = () => index.generations.drift();

    it('needs a rebuild where a table is another one', async () => {
      await whileClosed((file) =>
        file.exec('DROP TABLE exact_000001; CREATE TABLE exact_000001 (folded TEXT, id INTEGER)'),
      );
      assert.deepEqual(await drift(), { mapping: 'rebuild needed', reason: 'made otherwise: exact' });
    });

    it('is told where an index is not there', async () => {
      await whileClosed((file) => file.exec('DROP INDEX documents_000001_by_customer'));
      assert.deepEqual(await drift(), { mapping: 'additive', reason: 'not there yet: documents_by_customer' });
      const [first] = await index.generations.list();
      await index.generations.create(2);
      assert.notEqual((await index.generations.list())[1]?.mappingHash, first?.mappingHash);
    });

    it('is what this code would make, once what it had not is completed', async () => {
      const [before] = await index.generations.list();
      await whileClosed((file) => file.exec('DROP TABLE terms_000001'));
      assert.deepEqual(await drift(), { mapping: 'current' });
      assert.equal((await index.generations.list())[0]?.mappingHash, before?.mappingHash);
    });
  });

  describe('when a snapshot is left alone', () => {
    const read = (snapshot: Snapshot) => snapshot.versions({ after: undefined, size: 10 });

    it('is given up for a later one after its time', async () => {
      await index.close();
      await opened({ snapshotKeptMs: 0 });
      const left = await index.generations.openSnapshot(FIRST);
      await eventually(async () => {
        await (await index.generations.openSnapshot(FIRST)).close();
        await assert.rejects(read(left), SnapshotLostError);
      });
    });

    it('is kept before that, however many there are', async () => {
      await writeOrders(FIRST, 1);
      const all = [];
      for (let number = 0; number < 5; number++) all.push(await index.generations.openSnapshot(FIRST));
      for (const snapshot of all) {
        assert.equal((await read(snapshot)).length, 1);
        await snapshot.close();
      }
    });

    it('is lost with the process, and closed without a word', async () => {
      const left = await index.generations.openSnapshot(FIRST);
      await index.close();
      await left.close();
      await index.open();
      const other = await index.generations.openSnapshot(FIRST);
      assert.deepEqual(await read(other), []);
      await assert.rejects(read(left), SnapshotLostError);
      await left.close();
      await other.close();
    });
  });
});
