import assert from 'node:assert/strict';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { measureRebuilds, observeDuration } from '../../../src/rebuild/metrics.ts';
import { createRunRecords, type RunRecords } from '../../../src/rebuild/records.ts';
import type { RunState } from '../../../src/rebuild/state.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { aRebuild, anActivation, copied } from './runs.ts';

describe('observeDuration', () => {
  const [STARTED_AT, FINISHED_AT] = [1_000, 91_000];
  const measured = async (state: RunState) => {
    const metrics = createMetrics();
    observeDuration(state, metrics);
    const text = await metrics.registry.metrics();
    return ['count', 'sum'].map((what) =>
      Number(new RegExp(`^projection_rebuild_duration_seconds_${what} (\\S+)$`, 'm').exec(text)?.[1]),
    );
  };
  const ended = { startedAt: STARTED_AT, finishedAt: FINISHED_AT };

  describe('when a rebuild is done', () => {
    it('says how long it took', async () => {
      assert.deepEqual(await measured(aRebuild({ ...ended, step: 'DONE' })), [1, 90]);
    });
  });

  const others: [string, RunState][] = [
    ['a rebuild has failed', aRebuild({ ...ended, step: 'FAILED', error: 'no space' })],
    ['a rebuild was cancelled', aRebuild({ ...ended, step: 'CANCELLED' })],
    ['a generation was activated', anActivation({ ...ended, step: 'DONE' })],
    ['a rebuild is under way', aRebuild({ step: 'COPY' })],
  ];
  for (const [name, state] of others) {
    describe(`when ${name}`, () => {
      it('says nothing', async () => assert.deepEqual(await measured(state), [0, 0]));
    });
  }
});

describe('measureRebuilds', () => {
  const NOW = 100_000;
  const recordsOf = (store: MemoryControl, writer = 'a') => createRunRecords({ store, writer, now: () => NOW });
  const run = async (records: RunRecords, state: RunState) => {
    assert.equal((await records.begin(state)).kind, 'begun');
    return state;
  };
  const end = async (records: RunRecords, { id }: RunState) => {
    const kept = await records.read(id);
    assert.ok(kept && (await records.replace(kept, { ...kept.state, step: 'DONE', finishedAt: NOW })));
  };
  const progress = async (records: RunRecords) => {
    const { processed, total } = await measureRebuilds(records, NOW);
    return [processed, total];
  };
  const halfway = (id: string) => {
    const state = aRebuild({ id, step: 'COPY' });
    return { ...state, copy: { ...state.copy, copied: 40, total: 100 }, replay: copied(state).replay };
  };

  describe('when there was no rebuild yet', () => {
    it('is nothing of nothing', async () => {
      assert.deepEqual(await progress(recordsOf(new MemoryControl())), [0, 0]);
    });
  });

  describe('when one is under way', () => {
    it('is what its runner has written, on every instance', async () => {
      const store = new MemoryControl();
      await run(recordsOf(store, 'runner'), halfway('r-1'));
      assert.deepEqual(await progress(recordsOf(store, 'another')), [40, 100]);
    });

    it('has no total before that is known', async () => {
      const records = recordsOf(new MemoryControl());
      await run(records, aRebuild({ step: 'SNAPSHOT' }));
      assert.deepEqual(await progress(records), [0, null]);
    });
  });

  describe('when the run that was begun last is held up', () => {
    const isStalled = async (records: RunRecords) => (await measureRebuilds(records, NOW)).isStalled;
    const held = { held: { reason: 'no space', since: NOW - 60_000 } };

    for (const [kind, state] of [
      ['a rebuild', aRebuild({ id: 'r-1', step: 'COPY', ...held })],
      ['an activation', anActivation({ id: 'r-1', ...held })],
    ] as const) {
      it(`is stalled, until it is over: ${kind}`, async () => {
        const records = recordsOf(new MemoryControl());
        await run(records, state);
        assert.equal(await isStalled(records), true);
        await end(records, state);
        assert.equal(await isStalled(records), false);
      });
    }

    it('is not where an operator has paused it', async () => {
      const records = recordsOf(new MemoryControl());
      await run(records, aRebuild({ id: 'r-1', step: 'COPY', ...held }));
      await records.command('r-1', 'pause');
      assert.equal(await isStalled(records), false);
    });

    it('is read once, with how far it is', async () => {
      const store = new MemoryControl();
      await run(recordsOf(store), { ...halfway('r-1'), ...held });
      const read: string[] = [];
      const readControl = (id: string) => {
        read.push(id);
        return store.readControl(id);
      };
      const records = createRunRecords({
        store: { readControl, writeControl: () => assert.fail('written') },
        writer: 'b',
        now: () => NOW,
      });
      assert.deepEqual(await measureRebuilds(records, NOW), { isStalled: true, processed: 40, total: 100 });
      assert.deepEqual(read, ['rebuilds', 'rebuild:r-1', 'rebuild-intent:r-1']);
    });
  });

  describe('when generations were activated since', () => {
    it('is still the last rebuild', async () => {
      const records = recordsOf(new MemoryControl());
      await end(records, await run(records, halfway('r-1')));
      await end(records, await run(records, anActivation({ id: 'a-1' })));
      await run(records, anActivation({ id: 'a-2' }));
      assert.deepEqual(await progress(records), [40, 100]);
    });
  });
});
