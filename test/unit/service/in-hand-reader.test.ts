import assert from 'node:assert/strict';
import { createInHandReader } from '../../../src/service/in-hand-reader.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { farewell, readFreshness, type InstanceProgress } from '../../../src/projector/shared-freshness.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('createInHandReader', () => {
  let isIndexThere: boolean;
  let now: number;
  let control: MemoryControl;
  let inHand: () => Promise<number>;
  beforeEach(() => {
    [isIndexThere, now, control] = [true, NOW, new MemoryControl()];
    const index = {
      readControl: (id: string) =>
        isIndexThere ? control.readControl(id) : Promise.reject(new IndexUnavailableError('refused')),
    };
    const record = async () => (await readFreshness(index)).record;
    inHand = createInHandReader(record, { own: () => 4, instance: () => 'own', now: () => now });
  });

  const said = (instances: Record<string, InstanceProgress>) =>
    control.writeControl('freshness', { asOf: new Date(NOW).toISOString(), instances });
  const has = (events: number, at = NOW): InstanceProgress => ({ settledTo: at, at, returnedAt: 0, inHand: events });

  describe('when several projectors share the queue', () => {
    it("adds up what they say, and this one's own as it is now", async () => {
      await said({ own: has(90), second: has(500), third: has(20) });
      assert.equal(await inHand(), 524);
    });

    it('counts nothing of those that have left, or are of a release that does not say', async () => {
      const { inHand: _, ...silent } = has(7);
      await said({ own: has(90), left: farewell(NOW, NOW), older: silent });
      assert.equal(await inHand(), 4);
    });

    it('counts nothing of one that is silent: what it had is in the queue again, and counted there', async () => {
      await said({ second: has(500, NOW - 4_000), dead: has(300, NOW - 6_000) });
      assert.equal(await inHand(), 504);
    });
  });

  describe('when none has said anything yet', () => {
    it("is this instance's own", async () => assert.equal(await inHand(), 4));
  });

  describe('when the index cannot be asked any more', () => {
    it('goes by the last words for as long as they count', async () => {
      await said({ second: has(500) });
      assert.equal(await inHand(), 504);
      isIndexThere = false;
      assert.equal(await inHand(), 504);
      now += 6_000;
      assert.equal(await inHand(), 4);
    });
  });
});
