import assert from 'node:assert/strict';
import { createLogger } from '../../../src/observability/logging.ts';
import { performRollups, type RollupAction } from '../../../src/rebuild/rollups.ts';
import type { CopyProgress, RebuildRollups, RollupProgress, RunState } from '../../../src/rebuild/state.ts';
import { aRebuild } from './runs.ts';

const AWAIT: RollupAction = { kind: 'await rollups', generation: 'orders-000002' };
const REBUILD: RollupAction = { kind: 'rebuild rollup', aggregate: 'seller-daily' };
const WITHDRAW: RollupAction = { kind: 'withdraw rollup', aggregate: 'seller-daily' };
const NOTHING: RollupProgress = { isDone: false, generation: '', processed: 0, total: 0, pulse: '1' };
const BUILDING: RollupProgress = {
  isDone: false,
  generation: 'seller-daily-000002',
  processed: 3,
  total: 9,
  pulse: '2',
};
const DONE: RollupProgress = { ...BUILDING, isDone: true, processed: 9, pulse: '3' };

describe("a rebuild's dealings with the aggregates", () => {
  const now = performance.now.bind(performance);
  let clockMs: number;
  let asked: string[];
  let copied: CopyProgress[];
  let moved: number;
  let answers: (RollupProgress | (() => RollupProgress))[];
  let stopping: AbortController;

  beforeEach(() => {
    [clockMs, asked, copied, moved, answers, stopping] = [0, [], [], 0, [], new AbortController()];
    performance.now = () => clockMs;
  });
  afterEach(() => {
    performance.now = now;
  });

  const answer = (what: string): Promise<RollupProgress> => {
    asked.push(what);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    return Promise.resolve(typeof next === 'function' ? next() : (next ?? NOTHING));
  };
  const done = (what: string): Promise<void> => {
    asked.push(what);
    return Promise.resolve();
  };
  const rollups: RebuildRollups = {
    derivation: (orders) => answer(`derivation of ${orders}`),
    rebuild: (aggregate, run) => answer(`rebuild ${aggregate} for ${run}`),
    pause: (aggregate, run) => done(`pause ${aggregate} for ${run}`),
    withdraw: (aggregate, run) => done(`withdraw ${aggregate} for ${run}`),
  };
  const perform = (action: RollupAction, run: RunState = aRebuild({ step: 'ROLLUPS' })) =>
    performRollups(action, run, {
      ...{ rollups, signal: stopping.signal, log: createLogger('silent') },
      onCopying: (progress) => copied.push(progress),
      onMoved: () => (moved += 1),
    });
  /** Each look a while after the one before it. */
  const after = (ms: number, progress: RollupProgress) => () => {
    clockMs += ms;
    return progress;
  };

  describe('when one is rebuilt', () => {
    it('tells how far it is, and what was made in the end', async () => {
      answers = [NOTHING, BUILDING, DONE];
      const response = await perform(REBUILD);
      const { copy } = aRebuild();
      assert.deepEqual(response, {
        ...{ kind: 'done', patch: { copy: { ...copy, copied: 9, total: 9 }, generation: 'seller-daily-000002' } },
      });
      assert.deepEqual(copied, [
        { ...copy, copied: 0, total: 0 },
        { ...copy, copied: 3, total: 9 },
      ]);
      assert.deepEqual(new Set(asked), new Set(['rebuild seller-daily for r-1']));
    });

    it('is held once nobody has worked on it for half a minute', async () => {
      answers = [NOTHING, after(29_000, BUILDING), after(30_001, BUILDING)];
      const response = await perform(REBUILD);
      assert.equal(response.kind, 'held');
      assert.match(response.kind === 'held' ? response.reason : '', /^nobody goes on with the aggregates: .*\/health$/);
      assert.equal(asked.length, 3);
    });

    it('is not said to get on by looks at what nobody works on, however often it is held', async () => {
      answers = [BUILDING, BUILDING, after(30_001, BUILDING)];
      const run = aRebuild({ step: 'ROLLUPS', held: { reason: 'nobody', since: 0 } });
      assert.equal((await perform(REBUILD, run)).kind, 'held');
      assert.deepEqual(copied, []);
    });

    it('is not held while somebody works on it, however slowly', async () => {
      answers = [NOTHING, ...['2', '3', '4'].map((pulse) => after(29_000, { ...BUILDING, pulse })), DONE];
      assert.equal((await perform(REBUILD)).kind, 'done');
    });

    it('rests when the run is paused or the service stops', async () => {
      const reason = new Error('paused');
      answers = [() => { stopping.abort(reason); return BUILDING; }]; // prettier-ignore
      await assert.rejects(perform(REBUILD), reason);
      assert.deepEqual(asked, ['rebuild seller-daily for r-1', 'pause seller-daily for r-1']);
    });

    it('does not rest for a failure of the index', async () => {
      const failure = new Error('away');
      answers = [() => { throw failure; }]; // prettier-ignore
      await assert.rejects(perform(REBUILD), failure);
      assert.deepEqual(asked, ['rebuild seller-daily for r-1']);
    });

    it('takes its request back when it is cancelled', async () => {
      assert.deepEqual(await perform(WITHDRAW), { kind: 'done' });
      assert.deepEqual(asked, ['withdraw seller-daily for r-1']);
    });
  });

  describe('when the orders were swapped', () => {
    it('goes on once all derive from the new ones, and leaves its own numbers alone', async () => {
      answers = [NOTHING, BUILDING, DONE];
      assert.deepEqual(await perform(AWAIT), { kind: 'done' });
      assert.deepEqual([copied, new Set(asked)], [[], new Set(['derivation of orders-000002'])]);
    });

    it('says that it gets on where somebody derives them again', async () => {
      const run = aRebuild({ step: 'ROLLUPS', held: { reason: 'nobody', since: 0 } });
      answers = [NOTHING, NOTHING, BUILDING, BUILDING, { ...BUILDING, pulse: '3' }, DONE];
      assert.deepEqual(await perform(AWAIT, run), { kind: 'done' });
      assert.equal(moved, 2);
    });

    it('is held where nobody derives them, and given up after five minutes of that', async () => {
      answers = [NOTHING, after(30_001, NOTHING)];
      assert.equal((await perform(AWAIT)).kind, 'held');
      const heldSince = (since: number, dispensableSince: number) =>
        aRebuild({ step: 'ROLLUPS', held: { reason: 'nobody', since, dispensableSince } });
      const held = (ms: number) => heldSince(0, Date.now() - ms);
      answers = [NOTHING, after(30_001, NOTHING)];
      assert.equal((await perform(AWAIT, held(4 * 60_000))).kind, 'held');
      const before = asked.length;
      assert.deepEqual(await perform(AWAIT, held(5 * 60_000 + 1_000)), { kind: 'done' });
      assert.equal(asked.length, before);
    });
  });
});
