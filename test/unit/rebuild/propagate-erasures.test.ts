import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { foldStored, FOLD_VERSION } from '../../../src/order/fold.ts';
import { documentWrite } from '../../../src/order-index/document-write.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { propagateErasures } from '../../../src/rebuild/propagate-erasures.ts';
import type { RebuildIndex } from '../../../src/rebuild/state.ts';
import { endlesslyParked } from '../../support/endlessly-parked.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt } from '../../support/protocol.ts';
import { registerGeneration } from '../../support/second-generation.ts';

describe('forgetting what erased orders have left', () => {
  /** Of dead letters one a page, without end. */
  function endlessDeadLetters(): {
    readonly listDeadLetters: OrderIndex['listDeadLetters'];
    readonly pages: () => number;
  } {
    let pages = 0;
    const listDeadLetters: OrderIndex['listDeadLetters'] = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      pages += 1;
      return { items: [], nextCursor: String(pages) };
    };
    return { listDeadLetters, pages: () => pages };
  }

  /** Stops it once it has read some pages of what has no end. */
  async function stopped(index: MemoryIndex, pages: () => number): Promise<void> {
    const stopping = new AbortController();
    const reason = new Error('stopping');
    const { signal } = stopping;
    const forgetting = propagateErasures({
      index: index as unknown as RebuildIndex,
      signal,
      onCompared: () => undefined,
    });
    const rejected = assert.rejects(forgetting, reason);
    await eventually(() => assert.ok(pages() > 2));
    stopping.abort(reason);
    await rejected;
  }

  describe('when it is stopped', () => {
    it('ends with the page of parked events that it is at', async () => {
      const { listParked, pages } = endlesslyParked();
      await stopped(Object.assign(new MemoryIndex(), { listParked }), pages);
    });

    it('ends with the page of dead letters that it is at', async () => {
      const { listDeadLetters, pages } = endlessDeadLetters();
      await stopped(Object.assign(new MemoryIndex(), { listDeadLetters }), pages);
    });
  });

  describe('when several generations stand by', () => {
    let dataDir: string;
    let index: OrderIndex;
    beforeEach(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'order-search-forget-'));
      const log = createLogger('silent');
      index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
      await index.open();
    });
    afterEach(async () => {
      await index.close();
      rmSync(dataDir, { recursive: true });
    });

    it('tells of each how much further it has come', async () => {
      await registerGeneration(index, 2);
      const { registry } = await registerGeneration(index, 3);
      const writes = ['O-1', 'O-2', 'O-3'].map((id) => documentWrite(foldStored(id, [eventAt(1)]), new Date()));
      await index.write(registry.live, writes, 'live');
      const compared: number[] = [];
      const onCompared = (orders: number) => compared.push(orders);
      await propagateErasures({ index, signal: new AbortController().signal, onCompared });
      assert.deepEqual(compared, [3, 6]);
    });
  });
});
