import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { foldStored, FOLD_VERSION } from '../../../src/order/fold.ts';
import { documentWrite } from '../../../src/order-index/document-write.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex, Snapshot } from '../../../src/order-index/port.ts';
import { copyLive } from '../../../src/rebuild/copy.ts';
import type { CopyProgress } from '../../../src/rebuild/state.ts';
import { eventually } from '../../support/eventually.ts';
import { eventAt } from '../../support/protocol.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { aRebuild } from './runs.ts';

const NOW = () => new Date();
const ORDERS = Array.from({ length: 200 }, (_, order) => `O-${1_000 + order}`);
const ONE_SLICE: CopyProgress = { ...aRebuild().copy, slices: [{ done: false }] };

type Reading = Parameters<Snapshot['orders']>[0];

describe('the copy of the live generation', () => {
  let dataDir: string;
  let index: OrderIndex;
  let built: string;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-copy-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log: createLogger('silent') });
    await index.open();
    const { registry, target } = await registerGeneration(index, 2);
    built = target.generation;
    const writes = ORDERS.map((orderId) => documentWrite(foldStored(orderId, [eventAt(1)]), NOW()));
    await index.write(registry.live, writes, 'live');
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  async function copy(
    read: (of: Snapshot, page: Reading) => ReturnType<Snapshot['orders']>,
    write: OrderIndex['write'],
  ): Promise<readonly CopyProgress[]> {
    const openSnapshot = async (generation: string): Promise<Snapshot> => {
      const snapshot = await index.generations.openSnapshot(generation);
      return { ...snapshot, orders: (page) => read(snapshot, page) };
    };
    const reports: CopyProgress[] = [];
    await copyLive(built, ONE_SLICE, {
      index: { ...index, write, generations: { ...index.generations, openSnapshot } },
      ...{ now: NOW, signal: new AbortController().signal, reached: () => Promise.resolve() },
      onProgress: (progress) => reports.push(progress),
    });
    return reports;
  }

  it('reads a page while it writes the one before it, and says nothing of it before it is written', async () => {
    const begun = new Set<string | undefined>();
    const written = new Set<string>();
    const reports = await copy(
      (of, page) => {
        begun.add(page.after);
        return of.orders(page);
      },
      async (target, writes, priority) => {
        const last = writes.at(-1)?.orderId;
        await eventually(() => assert.ok(begun.has(last), 'the page after it is not being read'), 2_000);
        const outcomes = await index.write(target, writes, priority);
        for (const { orderId } of writes) written.add(orderId);
        return outcomes;
      },
    );
    assert.deepEqual([...written], ORDERS);
    let copied = 0;
    for (const { slices, copied: now } of reports) {
      const after = slices[0]?.after;
      if (now > copied) assert.equal(ORDERS.indexOf(after ?? '') + 1, now);
      copied = now;
    }
    assert.deepEqual([copied, reports.at(-1)?.slices], [200, [{ after: ORDERS.at(-1), done: true }]]);
  });

  it('lets other work through while it folds a page', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    const between: number[] = [];
    count();
    const copying = copy(
      async (of, page) => {
        between.push(turns);
        const orders = await of.orders({ ...page, size: ORDERS.length });
        turns = 0;
        return orders;
      },
      (...write) => index.write(...write),
    );
    await copying.finally(() => (isOver = true));
    const [, whileFolding = 0] = between;
    assert.ok(whileFolding >= 3, `${whileFolding} turns of the event loop`);
  });

  it('leaves nothing under way where a write fails', async () => {
    let isReading = false;
    const failure = new Error('the write has failed');
    const copying = copy(
      async (of, page) => {
        isReading = true;
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        isReading = false;
        return await of.orders(page);
      },
      () => Promise.reject(failure),
    );
    await assert.rejects(copying, failure);
    assert.equal(isReading, false);
  });
});
