import assert from 'node:assert/strict';
import type { RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { heldSteps } from '../support/held-steps.ts';
import { eventOf, openStage, untilVersionIn, type Stage, type StageRun } from '../support/protocol-stage.ts';

describe('the protocol at a swap', function () {
  this.timeout(60_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.remove());

  /** A second generation that every projector writes to, as it is before an activation. */
  async function standby(): Promise<void> {
    await assertDone(await stage.rebuild({ request: { activate: false } }));
  }

  async function assertDone(run: StageRun): Promise<void> {
    const { step, error } = await run.ended;
    assert.equal(step, 'DONE', error);
  }

  /** An activation that is held at a step. */
  async function activationUpTo(number: number, step: RebuildStep) {
    const steps = heldSteps<RebuildStep>();
    const held = steps.hold(step);
    const run = await stage.activate(number, steps);
    await held.arrived;
    return { ...held, run, steps };
  }

  const isFrozen = async (number: number) =>
    (await stage.index.generations.list()).find((generation) => generation.number === number)?.isFrozen;

  describe('when a projector has written to the live generation, and no further (live-first)', () => {
    it('is in the other one before, so that no reader goes back', async () => {
      await standby();
      const projector = await stage.projector();
      const swap = await activationUpTo(2, 'rebuild SWAP');
      const written = projector.hold('written');
      await stage.publish(eventOf('O-1', 1));
      await written.arrived;
      await stage.refresh(1);
      assert.equal(await stage.versionSeen('O-1'), 1);
      swap.release();
      await assertDone(swap.run);
      assert.equal(await stage.live(), stage.generation(2));
      assert.equal(await stage.versionSeen('O-1'), 1);
    });
  });

  describe('when a projector has a look from before the last swap, and there is a swap back (rollback-stale-view)', () => {
    it('shows no reader what the swap back takes away', async () => {
      await standby();
      const projector = await stage.projector();
      const folded = projector.hold('folded');
      await stage.publish(eventOf('O-1', 1));
      await folded.arrived;
      await assertDone(await stage.activate(2));
      const back = await activationUpTo(1, 'rebuild SWAP');
      const written = projector.hold('written to a standby');
      folded.release();
      await written.arrived;
      await stage.refresh(2);
      const seenBefore = await stage.versionSeen('O-1');
      back.release();
      await assertDone(back.run);
      assert.ok((await stage.versionSeen('O-1')) >= seenBefore, 'a reader went back');
      written.release();
      await projector.untilSettled();
      assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [1, 1]);
    });
  });

  describe('when what comes to be live has not refreshed since it was validated', () => {
    it('is refreshed before the alias moves', async () => {
      await standby();
      await stage.refreshEvery(2, '-1');
      const projector = await stage.projector();
      const swap = await activationUpTo(2, 'rebuild SWAP');
      await stage.publish(eventOf('O-1', 1));
      await projector.untilSettled();
      await stage.refresh(1);
      assert.equal(await stage.versionSeen('O-1'), 1);
      const moved = swap.steps.hold('rebuild moved');
      swap.release();
      await moved.arrived;
      assert.equal(await stage.live(), stage.generation(2));
      assert.equal(await stage.versionSeen('O-1'), 1);
      moved.release();
      await assertDone(swap.run);
    });
  });

  describe('when a projector writes between that refresh and the move (get-realtime, refresh-not-stopped)', () => {
    it('writes nothing to the old one, whatever refreshes', async () => {
      await standby();
      await stage.refreshEvery(1, '10s');
      await stage.refreshEvery(2, '-1');
      const projector = await stage.projector();
      const swap = await activationUpTo(2, 'rebuild SWAP');
      const fenced = swap.steps.hold('rebuild fenced');
      swap.release();
      await fenced.arrived;
      assert.equal(await isFrozen(1), true);
      const written = projector.hold('written');
      await stage.publish(eventOf('O-1', 1));
      await written.arrived;
      assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [0, 1]);
      await stage.index.refresh();
      assert.equal(await stage.versionSeen('O-1'), 0);
      fenced.release();
      await assertDone(swap.run);
      assert.equal(await isFrozen(1), false);
      written.release();
      await untilVersionIn(stage, 1, 'O-1', 1);
      await projector.untilSettled();
    });
  });

  describe('when a write is in the live one alone, and not visible there yet (split-routing-repair)', () => {
    it('is found and copied by VALIDATE', async () => {
      const steps = heldSteps<RebuildStep>();
      const held = steps.hold('rebuild VALIDATE');
      const run = await stage.rebuild({ steps });
      await held.arrived;
      const { live } = await stage.index.registry();
      const [outcome] = await stage.index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(outcome?.kind, 'written');
      held.release();
      await assertDone(run);
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
    });
  });

  describe('when the alias has moved, and the registry moves on before the runner knows', () => {
    it('is swapped, and nothing is validated or could be cancelled any more', async () => {
      await standby();
      const swap = await activationUpTo(2, 'rebuild fenced');
      const { epoch } = await stage.index.registry();
      await stage.index.generations.renameEpoch(epoch, { live: stage.generation(2) });
      await stage.index.generations.renameEpoch(epoch + 1, {});
      const passed = swap.steps.passed.length;
      swap.release();
      await assertDone(swap.run);
      assert.ok(!swap.steps.passed.slice(passed).includes('rebuild VALIDATE'));
      assert.equal(await isFrozen(1), false);
    });
  });

  describe('when a runner that was taken for dead goes on where it would have moved the alias (zombie-runner)', () => {
    /** It stands right before the move; another one has finished its run. */
    async function zombie() {
      const steps = heldSteps<RebuildStep>();
      const held = steps.hold('rebuild fenced');
      const run = await stage.rebuild({ steps, leaseExpiryMs: 60_000 });
      await held.arrived;
      await assertDone(run.takenOver());
      assert.equal(await stage.live(), stage.generation(2));
      await assertDone(await stage.activate(1));
      return { ...held, run };
    }

    it('moves nothing', async () => {
      const { release, run } = await zombie();
      const registry = await stage.index.registry();
      assert.equal(registry.live.generation, stage.generation(1));
      release();
      await run.ended;
      assert.deepEqual(await stage.index.registry(), registry);
    });

    it('lifts a write block that it has set too late', async () => {
      const steps = heldSteps<RebuildStep>();
      const held = steps.hold('rebuild frozen');
      const run = await stage.rebuild({ steps, leaseExpiryMs: 60_000 });
      await held.arrived;
      await assertDone(run.takenOver());
      await stage.index.generations.freeze(stage.generation(1));
      held.release();
      await run.ended;
      assert.equal(await isFrozen(1), false);
    });

    it("does not lift another one's write block", async () => {
      const { release, run } = await zombie();
      const swap = await activationUpTo(2, 'rebuild fenced');
      release();
      await run.ended;
      assert.equal(await isFrozen(1), true);
      swap.release();
      await assertDone(swap.run);
      assert.equal(await isFrozen(1), false);
    });
  });
});
