import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import { lostIndices, noteLostIndex } from '../../../src/order-index/lost-indices.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { perform } from '../../../src/rebuild/actions.ts';
import type { RebuildRequest } from '../../../src/rebuild/state.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { dependenciesOf } from './action-dependencies.ts';
import { aRebuild } from './runs.ts';

describe('an index that was lost and made anew', () => {
  const startedAt = Date.parse('2026-03-01T10:00:00.000Z');
  let dataDir: string;
  let index: OrderIndex;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-lost-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log: createLogger('silent') });
    await index.open();
    const [before, since] = ['2026-03-01T09:59:59.000Z', '2026-03-01T10:00:01.000Z'];
    await noteLostIndex(index, { index: 'before', content: 'parked', at: before });
    await noteLostIndex(index, { index: 'since', content: 'parked', at: since });
    await noteLostIndex(index, { index: 'letters', content: 'dead-letters', at: before });
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** What is still known to be lost after readers were moved. */
  async function lostAfter(request: Partial<RebuildRequest>): Promise<string[]> {
    const { generation: to } = (await registerGeneration(index, 2)).target;
    const { epoch, live } = await index.registry();
    const run = { ...aRebuild({ step: 'SWAP', generation: to }, request), startedAt };
    const response = await perform({ kind: 'swap', from: live.generation, to, epoch }, run, dependenciesOf(index));
    assert.equal(response.kind, 'done');
    return (await lostIndices(index)).map((lost) => lost.index);
  }

  it('is made up for by a rebuild from the whole history that began later, unless dead letters were in it', async () => {
    assert.deepEqual(await lostAfter({ source: 'history' }), ['since', 'letters']);
  });

  it('is not by one from a part of the history', async () => {
    assert.deepEqual(await lostAfter({ source: 'history', from: '2026-02-01T00:00:00.000Z' }), [
      'before',
      'since',
      'letters',
    ]);
  });

  it('is not by one from the index, which has the documents alone', async () => {
    assert.deepEqual(await lostAfter({ source: 'index' }), ['before', 'since', 'letters']);
  });
});
