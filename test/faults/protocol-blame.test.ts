import assert from 'node:assert/strict';
import { deadLettersOf } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { eventOf, openStage, type Stage } from '../support/protocol-stage.ts';

const REFUSED = 'no number';
const INNOCENT = '7';

describe('the protocol of blame', function () {
  this.timeout(60_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
    await takeNumbersOnly();
  });
  afterEach(() => stage.remove());

  /** Elasticsearch itself refuses documents that have another tag from now on. */
  async function takeNumbersOnly(): Promise<void> {
    const tags = { type: 'keyword', ignore_above: 1024, fields: { number: { type: 'long' } } } as const;
    await stage.elasticsearch.indices.putMapping({ index: stage.generation(1), properties: { tags } });
  }

  const tagged = (sequence: number, tag: string) => eventOf('O-1', sequence, { tag });

  /** The order stands before the refused event, what follows that waits, and nothing else is blamed. */
  async function assertBlamed(sequence: number, parked: number): Promise<void> {
    await eventually(async () => {
      const letters = await deadLettersOf(stage.backend);
      assert.equal(letters.length, 1, letters.join('\n'));
      assert.match(letters[0] ?? '', new RegExp(`^refused_by_index tags\\S* O-1 ${sequence}$`));
    });
    assert.equal(await stage.versionIn(1, 'O-1'), sequence - 1);
    assert.equal(await stage.backend.countParked(), parked);
  }

  describe('when an innocent event is written with a refused one of its order (innocent neighbour, poison-batch)', () => {
    it('blames the refused one alone', async () => {
      const projector = await stage.projector({ batchSize: 3, prefetch: 3 });
      await stage.publish(eventOf('O-1', 1), tagged(2, INNOCENT), tagged(3, REFUSED), tagged(4, INNOCENT));
      await projector.untilSettled();
      await assertBlamed(3, 1);
    });
  });

  describe('when the next batch has the event that follows the refused one (poison-overlap)', () => {
    it('is not blamed for what stood before it in the working set', async () => {
      const projector = await stage.projector({ prefetch: 3, concurrency: 3 });
      const folds = [projector.hold('folded'), projector.hold('folded')];
      await stage.publish(eventOf('O-1', 1), tagged(2, REFUSED), tagged(3, INNOCENT));
      for (const fold of folds) {
        await fold.arrived;
        fold.release();
      }
      await projector.untilSettled();
      await assertBlamed(2, 1);
    });
  });

  describe('when an event fills the hole before a refused one that is parked (poison-parked)', () => {
    it('is applied, and the parked one goes to the dead letters', async () => {
      const projector = await stage.projector();
      await stage.publish(eventOf('O-1', 1), tagged(3, REFUSED));
      await projector.untilSettled();
      assert.equal(await stage.backend.countParked(), 1);
      await stage.publish(tagged(2, INNOCENT));
      await projector.untilSettled();
      await assertBlamed(3, 0);
    });
  });

  describe('when two projectors have folded different events of one sequence (sequence-conflict)', () => {
    it('keeps the one that was written first, and says so of the other', async () => {
      const [one, other] = [await stage.projector(), await stage.projector()];
      await stage.publish(eventOf('O-1', 1));
      await one.untilSettled();
      const [late, soon] = [one.hold('folded'), other.hold('folded')];
      await stage.publish(tagged(2, '1'), { ...tagged(2, '2'), id: 'rival' });
      await Promise.all([late.arrived, soon.arrived]);
      soon.release();
      await eventually(async () => assert.equal(await stage.versionIn(1, 'O-1'), 2));
      const before = (await stage.backend.documents()).get('O-1');
      late.release();
      await one.untilSettled();
      await eventually(async () => {
        assert.deepEqual(await deadLettersOf(stage.backend), ['sequence_conflict sequence O-1 2']);
      });
      assert.deepEqual((await stage.backend.documents()).get('O-1'), before);
    });
  });
});
