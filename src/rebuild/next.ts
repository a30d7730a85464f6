import { isCopied, isEnd, ORDERS, type CopyProgress, type ReplayProgress, type RunState } from './state.ts';

/** What is to be done in a state. All are idempotent: one whose answer got lost, or whose runner died, is simply done again. */
export type Action =
  /** Of a generation's number; it is created only once it stands in the run's record that it is this run's. */
  | { readonly kind: 'choose' }
  | { readonly kind: 'create'; readonly number: number }
  | { readonly kind: 'register'; readonly generation: string; readonly epoch: number }
  /** Makes everything that was written to the live generation before the registration visible to the copy (design §9). */
  | { readonly kind: 'refresh live' }
  | { readonly kind: 'copy'; readonly generation: string; readonly progress: CopyProgress }
  | {
      readonly kind: 'replay';
      readonly generation: string;
      readonly request: RunState['request'];
      readonly progress: ReplayProgress;
    }
  | { readonly kind: 'restore settings'; readonly generation: string }
  | { readonly kind: 'refresh'; readonly generation: string }
  /** Copies what lags behind the live generation. */
  | { readonly kind: 'compare'; readonly generation: string }
  /** The same, and refuses what stays different. */
  | { readonly kind: 'validate'; readonly generation: string }
  | { readonly kind: 'swap'; readonly from: string; readonly to: string; readonly epoch: number }
  /** Waits until the aggregates derive from the generation that is live now. */
  | { readonly kind: 'await rollups'; readonly generation: string }
  | { readonly kind: 'rebuild rollup'; readonly aggregate: string }
  | { readonly kind: 'withdraw rollup'; readonly aggregate: string }
  | { readonly kind: 'choose surplus'; readonly from: string; readonly keep: number; readonly built: string }
  | { readonly kind: 'prune'; readonly surplus: readonly string[]; readonly epoch: number }
  /** What a rebuild leaves behind that has failed or was cancelled. */
  | { readonly kind: 'discard'; readonly generation: string; readonly from: string; readonly epoch: number }
  | { readonly kind: 'nothing to discard' }
  /** Of an activation: nothing was made, but a swap may have frozen the live generation. */
  | { readonly kind: 'thaw'; readonly generation: string };

/** Pure. @throws Error for a run that is over, a bug */
export function next(state: RunState): Action {
  const { step, generation, epoch, from, request } = state;
  if (isEnd(step)) return cleanUp(state);
  switch (step) {
    case 'CREATE':
      return generation === '' ? { kind: 'choose' } : { kind: 'create', number: state.number };
    case 'REGISTER':
      return { kind: 'register', generation, epoch };
    case 'SNAPSHOT':
      return { kind: 'refresh live' };
    case 'COPY':
      return isCopied(state)
        ? { kind: 'replay', generation, request, progress: state.replay }
        : { kind: 'copy', generation, progress: state.copy };
    case 'CATCH_UP':
      return { kind: 'compare', generation };
    case 'RESTORE_SETTINGS':
      return { kind: 'restore settings', generation };
    case 'REFRESH':
      return { kind: 'refresh', generation };
    case 'VALIDATE':
      return { kind: 'validate', generation };
    case 'SWAP':
      return { kind: 'swap', from, to: generation, epoch };
    case 'ROLLUPS':
      return rollup(state);
    case 'PRUNE':
      return state.surplus === undefined
        ? { kind: 'choose surplus', from, keep: request.keep, built: generation }
        : { kind: 'prune', surplus: state.surplus, epoch };
  }
}

function rollup({ request: { projection }, generation }: RunState): Action {
  return projection === ORDERS
    ? { kind: 'await rollups', generation }
    : { kind: 'rebuild rollup', aggregate: projection };
}

function cleanUp({ step, kind, request, generation, epoch, from, finishedAt }: RunState): Action {
  if (step === 'DONE' || finishedAt !== undefined) throw new Error('there is nothing left to do');
  if (request.projection !== ORDERS) return { kind: 'withdraw rollup', aggregate: request.projection };
  if (kind === 'activation') return { kind: 'thaw', generation: from };
  return generation === '' ? { kind: 'nothing to discard' } : { kind: 'discard', generation, from, epoch };
}
