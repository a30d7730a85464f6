import assert from 'node:assert/strict';
import type { OrderIndex, WriteTarget } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { keepHouse } from '../../../src/rebuild/housekeeping.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleWrite } from './sample-orders.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';

describe('single generations in Elasticsearch', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  beforeEach(async () => {
    under = indexUnderTest();
    index = under.instance();
    await index.open();
  });
  afterEach(() => under.remove());

  describe('when a name was given up, and newer code has used it again', () => {
    it('keeps older code out, which has known the former one', async () => {
      const { registry, target } = await registerGeneration(index, 2);
      assert.deepEqual(await index.registry(), registry);
      await index.generations.renameEpoch(registry.epoch, { unregister: [target.generation] });
      await index.generations.drop(target.generation);
      const newer = under.instance({ foldVersion: 1_000 });
      await registerGeneration(newer, 2);
      await assert.rejects(index.registry(), IndexUnavailableError);
    });
  });

  describe('when one that is not written to any more is read-only', () => {
    it('is dropped all the same', async () => {
      const { registry, target } = await registerGeneration(index, 2);
      await index.generations.renameEpoch(registry.epoch, { unregister: [target.generation] });
      await under.elasticsearch.indices.putSettings({
        index: target.generation,
        settings: { 'index.blocks.read_only': true },
      });
      await index.generations.drop(target.generation);
      assert.deepEqual(
        (await index.generations.list()).map(({ number }) => number),
        [1],
      );
    });
  });

  describe('when documents have more documents nested in them', () => {
    it('counts the documents alone', async () => {
      const { live } = await index.registry();
      const capture = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
      const writes = ['O-1', 'O-2'].map((orderId) => sampleWrite({ orderId, then: [capture] }));
      await index.write(live, writes, 'live');
      await index.refresh();
      const [generation] = await index.generations.list();
      assert.equal(generation?.documents, 2);
    });
  });

  describe('when its aliases are gone', () => {
    it('is no leftover, though nothing says that it is live', async () => {
      const { live } = await index.registry();
      await under.elasticsearch.indices.deleteAlias({ index: live.generation, name: '*' });
      const keeping = keepHouse({
        ...{ index, standbyTtlMs: 0, now: () => 0, log: createLogger('silent') },
        holdsLease: () => Promise.resolve(true),
        isRunning: () => Promise.resolve(false),
      });
      await assert.rejects(keeping, IndexUnavailableError);
      assert.equal(await under.elasticsearch.indices.exists({ index: live.generation }), true);
    });
  });

  describe('when an operator has blocked writes', () => {
    it('leaves the block when a swap is given up that had not begun', async () => {
      const { live } = await index.registry();
      await under.elasticsearch.indices.addBlock({ index: live.generation, block: 'write' });
      await index.generations.thaw(live.generation);
      const [outcome] = await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(outcome?.kind, 'moved');
    });
  });

  describe('when something keeps writes from it', () => {
    it('names the block', async () => {
      const { live } = await index.registry();
      const found = () => index.generations.writeBlock(live.generation);
      const { indices } = under.elasticsearch;
      assert.equal(await found(), undefined);
      for (const block of ['index.blocks.write', 'index.blocks.read_only', 'index.blocks.read_only_allow_delete']) {
        await indices.putSettings({ index: live.generation, settings: { [block]: true } });
        assert.equal(await found(), block);
        await indices.putSettings({ index: live.generation, settings: { [block]: false } });
      }
      assert.equal(await found(), undefined);
      await assert.rejects(index.generations.writeBlock(under.names.generation(9)), IndexUnavailableError);
    });
  });

  describe('when a backlog is worked off', () => {
    let live: WriteTarget;
    let often: OrderIndex;
    beforeEach(async () => {
      ({ live } = await index.registry());
      often = under.instance({ refreshInterval: '1s' });
      await setInterval('1s');
    });

    const setInterval = async (refresh_interval: string) => {
      await under.elasticsearch.indices.putSettings({ index: live.generation, settings: { refresh_interval } });
    };

    const interval = async () => {
      const answer = await under.elasticsearch.indices.getSettings({ index: live.generation });
      return answer[live.generation]?.settings?.index?.refresh_interval;
    };

    it('is refreshed every five seconds, and then again as configured', async () => {
      for (let time = 0; time < 2; time++) await often.generations.paceRefreshes(live, 'relaxed');
      assert.equal(await interval(), '5000ms');
      await often.generations.paceRefreshes(live, 'usual');
      assert.equal(await interval(), '1s');
    });

    it('is left at the interval that an operator has given it', async () => {
      await setInterval('3s');
      for (const pace of ['relaxed', 'usual'] as const) await often.generations.paceRefreshes(live, pace);
      assert.equal(await interval(), '3s');
    });

    it('is left where it is refreshed no more often anyway', async () => {
      await setInterval('1m');
      await under.instance({ refreshInterval: '1m' }).generations.paceRefreshes(live, 'relaxed');
      assert.equal(await interval(), '1m');
    });

    it('is refreshed as configured since, though that is less often', async () => {
      await setInterval('5000ms');
      await under.instance({ refreshInterval: '1m' }).generations.paceRefreshes(live, 'usual');
      assert.equal(await interval(), '1m');
    });

    it('is left stopped where a swap has stopped it', async () => {
      await often.generations.freeze(live.generation);
      for (const pace of ['relaxed', 'usual'] as const) await often.generations.paceRefreshes(live, pace);
      assert.equal(await interval(), '-1');
    });
  });

  describe('when its settings are restored', () => {
    /** What it is found to be, of three shards, where the cluster is said to be so. */
    async function readiness(replicas: number, health: Readonly<Record<string, unknown>>) {
      const proxy = await unreliableElasticsearch();
      try {
        const moving = { initializing_shards: 0, relocating_shards: 0, unassigned_shards: 0 };
        const body = { status: 'yellow', active_primary_shards: 3, ...moving, ...health };
        proxy.intercept(({ path }) => (path.startsWith('/_cluster/health') ? { status: 200, body } : 'forward'));
        const { generations } = under.instance({ nodes: [proxy.url], replicas });
        const found = await generations.restoreSettings(under.names.generation(1));
        return found.kind === 'ready' ? 'ready' : [found.reason.replace(/^.* is not ready: /, ''), found.onlyCopies];
      } finally {
        await proxy.close();
      }
    }

    it('is ready with as many copies as there are nodes for', async () => {
      assert.equal(await readiness(1, { number_of_data_nodes: 1, unassigned_shards: 3 }), 'ready');
      assert.equal(await readiness(2, { number_of_data_nodes: 2, unassigned_shards: 3 }), 'ready');
      assert.equal(await readiness(2, { number_of_data_nodes: 3, status: 'green' }), 'ready');
    });

    it('waits for copies that there are nodes for', async () => {
      const why = (replicas: number) => `${replicas} replicas have no node (GET /_cluster/allocation/explain says why)`;
      assert.deepEqual(await readiness(1, { number_of_data_nodes: 2, unassigned_shards: 1 }), [why(1), true]);
      assert.deepEqual(await readiness(2, { number_of_data_nodes: 2, unassigned_shards: 4 }), [why(4), true]);
    });

    it('waits for whatever is on its way, and for every primary shard', async () => {
      const coming = { number_of_data_nodes: 2, initializing_shards: 1, unassigned_shards: 2 };
      assert.deepEqual(await readiness(2, coming), ['1 shards are on their way', false]);
      const lost = { number_of_data_nodes: 1, status: 'red', unassigned_shards: 1 };
      assert.deepEqual(await readiness(0, lost), ['a primary shard has no node', false]);
    });
  });

  describe('when a swap died between the two steps of freezing', () => {
    it('refreshes again once it is thawed', async () => {
      const { live } = await index.registry();
      const { indices } = under.elasticsearch;
      await indices.putSettings({ index: live.generation, settings: { refresh_interval: '-1' } });
      await index.generations.thaw(live.generation);
      const settings = await indices.getSettings({ index: live.generation });
      assert.equal(settings[live.generation]?.settings?.index?.refresh_interval, '60s');
    });
  });
});
