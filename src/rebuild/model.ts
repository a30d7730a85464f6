import { isCopied, isEnd, ORDERS, STEPS, type End, type Held, type RunState, type Step } from './state.ts';

/** A document that cannot be what it must be. */
export interface FailedOrder {
  readonly orderId: string;
  readonly reason: string;
}

/** What of the state an action has found out or brought about. */
export type Patch = Partial<
  Pick<RunState, 'generation' | 'number' | 'from' | 'epoch' | 'copy' | 'replay' | 'surplus' | 'rate'>
>;

/** What became of an action. */
export type Response =
  /** What the step was for is there. */
  | { readonly kind: 'done'; readonly patch?: Patch }
  /** The step goes on, with more known. */
  | { readonly kind: 'learned'; readonly patch: Patch }
  /** The registry was moved by somebody else, to this epoch. */
  | { readonly kind: 'registry moved'; readonly epoch: number }
  /** An operator wants it to end. */
  | { readonly kind: 'cancelled' }
  /** Stopped for now: the same action goes on where it was. */
  | { readonly kind: 'interrupted' }
  /** An outage does not let it; the same again later. `dispensable`: it goes on all the same once that has lasted. */
  | { readonly kind: 'held'; readonly reason: string; readonly dispensable?: true }
  /** The generation is no write target any more: it lacks writes. */
  | { readonly kind: 'lost target'; readonly reason: string }
  | { readonly kind: 'refused'; readonly orders: readonly FailedOrder[]; readonly total: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** The next state. Pure: what time it is (epoch milliseconds), is told. */
export function model(state: RunState, response: Response, now: number): RunState {
  if (response.kind === 'interrupted') return state;
  if (response.kind === 'held') return { ...state, held: heldBy(response, state.held, now) };
  const { held: _, ...moving } = state;
  switch (response.kind) {
    case 'done':
      return afterStep({ ...moving, ...response.patch }, now);
    case 'learned':
      return { ...moving, ...response.patch };
    case 'registry moved':
      // What was validated before the move says nothing of what is live now.
      return { ...moving, step: moving.step === 'SWAP' ? 'VALIDATE' : moving.step, epoch: response.epoch };
    case 'cancelled':
      return abandoned(moving, 'CANCELLED');
    case 'lost target':
    case 'failed':
      return abandoned(moving, 'FAILED', response.reason);
    case 'refused':
      return abandoned(moving, 'FAILED', refusalOf(response));
  }
}

/** Patience is counted for what it is had with alone: any other reason in between begins it anew. */
function heldBy({ reason, dispensable }: Extract<Response, { kind: 'held' }>, before: Held | undefined, now: number) {
  const since = before?.since ?? now;
  return { reason, since, ...(dispensable && { dispensableSince: before?.dispensableSince ?? now }) };
}

function afterStep(state: RunState, now: number): RunState {
  const { step } = state;
  if (isEnd(step)) return { ...state, finishedAt: now };
  switch (step) {
    case 'COPY':
      return afterCopying(state);
    case 'VALIDATE':
      return { ...state, step: state.request.activate ? 'SWAP' : 'PRUNE' };
    case 'SWAP':
      return state.kind === 'activation' ? { ...state, step: 'DONE', finishedAt: now } : { ...state, step: 'ROLLUPS' };
    case 'ROLLUPS':
      return isOfOrders(state) ? { ...state, step: 'PRUNE' } : { ...state, step: 'DONE', finishedAt: now };
    case 'PRUNE':
      return { ...state, step: 'DONE', finishedAt: now };
    default:
      return { ...state, step: following(step) };
  }
}

function isOfOrders({ request }: RunState): boolean {
  return request.projection === ORDERS;
}

/** @throws Error after the last step, a bug */
function following(step: Step): Step {
  const after = STEPS[STEPS.indexOf(step) + 1];
  if (after === undefined) throw new Error(`no step comes after ${step}`);
  return after;
}

/** First what the live generation has, then what only the history or the file has. */
function afterCopying(state: RunState): RunState {
  if (!isCopied(state) || !state.replay.done) return state;
  const { rate: _, ...copied } = state;
  if (state.replay.withoutBeginning === 0 || state.request.allowPartial) return { ...copied, step: 'CATCH_UP' };
  const reason = `${lackingBeginnings(state)}: rebuild from a source that has them, or with allowPartial`;
  return abandoned(copied, 'FAILED', reason);
}

function lackingBeginnings({ replay: { withoutBeginning: total, namedWithoutBeginning }, request }: RunState): string {
  const orders = total === 1 ? '1 order lacks its first events' : `${total} orders lack their first events`;
  const named = namedWithoutBeginning.join(', ');
  return `${orders} in the ${request.source} (${named}${total > namedWithoutBeginning.length ? ', …' : ''})`;
}

function refusalOf({ orders, total }: Extract<Response, { kind: 'refused' }>): string {
  const named = orders.map(({ orderId, reason }) => `${orderId} (${reason})`).join('; ');
  return `${total} ${total === 1 ? 'order' : 'orders'} cannot be built: ${named}${total > orders.length ? '; …' : ''}`;
}

/** It is over once what it has left behind is cleaned up. @throws Error where that is under way already, a bug */
function abandoned(state: RunState, step: End, error?: string): RunState {
  if (isEnd(state.step)) throw new Error(`${state.step} cannot become ${step}`);
  return { ...state, step, ...(error !== undefined && { error }) };
}
