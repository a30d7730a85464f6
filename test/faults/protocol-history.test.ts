import assert from 'node:assert/strict';
import type { RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import { eventually } from '../support/eventually.ts';
import { heldSteps } from '../support/held-steps.ts';
import { eventOf, openStage, type Stage } from '../support/protocol-stage.ts';

/** More than a replay folds and writes in two pages. */
const OTHERS = 4_100;
/** Of them, what comes before the early event. */
const BEFORE = 10;

describe('the protocol of a rebuild from history', function () {
  this.timeout(180_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.remove());

  const request = { source: 'history' } as const;

  describe('when an event has reached the queue, and the stream only behind the barrier (split-routing)', () => {
    it('comes from the live generation', async () => {
      const projector = await stage.projector();
      await stage.publishTo('live', eventOf('O-1', 1));
      await projector.untilSettled();
      const steps = heldSteps<RebuildStep>();
      const caughtUp = steps.hold('rebuild CATCH_UP');
      const run = await stage.rebuild({ request, steps });
      await caughtUp.arrived;
      await stage.publishTo('history', eventOf('O-1', 1));
      assert.equal(await stage.versionIn(2, 'O-1'), 1);
      caughtUp.release();
      assert.equal((await run.ended).step, 'DONE');
      assert.equal(await stage.live(), stage.generation(2));
    });
  });

  describe('when a runner dies while it holds an early event (replay-buffer)', () => {
    it('is read again by who takes over', async () => {
      const others = Array.from({ length: OTHERS }, (_, order) => eventOf(`O-${order}`, 1));
      const before = others.splice(0, BEFORE);
      await stage.publishTo('history', ...before, eventOf('early', 2), ...others, eventOf('early', 1));
      const steps = heldSteps<RebuildStep>();
      const [first, second] = [steps.hold('rebuild page'), steps.hold('rebuild page')];
      const dying = await stage.rebuild({ request, steps, leaseExpiryMs: 60_000 });
      await first.arrived;
      first.release();
      await second.arrived;
      // What it has found out so far is kept once a second.
      await eventually(async () => assert.ok((await dying.state()).replay.processed > 0));
      assert.equal(await stage.versionIn(2, 'early'), 0);
      // What came before it is done; itself, which only that memory holds, is not.
      assert.equal((await dying.state()).replay.position, BEFORE);
      const { step, error } = await dying.takenOver().ended;
      assert.equal(step, 'DONE', error);
      assert.equal(await stage.versionIn(2, 'early'), 2);
      assert.equal(await stage.backend.countParked(), 0);
    });
  });
});
