import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS, FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import type { EventSource } from '../../../src/rebuild/event-source.ts';
import { replay } from '../../../src/rebuild/replay.ts';
import type { ReplayProgress } from '../../../src/rebuild/state.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { eventAt } from '../../support/protocol.ts';
import { copied, aRebuild } from './runs.ts';

describe('a replay that ends before the first event of an order', () => {
  let dataDir: string;
  let index: OrderIndex;
  let generation: string;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-replay-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log: createLogger('silent') });
    await index.open();
    generation = (await registerGeneration(index, 2)).target.generation;
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** Of each reading the events, by position, at its end. */
  async function replayed(ends: readonly number[], grows: boolean): Promise<ReplayProgress> {
    const bodies = [2, 3, 1].map((sequence) => ({ specversion: '1.0', subject: 'O-1', ...eventAt(sequence) }));
    const read: EventSource['read'] = async function* (from) {
      // The first reading is for the skips.
      const end = ends[Math.min(readings++, ends.length - 1)] ?? 0;
      for (let position = from; position < end; position++) {
        yield { position, body: Buffer.from(JSON.stringify(bodies[position])) };
      }
      await Promise.resolve();
    };
    const source: EventSource = {
      ...{ read, grows, total: () => Promise.resolve(undefined) },
      readWhole: (signal) => read(0, signal),
    };
    let readings = 0;
    return await replay(copied(aRebuild({ generation }, { source: 'history' })), {
      ...{ index, source, storageLimits: DEFAULT_STORAGE_LIMITS, maxMessageBytes: 1_000_000 },
      now: () => new Date(),
      signal: new AbortController().signal,
      onProgress: () => undefined,
      reached: () => Promise.resolve(),
    });
  }

  async function versionOf(orderId: string): Promise<number | undefined> {
    const { targets } = await index.registry();
    const target = targets.find((one) => one.generation === generation);
    assert.ok(target);
    const loaded = await index.load(target, [orderId]);
    assert.ok(loaded.kind === 'loaded');
    return loaded.documents.get(orderId)?.version;
  }

  describe('when it comes to a history soon after', () => {
    it('is waited for', async () => {
      const { withoutBeginning } = await replayed([2, 2, 2, 3], true);
      assert.equal(withoutBeginning, 0);
      assert.equal(await versionOf('O-1'), 3);
    });
  });

  describe('when the source is a file, which is what it is', () => {
    it('is counted as missing', async () => {
      const { withoutBeginning } = await replayed([2, 2, 2, 3], false);
      assert.equal(withoutBeginning, 1);
    });
  });
});
