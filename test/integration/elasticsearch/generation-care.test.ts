import assert from 'node:assert/strict';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleWrite } from './sample-orders.ts';

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

  describe('when an operator has blocked writes', () => {
    it('leaves the block when a swap is given up that had not begun', async () => {
      const { live } = await index.registry();
      await under.elasticsearch.indices.addBlock({ index: live.generation, block: 'write' });
      await index.generations.thaw(live.generation);
      const [outcome] = await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(outcome?.kind, 'moved');
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
