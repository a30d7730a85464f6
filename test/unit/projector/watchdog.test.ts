import assert from 'node:assert/strict';
import type { PartHealth } from '../../../src/observability/health.ts';
import { judgeProgress, type Progress } from '../../../src/projector/watchdog.ts';

const NOW = 10_000_000;
const LONG_AGO = NOW - 61_000;

function judge(progress: Partial<Progress>): PartHealth {
  const calm: Progress = {
    now: NOW,
    state: 'running',
    inHand: 0,
    unsettledSince: undefined,
    untakenSince: undefined,
    asOf: NOW - 1_000,
    outage: undefined,
    letterOutage: undefined,
  };
  return judgeProgress({ ...calm, ...progress });
}

describe('judgeProgress', () => {
  it('is content with a projector that runs and has nothing to do', () => {
    assert.deepEqual(judge({}), { state: 'up' });
  });

  it('is content with work that is in hand for a while', () => {
    assert.equal(judge({ inHand: 5, unsettledSince: NOW - 59_000 }).state, 'up');
  });

  for (const state of ['starting', 'stopping', 'stopped', 'failed'] as const) {
    it(`reports a projector that is ${state}`, () => {
      assert.deepEqual(judge({ state }), { state: 'down', reason: `the projector is ${state}` });
    });
  }

  describe('when events are in hand and none is settled', () => {
    it('reports it with their number', () => {
      const { state, reason } = judge({ inHand: 5, unsettledSince: LONG_AGO });
      assert.deepEqual([state, reason], ['down', '5 events are in hand, and none has been settled for 61 s']);
    });
  });

  describe('when messages wait and none is taken', () => {
    it('reports it where nobody else projects', () => {
      const { state, reason } = judge({ untakenSince: LONG_AGO, asOf: LONG_AGO });
      assert.deepEqual([state, reason], ['down', 'messages wait, and none has been taken for 61 s']);
    });

    it('is content with the passive one of two consumers', () => {
      assert.equal(judge({ untakenSince: LONG_AGO, asOf: NOW - 2_000 }).state, 'up');
    });
  });

  describe('when an outage holds it up', () => {
    it('is degraded at first, with the reason, and down once it lasts', () => {
      const reason = 'the index cannot be reached';
      assert.deepEqual(judge({ outage: { reason, since: NOW - 5_000 } }), {
        state: 'degraded',
        reason: `held up for 5 s: ${reason}`,
        isHeldUp: true,
      });
      const { state, isHeldUp } = judge({ outage: { reason, since: LONG_AGO } });
      assert.deepEqual([state, isHeldUp], ['down', true]);
    });

    it('does not take one that is stuck by itself for held up', () => {
      assert.equal(judge({ inHand: 5, unsettledSince: LONG_AGO }).isHeldUp, undefined);
      assert.equal(judge({ state: 'failed' }).isHeldUp, undefined);
    });
  });

  describe('when the broker takes no dead letters', () => {
    const letterOutage = { letters: 3, since: LONG_AGO, reason: 'low on memory', isFull: false };

    it('is degraded, however long it lasts, and says how many wait and why', () => {
      assert.deepEqual(judge({ letterOutage }), {
        state: 'degraded',
        reason: '3 dead letters have not been published for 61 s: low on memory',
      });
    });

    it('is down where they are all that may be held', () => {
      const { state, reason, isHeldUp } = judge({ letterOutage: { ...letterOutage, isFull: true } });
      assert.deepEqual([state, isHeldUp], ['down', true]);
      assert.match(reason ?? '', /low on memory; nothing more is taken before they are$/);
    });

    it('reports first that something else is held up, or stuck', () => {
      assert.match(judge({ letterOutage, outage: { reason: 'no index', since: LONG_AGO } }).reason ?? '', /no index/);
      assert.match(judge({ letterOutage, inHand: 5, unsettledSince: LONG_AGO }).reason ?? '', /none has been settled/);
    });
  });
});
