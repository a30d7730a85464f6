import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { foldStored, FOLD_VERSION } from '../../../src/order/fold.ts';
import { documentWrite } from '../../../src/order-index/document-write.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex, Snapshot, WriteTarget } from '../../../src/order-index/port.ts';
import { compareWithLive, type Comparison } from '../../../src/rebuild/compare.ts';
import { createRandom } from '../../../src/sample/random.ts';
import { eventAt } from '../../support/protocol.ts';
import { registerGeneration } from '../../support/second-generation.ts';

const NOW = () => new Date();
const NEVER = new AbortController().signal;

describe('the comparison of a generation with the live one', () => {
  let dataDir: string;
  let index: OrderIndex;
  let live: WriteTarget;
  let built: WriteTarget;
  /** What the comparison has looked up in the live generation. */
  let lookedUp: Set<string>;
  /** What it has told of how far it is. */
  let compared: number[];
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-compare-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log: createLogger('silent') });
    await index.open();
    const { registry, target } = await registerGeneration(index, 2);
    [live, built] = [registry.live, target];
    [lookedUp, compared] = [new Set(), []];
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  async function write(target: WriteTarget, versions: ReadonlyMap<string, number>): Promise<void> {
    const writes = [...versions].map(([orderId, version]) => {
      const events = Array.from({ length: version }, (_, at) => eventAt(at + 1));
      return documentWrite(foldStored(orderId, events), NOW());
    });
    await index.write(target, writes, 'rebuild');
  }

  /** `versions` stands in for those of each snapshot, the live one's first. */
  async function compare(
    versions: (
      side: 'live' | 'built',
      of: Snapshot,
      page: Parameters<Snapshot['versions']>[0],
    ) => ReturnType<Snapshot['versions']>,
  ): Promise<Comparison> {
    const openSnapshot = async (generation: string): Promise<Snapshot> => {
      const snapshot = await index.generations.openSnapshot(generation);
      const side = generation === live.generation ? 'live' : 'built';
      return { ...snapshot, versions: (page) => versions(side, snapshot, page) };
    };
    const generations = { ...index.generations, openSnapshot };
    const load: OrderIndex['load'] = async (from, orderIds) => {
      if (from.generation === live.generation) for (const orderId of orderIds) lookedUp.add(orderId);
      return await index.load(from, orderIds);
    };
    return await compareWithLive(built.generation, {
      ...{ index: { ...index, generations, load }, now: NOW, signal: NEVER },
      onCompared: (orders) => compared.push(orders),
    });
  }

  describe('when the two do not have the same orders on their pages', () => {
    for (const [liveSize, builtSize] of [
      [3, 3],
      [2, 7],
      [7, 2],
      [1, 100],
    ] as const) {
      it(`copies exactly what lags, by pages of ${liveSize} and ${builtSize}`, async () => {
        const random = createRandom(`compare ${liveSize} ${builtSize}`);
        const [ofLive, ofBuilt] = [new Map<string, number>(), new Map<string, number>()];
        for (let order = 0; order < 60; order++) {
          if (random.chance(0.8)) ofLive.set(`O-${order}`, random.chance(0.5) ? 1 : 2);
          if (random.chance(0.8)) ofBuilt.set(`O-${order}`, random.chance(0.5) ? 1 : 2);
        }
        await write(live, ofLive);
        await write(built, ofBuilt);
        const lagging = [...ofLive].filter(([orderId, version]) => (ofBuilt.get(orderId) ?? 0) < version);
        assert.ok(lagging.length > 5);
        const sizes = { live: liveSize, built: builtSize };
        const { copied, different } = await compare((side, of, page) => of.versions({ ...page, size: sizes[side] }));
        assert.deepEqual([copied, different], [lagging.length, 0]);
        assert.deepEqual([...lookedUp].sort(), lagging.map(([orderId]) => orderId).sort());
        const loaded = await index.load(built, [...ofLive.keys()]);
        assert.ok(loaded.kind === 'loaded');
        for (const [orderId, version] of ofLive) assert.ok((loaded.documents.get(orderId)?.version ?? 0) >= version);
      });
    }
  });

  describe('when what lags on a page cannot be copied', () => {
    it('has not come past that page', async () => {
      await write(live, new Map(Array.from({ length: 6 }, (_, order) => [`O-${order}`, 1])));
      await write(built, new Map([0, 1, 2, 4, 5].map((order) => [`O-${order}`, 1])));
      const working = index.write.bind(index);
      const failure = new Error('the copy is lost');
      const compareByTwo = () => compare((_side, of, page) => of.versions({ ...page, size: 2 }));
      index.write = () => Promise.reject(failure);
      await assert.rejects(compareByTwo(), failure);
      assert.deepEqual(compared.splice(0), [2]);
      index.write = working;
      await compareByTwo();
      assert.deepEqual(compared, [2, 4, 6]);
    });
  });

  describe('when pages take their time', () => {
    it('reads both sides at once', async () => {
      const orders = new Map(Array.from({ length: 4 }, (_, order) => [`O-${order}`, 1]));
      await write(live, orders);
      await write(built, orders);
      let [reading, most] = [0, 0];
      await compare(async (_side, of, page) => {
        most = Math.max(most, (reading += 1));
        const read = await of.versions({ ...page, size: 2 });
        await new Promise((resolve) => setImmediate(resolve));
        reading -= 1;
        return read;
      });
      assert.equal(most, 2);
    });
  });

  describe('when a page cannot be read', () => {
    it('says so, and leaves nothing of the other side under way', async () => {
      await write(built, new Map([['O-1', 1]]));
      let isReading = false;
      const failure = new Error('the page is gone');
      const comparing = compare(async (side, of, page) => {
        if (side === 'live') throw failure;
        isReading = true;
        const read = await of.versions(page);
        for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
        isReading = false;
        return read;
      });
      await assert.rejects(comparing, failure);
      assert.equal(isReading, false);
    });
  });
});
