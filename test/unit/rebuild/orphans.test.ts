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
import { eventAt } from '../../support/protocol.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { aRebuild, copied } from './runs.ts';

/** One event that waits for ever, and so many after it. */
const OTHERS = 60_000;
const ORPHANS = 3;

class Died extends Error {}

describe('a history with orders whose first events are nowhere', function () {
  this.timeout(60_000);
  let dataDir: string;
  let index: OrderIndex;
  let generation: string;
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-orphans-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log: createLogger('silent') });
    await index.open();
    generation = (await registerGeneration(index, 2)).target.generation;
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  const bodyOf = (orderId: string, sequence: number) =>
    Buffer.from(JSON.stringify({ specversion: '1.0', subject: orderId, ...eventAt(sequence) }));
  const noise = Buffer.from('no event');

  const readFrom = async function* (from: number) {
    await Promise.resolve();
    for (let position = from; position < ORPHANS + OTHERS; position++) {
      yield { position, body: position < ORPHANS ? bodyOf(`orphan-${position}`, 2) : noise };
    }
  };
  const source: EventSource = {
    ...{ read: readFrom, readWhole: () => readFrom(0), total: () => Promise.resolve(undefined) },
  };

  function replaying(
    progress: ReplayProgress,
    onProgress: (progress: ReplayProgress) => void,
  ): Promise<ReplayProgress> {
    const run = copied(aRebuild({ generation }, { source: 'history' }));
    return replay(
      { ...run, replay: progress },
      {
        ...{ index, source, storageLimits: DEFAULT_STORAGE_LIMITS, maxMessageBytes: 1_000_000, onProgress },
        now: () => new Date(),
        signal: new AbortController().signal,
        reached: () => Promise.resolve(),
      },
    );
  }

  it('does not keep the position where it was, and are counted all the same after a crash', async () => {
    let last = aRebuild({}, { source: 'history' }).replay;
    const dying = replaying(last, (progress) => {
      last = progress;
      if (progress.position > 55_000) throw new Died();
    });
    await assert.rejects(dying, Died);
    assert.ok(last.position > 55_000);
    const { withoutBeginning, done } = await replaying(last, () => undefined);
    assert.deepEqual([withoutBeginning, done], [ORPHANS, true]);
  });
});
