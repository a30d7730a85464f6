import { newRun, type RebuildRequest, type RunState } from '../../../src/rebuild/state.ts';

const REQUEST: RebuildRequest = { projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false };

export const TARGET = { generation: 'orders-000002', number: 2, from: 'orders-000001', epoch: 7 };

export function aRebuild(changes: Partial<RunState> = {}, request: Partial<RebuildRequest> = {}): RunState {
  const run = newRun({ id: 'r-1', kind: 'rebuild', request: { ...REQUEST, ...request }, startedAt: 1_000 });
  return { ...run, ...TARGET, ...changes };
}

export function anActivation(changes: Partial<RunState> = {}): RunState {
  const run = newRun({ id: 'a-1', kind: 'activation', request: REQUEST, startedAt: 1_000, target: TARGET });
  return { ...run, ...changes };
}

/** Every slice copied, and nothing to replay. */
export function copied(state: RunState): RunState {
  const slices = state.copy.slices.map(() => ({ done: true }));
  return { ...state, copy: { ...state.copy, slices }, replay: { ...state.replay, done: true } };
}
