import assert from 'node:assert/strict';
import type { RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import { heldSteps, type HeldStep } from '../support/held-steps.ts';
import { eventOf, openStage, untilVersionIn, type Stage } from '../support/protocol-stage.ts';

describe('the protocol where a generation is registered', function () {
  this.timeout(60_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.remove());

  /** A rebuild that is held at a step. */
  async function rebuildUpTo(step: RebuildStep) {
    const steps = heldSteps<RebuildStep>();
    const held = steps.hold(step);
    const run = await stage.rebuild({ steps });
    await held.arrived;
    return { ...held, run, steps };
  }

  /** Once a write has come through, of those that the projector is held after. */
  async function writtenIn(number: number, writes: readonly HeldStep[]): Promise<void> {
    for (const write of writes) {
      await write.arrived;
      if ((await stage.versionIn(number, 'O-1')) > 0) return;
      write.release();
    }
  }

  async function assertDone({ run }: Awaited<ReturnType<typeof rebuildUpTo>>): Promise<void> {
    const { step, error } = await run.ended;
    assert.equal(step, 'DONE', error);
    assert.equal(await stage.live(), stage.generation(2));
  }

  describe('when what was written last is not visible yet (pit-unrefreshed)', () => {
    it('is in the snapshot all the same', async () => {
      const projector = await stage.projector();
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      assert.equal(await stage.versionSeen('O-1'), 0);
      const rebuild = await rebuildUpTo('rebuild CATCH_UP');
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      const { total, copied } = (await rebuild.run.state()).copy;
      assert.deepEqual([total, copied], [1, 1]);
      rebuild.release();
      await assertDone(rebuild);
    });
  });

  describe('when something is written between the refresh and the snapshot', () => {
    it('went to the new generation too', async () => {
      const projector = await stage.projector();
      const rebuild = await rebuildUpTo('rebuild refreshed');
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [1, 1]);
      rebuild.release();
      await assertDone(rebuild);
    });
  });

  describe('when something is written before the generation is registered, and nothing since (snapshot-first)', () => {
    it('is in the snapshot, which is taken after that', async () => {
      const projector = await stage.projector();
      const rebuild = await rebuildUpTo('rebuild REGISTER');
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      assert.equal(await stage.versionIn(2, 'O-1'), 0);
      const caughtUp = rebuild.steps.hold('rebuild CATCH_UP');
      rebuild.release();
      await caughtUp.arrived;
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      caughtUp.release();
      await assertDone(rebuild);
    });
  });

  describe('when it is registered between a live write and the second look (no-second-look)', () => {
    it('has the write before it is acknowledged', async () => {
      const projector = await stage.projector();
      const written = projector.hold('written');
      await stage.publish(eventOf('O-1', 1));
      await written.arrived;
      const rebuild = await rebuildUpTo('rebuild SNAPSHOT');
      assert.equal(await stage.versionIn(2, 'O-1'), 0);
      written.release();
      await projector.untilSettled();
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      rebuild.release();
      await assertDone(rebuild);
    });
  });

  describe('when it has become live since a duplicate was looked up (no-second-look-amended)', () => {
    it('has the write before the duplicate is acknowledged', async () => {
      const [first, second] = [await stage.projector(), await stage.projector()];
      const [folded, looked] = [first.hold('folded'), second.hold('looked')];
      const swapped = first.hold('written to a standby');
      await stage.publish(eventOf('O-1', 1), eventOf('O-1', 1));
      await Promise.all([folded.arrived, looked.arrived]);
      const rebuild = await stage.rebuild();
      assert.equal((await rebuild.ended).step, 'DONE');
      folded.release();
      await swapped.arrived;
      assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [1, 0]);
      const acknowledged = second.hold('before settling');
      looked.release();
      await acknowledged.arrived;
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
    });
  });

  describe('when a projector still has the look from before it (swap-stalled-writer)', () => {
    it('writes nothing to the live one alone, so that no reader goes back at the swap', async () => {
      const projector = await stage.projector();
      const folded = projector.hold('folded');
      await stage.publish(eventOf('O-1', 1));
      await folded.arrived;
      const rebuild = await rebuildUpTo('rebuild SWAP');
      const writes = [projector.hold('written'), projector.hold('written')];
      folded.release();
      await writtenIn(1, writes);
      await stage.refresh(1);
      assert.equal(await stage.versionSeen('O-1'), 1);
      rebuild.release();
      await assertDone(rebuild);
      assert.equal(await stage.versionSeen('O-1'), 1);
    });
  });

  describe('when what the projector looked up is dropped before it loads (pruned-as-new)', () => {
    it('is not taken for an order without events', async () => {
      const former = await stage.projector();
      await stage.publish(eventOf('O-1', 1));
      await former.untilSettled();
      await former.crash();
      const projector = await stage.projector();
      const looked = projector.hold('looked');
      await stage.publish(eventOf('O-1', 2));
      await looked.arrived;
      const rebuild = await stage.rebuild({ request: { keep: 0 } });
      assert.equal((await rebuild.ended).step, 'DONE');
      assert.equal(await stage.versionIn(1, 'O-1'), 0);
      looked.release();
      await untilVersionIn(stage, 2, 'O-1', 2);
      await projector.untilSettled();
      assert.ok(!projector.passed.includes('parked'), 'it was parked');
    });
  });
});
