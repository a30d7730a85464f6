import assert from 'node:assert/strict';
import type { RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import { heldSteps } from '../support/held-steps.ts';
import { eventOf, openStage, type Stage } from '../support/protocol-stage.ts';
import { startService } from '../support/running-service.ts';

describe('the protocol about duplicates', function () {
  this.timeout(60_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.remove());

  /** A rebuild that has registered its generation and has not looked at the live one yet. */
  async function registered() {
    const steps = heldSteps<RebuildStep>();
    const held = steps.hold('rebuild SNAPSHOT');
    const run = await stage.rebuild({ steps });
    await held.arrived;
    assert.equal(await stage.versionIn(2, 'O-1'), 0);
    return { release: held.release, run };
  }

  describe('when a projector dies between its live write and its second look (duplicate-crash)', () => {
    it('brings the write to the new generation before the redelivery is acknowledged', async () => {
      const fault = { ORDER_SEARCH_FAULT_POINT: 'written:kill' };
      const service = await startService({ ...stage.environment, ...fault });
      await stage.publish(eventOf('O-1', 1));
      assert.equal(await service.ended, 'SIGKILL');
      assert.equal(await stage.versionIn(1, 'O-1'), 1);
      const { release, run } = await registered();
      const projector = await stage.projector();
      await projector.untilSettled();
      assert.ok(!projector.passed.includes('written'), 'it was no duplicate');
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      release();
      assert.equal((await run.ended).step, 'DONE');
    });
  });

  describe('when the projector knows the order, from before the generation was registered', () => {
    it('brings it there before the duplicate is acknowledged', async () => {
      const projector = await stage.projector();
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      const { release, run } = await registered();
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      release();
      assert.equal((await run.ended).step, 'DONE');
    });
  });

  describe('when the history is ahead of the queue (duplicate-standby)', () => {
    it('brings to the standby what it takes from the queue after the swap', async () => {
      const events = [eventOf('O-1', 1), eventOf('O-1', 2)];
      await stage.publishTo('history', ...events);
      const run = await stage.rebuild({ request: { source: 'history' } });
      assert.equal((await run.ended).step, 'DONE');
      assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [0, 2]);
      const projector = await stage.projector();
      await stage.publishTo('live', ...events);
      await projector.untilSettled();
      assert.equal(await stage.versionIn(1, 'O-1'), 2);
    });
  });
});
