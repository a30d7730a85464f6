import assert from 'node:assert/strict';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { forgetErasures } from '../../../src/rebuild/forget-erasures.ts';
import type { RebuildIndex } from '../../../src/rebuild/state.ts';
import { endlesslyParked } from '../../support/endlessly-parked.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryIndex } from '../../support/memory-index.ts';

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
    const forgetting = forgetErasures({ index: index as unknown as RebuildIndex, signal, onCompared: () => undefined });
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
});
