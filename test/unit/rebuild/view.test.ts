import assert from 'node:assert/strict';
import { viewOf } from '../../../src/rebuild/view.ts';
import type { RunState } from '../../../src/rebuild/state.ts';
import { aRebuild } from './runs.ts';

const NOW = 60_000;
const NONE = { paused: false, cancelled: false };

describe('the view of a rebuild', () => {
  const view = (state: RunState, intent = NONE, beatAt = NOW) => viewOf({ state, beatAt, revision: '' }, intent, NOW);
  const copying = (changes: Partial<RunState> = {}, source: 'index' | 'history' = 'index') => {
    const state = aRebuild({ step: 'COPY', rate: 50 }, { source });
    return { ...state, copy: { ...state.copy, total: 1_000, copied: 400 }, ...changes };
  };

  it('says how much is done of how much, how fast, and how long it will take', () => {
    const { processed, total, ratePerSecond, etaSeconds, lagSeconds } = view(copying());
    assert.deepEqual([processed, total, ratePerSecond, etaSeconds, lagSeconds], [400, 1_000, 50, 12, null]);
  });

  it('does not know the whole before the live orders were counted', () => {
    const state = copying();
    const { copy, replay } = { copy: { copied: 0, slices: state.copy.slices }, replay: { ...state.replay, total: 5 } };
    for (const source of ['index', 'history'] as const)
      assert.equal(view(copying({ copy, replay }, source)).total, null);
  });

  it('does not know the whole of a history before it was counted', () => {
    const state = copying({}, 'history');
    assert.deepEqual([view(state).total, view(state).etaSeconds], [null, null]);
    const replay = { ...state.replay, total: 2_000, processed: 500, readTo: NOW - 30_000 };
    const { processed, total, lagSeconds } = view({ ...state, replay });
    assert.deepEqual([processed, total, lagSeconds], [900, 3_000, 30]);
  });

  it('has no rate while nothing is copied', () => {
    for (const other of [view(copying({ step: 'VALIDATE' })), view(copying(), { paused: true, cancelled: false })]) {
      assert.deepEqual([other.ratePerSecond, other.etaSeconds], [null, null]);
    }
  });

  it('lags behind nothing once it is over', () => {
    const state = copying({}, 'history');
    const replay = { ...state.replay, readTo: NOW - 30_000 };
    for (const step of ['DONE', 'FAILED', 'CANCELLED'] as const) {
      assert.equal(view({ ...state, replay, step, finishedAt: NOW - 20_000 }).lagSeconds, null);
    }
    assert.equal(view({ ...state, replay }, { paused: true, cancelled: false }).lagSeconds, 30);
  });

  it('says whether it is paused, which one that is over is not', () => {
    const paused = { paused: true, cancelled: false };
    assert.equal(view(copying(), paused).paused, true);
    assert.equal(view(copying({ step: 'DONE', finishedAt: NOW }), paused).paused, false);
    assert.equal(view(copying({ step: 'SWAP' }), paused).paused, false);
  });

  it('says what holds it up, and that nobody runs it', () => {
    assert.equal(view(copying({ held: { reason: '503', since: NOW - 1_000 } })).stalled, null);
    assert.equal(view(copying({ held: { reason: '503', since: NOW - 20_000 } })).stalled, '503');
    assert.match(view(copying(), NONE, NOW - 20_000).stalled ?? '', /^no instance has gone on with it for 20 s$/);
    assert.equal(view(copying({ step: 'DONE', finishedAt: NOW }), NONE, 0).stalled, null);
  });

  it('gives instants as RFC 3339', () => {
    const { startedAt, finishedAt } = view(copying({ step: 'DONE', finishedAt: 2_000 }));
    assert.deepEqual([startedAt, finishedAt], ['1970-01-01T00:00:01.000Z', '1970-01-01T00:00:02.000Z']);
  });
});
