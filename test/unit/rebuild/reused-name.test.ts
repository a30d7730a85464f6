import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS, FOLD_VERSION } from '../../../src/order/fold.ts';
import { diverge, divergenceOf } from '../../../src/order-index/diverge.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { perform } from '../../../src/rebuild/actions.ts';
import { aRebuild } from './runs.ts';
import { NO_AGGREGATES } from '../../support/no-aggregates.ts';

describe('a generation that has the name of one that was dropped', () => {
  let dataDir: string;
  let index: OrderIndex;
  const log = createLogger('silent');
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-reused-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
    await index.open();
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  describe('when that one had diverged', () => {
    it('is not said to have diverged for its reason', async () => {
      await diverge(index, 'orders-000002', 'it refuses order O-1');
      const { signal } = new AbortController();
      const response = await perform({ kind: 'create', number: 2 }, aRebuild(), {
        ...{
          index,
          rollups: NO_AGGREGATES,
          log,
          signal,
          storageLimits: DEFAULT_STORAGE_LIMITS,
          maxMessageBytes: 1_000_000,
        },
        openSource: () => Promise.reject(new Error('there is nothing to read')),
        now: () => new Date(),
        holdsLease: () => Promise.resolve(true),
        onCopying: () => undefined,
        onReplaying: () => undefined,
        onCompared: () => undefined,
        onMoved: () => undefined,
        reached: () => Promise.resolve(),
      });
      assert.equal(response.kind, 'done');
      assert.equal(await divergenceOf(index, 'orders-000002'), undefined);
    });
  });
});
