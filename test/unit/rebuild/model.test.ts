import assert from 'node:assert/strict';
import fc from 'fast-check';
import { model, type Response } from '../../../src/rebuild/model.ts';
import { next } from '../../../src/rebuild/next.ts';
import { canBeCancelled, isEnd, isOver, newRun, STEPS, type RunState } from '../../../src/rebuild/state.ts';
import { aRebuild, anActivation, copied, TARGET } from './runs.ts';

const NOW = 5_000;
const AGGREGATE = { projection: 'revenue-daily' };
const DONE: Response = { kind: 'done' };
const after = (state: RunState, response: Response) => model(state, response, NOW);

describe('the model of a rebuild', () => {
  describe('when a step is done', () => {
    const following = [
      ['CREATE', 'REGISTER'],
      ['REGISTER', 'SNAPSHOT'],
      ['SNAPSHOT', 'COPY'],
      ['CATCH_UP', 'RESTORE_SETTINGS'],
      ['RESTORE_SETTINGS', 'REFRESH'],
      ['REFRESH', 'VALIDATE'],
      ['VALIDATE', 'SWAP'],
      ['SWAP', 'ROLLUPS'],
      ['ROLLUPS', 'PRUNE'],
    ] as const;
    for (const [step, expected] of following) {
      it(`${step} → ${expected}`, () => {
        assert.deepEqual(after(aRebuild({ step }), DONE), aRebuild({ step: expected }));
      });
    }

    it('PRUNE → DONE, and it is over', () => {
      const state = after(aRebuild({ step: 'PRUNE', surplus: [] }), DONE);
      assert.deepEqual([state.step, state.finishedAt, isOver(state)], ['DONE', NOW, true]);
    });

    it('VALIDATE → PRUNE where it is not to be activated', () => {
      assert.equal(after(aRebuild({ step: 'VALIDATE' }, { activate: false }), DONE).step, 'PRUNE');
    });

    it('SWAP → DONE where a generation is activated, with nothing pruned', () => {
      assert.deepEqual(after(anActivation({ step: 'SWAP' }), DONE), anActivation({ step: 'DONE', finishedAt: NOW }));
    });

    it('ROLLUPS is the one step of an aggregate: → DONE, and it is over', () => {
      const run = newRun({
        id: 'r-1',
        kind: 'rebuild',
        request: { ...aRebuild().request, ...AGGREGATE },
        startedAt: 1,
      });
      assert.deepEqual([run.step, next(run)], ['ROLLUPS', { kind: 'rebuild rollup', aggregate: 'revenue-daily' }]);
      const state = after(run, { kind: 'done', patch: { generation: 'orders-revenue-daily-000002' } });
      assert.deepEqual([state.step, state.generation, isOver(state)], ['DONE', 'orders-revenue-daily-000002', true]);
    });

    it('keeps what the action has found out', () => {
      const state = after(aRebuild({ step: 'VALIDATE' }), { kind: 'done', patch: { epoch: 9, from: 'orders-000003' } });
      assert.deepEqual([state.step, state.epoch, state.from], ['SWAP', 9, 'orders-000003']);
    });
  });

  describe('when it copies', () => {
    it('COPY → COPY with what was copied', () => {
      const copy = { total: 10, copied: 5, slices: [{ after: 'O-5', done: false }] };
      const state = after(aRebuild({ step: 'COPY' }), { kind: 'learned', patch: { copy, rate: 100 } });
      assert.deepEqual(state, aRebuild({ step: 'COPY', copy, rate: 100 }));
    });

    it('COPY → COPY as long as the history is not read', () => {
      const state = aRebuild({ step: 'COPY' }, { source: 'history' });
      const { copy } = copied(state);
      assert.equal(after(state, { kind: 'done', patch: { copy } }).step, 'COPY');
    });

    it('COPY → CATCH_UP once everything is there', () => {
      assert.equal(after(copied(aRebuild({ step: 'COPY' })), DONE).step, 'CATCH_UP');
    });

    it('COPY → FAILED where orders lack their beginning, saying how many, which ones, and what can be done', () => {
      const state = copied(aRebuild({ step: 'COPY' }, { source: 'history' }));
      const replay = { ...state.replay, withoutBeginning: 3, namedWithoutBeginning: ['O-1', 'O-2'] };
      const failed = after(state, { kind: 'done', patch: { replay } });
      assert.equal(failed.step, 'FAILED');
      assert.match(
        failed.error ?? '',
        /^3 orders lack their first events in the history \(O-1, O-2, …\): .*allowPartial/,
      );
      assert.equal(isOver(failed), false);
      const allowed = copied(aRebuild({ step: 'COPY' }, { source: 'history', allowPartial: true }));
      assert.equal(after(allowed, { kind: 'done', patch: { replay } }).step, 'CATCH_UP');
    });
  });

  describe('when the registry was moved by somebody else', () => {
    it('SWAP → VALIDATE: what was compared says nothing of what is live now', () => {
      assert.deepEqual(
        after(aRebuild({ step: 'SWAP' }), { kind: 'registry moved', epoch: 9 }),
        aRebuild({ step: 'VALIDATE', epoch: 9 }),
      );
    });

    for (const step of ['REGISTER', 'VALIDATE', 'PRUNE', 'FAILED', 'CANCELLED'] as const) {
      it(`${step} → ${step}, built upon the new epoch`, () => {
        const state = after(aRebuild({ step }), { kind: 'registry moved', epoch: 9 });
        assert.deepEqual(state, aRebuild({ step, epoch: 9 }));
      });
    }
  });

  describe('when an outage does not let it', () => {
    it('stays where it is, and remembers since when and why', () => {
      const held = after(aRebuild({ step: 'REFRESH' }), { kind: 'held', reason: '503' });
      assert.deepEqual(held, aRebuild({ step: 'REFRESH', held: { reason: '503', since: NOW } }));
      const still = model(held, { kind: 'held', reason: '429' }, NOW + 1_000);
      assert.deepEqual(still.held, { reason: '429', since: NOW });
      assert.deepEqual(after(still, DONE), aRebuild({ step: 'VALIDATE' }));
    });

    it('counts its patience for what it goes on without from when nothing else held it up any more', () => {
      const waiting = { kind: 'held', reason: 'no node', dispensable: true } as const;
      const outage = { kind: 'held', reason: '503' } as const;
      let state = after(aRebuild({ step: 'RESTORE_SETTINGS' }), outage);
      const times: (number | undefined)[] = [];
      for (const [at, response] of [waiting, waiting, outage, waiting, waiting].entries()) {
        state = model(state, response, NOW + at);
        times.push(state.held?.dispensableSince);
        assert.equal(state.held?.since, NOW);
      }
      assert.deepEqual(times, [NOW, NOW, undefined, NOW + 3, NOW + 3]);
    });

    it('is held no more, and has all its patience again, once it gets on', () => {
      const waiting = { kind: 'held', reason: 'nobody', dispensable: true } as const;
      const moving = after(after(aRebuild({ step: 'ROLLUPS' }), waiting), { kind: 'learned', patch: {} });
      assert.deepEqual(moving, aRebuild({ step: 'ROLLUPS' }));
      const held = { reason: 'nobody', since: NOW + 9, dispensableSince: NOW + 9 };
      assert.deepEqual(model(moving, waiting, NOW + 9).held, held);
    });

    it('stays as it is where it was only interrupted', () => {
      const state = aRebuild({ step: 'COPY' });
      assert.equal(after(state, { kind: 'interrupted' }), state);
    });
  });

  describe('when it cannot be finished', () => {
    it('any step before the swap → CANCELLED, and cleans up', () => {
      for (const step of STEPS.filter((one) => canBeCancelled(aRebuild({ step: one })))) {
        const state = after(aRebuild({ step }), { kind: 'cancelled' });
        assert.deepEqual(state, aRebuild({ step: 'CANCELLED' }));
        assert.equal(next(state).kind, 'discard');
      }
      assert.deepEqual(
        STEPS.filter((step) => !canBeCancelled(aRebuild({ step }))),
        ['SWAP', 'ROLLUPS', 'PRUNE'],
      );
    });

    it('of an aggregate ROLLUPS → CANCELLED, and takes its request back', () => {
      const run = aRebuild({ step: 'ROLLUPS' }, AGGREGATE);
      assert(canBeCancelled(run));
      const state = after(run, { kind: 'cancelled' });
      assert.deepEqual(
        [state.step, next(state)],
        ['CANCELLED', { kind: 'withdraw rollup', aggregate: 'revenue-daily' }],
      );
    });

    it('any step → FAILED where the generation is no write target any more', () => {
      const state = after(aRebuild({ step: 'COPY' }), { kind: 'lost target', reason: 'it refuses O-1' });
      assert.deepEqual(state, aRebuild({ step: 'FAILED', error: 'it refuses O-1' }));
    });

    it('names the orders that cannot be built', () => {
      const orders = [
        { orderId: 'O-1', reason: 'totalCents: no number' },
        { orderId: 'O-2', reason: 'too large' },
      ];
      const { error } = after(aRebuild({ step: 'COPY' }), { kind: 'refused', orders, total: 7 });
      assert.equal(error, '7 orders cannot be built: O-1 (totalCents: no number); O-2 (too large); …');
    });

    it('FAILED and CANCELLED are over once cleaned up', () => {
      for (const step of ['FAILED', 'CANCELLED'] as const) {
        assert.deepEqual(after(aRebuild({ step }), DONE), aRebuild({ step, finishedAt: NOW }));
      }
    });
  });

  it('comes to an end, whatever the services answer, once they answer well', () => {
    const obstacles: readonly Response[] = [
      { kind: 'interrupted' },
      { kind: 'held', reason: '503' },
      { kind: 'registry moved', epoch: 8 },
    ];
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { maxLength: 200 }),
        fc.constantFrom('rebuild' as const, 'activation' as const),
        fc.boolean(),
        (turns, kind, activate) => {
          let state = kind === 'rebuild' ? aRebuild({ generation: '' }, { activate }) : anActivation();
          for (const turn of [...turns, ...Array.from({ length: 40 }, () => 20)]) {
            if (isOver(state)) break;
            state = after(state, obstacles[turn] ?? wellDone(state));
          }
          assert.ok(isOver(state) && state.step === 'DONE', state.step);
        },
      ),
    );
  });

  it('never ends without having cleaned up, whatever fails', () => {
    const failures: readonly Response[] = [
      { kind: 'failed', reason: 'no file' },
      { kind: 'lost target', reason: 'it diverged' },
      { kind: 'refused', orders: [], total: 1 },
    ];
    fc.assert(
      fc.property(fc.nat(12), fc.constantFrom(...failures), (steps, failure) => {
        let state = aRebuild({ generation: '' });
        for (let step = 0; step < steps && !isOver(state); step++) state = after(state, wellDone(state));
        if (isOver(state)) return;
        state = after(state, failure);
        assert.deepEqual([state.step, isOver(state)], ['FAILED', false]);
        assert.match(next(state).kind, /^(discard|nothing to discard)$/);
        assert.ok(isOver(after(state, DONE)));
      }),
    );
  });
});

/** What an action answers when all goes well. */
function wellDone(state: RunState): Response {
  const action = next(state);
  switch (action.kind) {
    case 'choose':
      return { kind: 'learned', patch: TARGET };
    case 'choose surplus':
      return { kind: 'learned', patch: { surplus: [] } };
    case 'copy':
      return { kind: 'done', patch: { copy: copied(state).copy } };
    default:
      return DONE;
  }
}

describe('what is next in a rebuild', () => {
  it('chooses a generation before it creates it', () => {
    const fresh = newRun({ id: 'r', kind: 'rebuild', request: aRebuild().request, startedAt: 0 });
    assert.deepEqual(next(fresh), { kind: 'choose' });
    assert.deepEqual(next(aRebuild()), { kind: 'create', number: 2 });
  });

  it('copies what is live before it replays anything', () => {
    const state = aRebuild({ step: 'COPY' }, { source: 'history' });
    assert.equal(next(state).kind, 'copy');
    const { copy } = copied(state);
    assert.equal(next({ ...state, copy }).kind, 'replay');
  });

  it('swaps and registers upon the epoch that is kept, and on no other', () => {
    assert.deepEqual(next(aRebuild({ step: 'SWAP' })), {
      kind: 'swap',
      from: 'orders-000001',
      to: 'orders-000002',
      epoch: 7,
    });
    assert.deepEqual(next(aRebuild({ step: 'REGISTER' })), { kind: 'register', generation: 'orders-000002', epoch: 7 });
  });

  it('drops only what it has said before that it will', () => {
    assert.equal(next(aRebuild({ step: 'PRUNE' })).kind, 'choose surplus');
    const surplus = ['orders-000001'];
    assert.deepEqual(next(aRebuild({ step: 'PRUNE', surplus })), { kind: 'prune', surplus, epoch: 7 });
  });

  it('has nothing to discard before a generation was chosen, and nothing of an activation', () => {
    assert.equal(next(aRebuild({ step: 'CANCELLED', generation: '' })).kind, 'nothing to discard');
    assert.deepEqual(next(anActivation({ step: 'FAILED' })), { kind: 'thaw', generation: 'orders-000001' });
  });

  it('is nothing where the run is over', () => {
    for (const step of ['DONE', 'FAILED', 'CANCELLED'] as const) {
      assert.throws(() => next(aRebuild({ step, finishedAt: NOW })), /nothing left to do/);
      assert.ok(isEnd(step));
    }
  });
});
