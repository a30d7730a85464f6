import { sameIdentity, type OrderEvent, type Refusal } from './event.ts';
import { evolve, type OrderState, type StorageLimits } from './fold.ts';

/** The `source` of events that this service makes: declarations of what is missing. */
export const OWN_SOURCE = '/order-search';

/** What became of one event that was offered to an order's state. */
export type Placement =
  /** It is in the state now. */
  | { readonly kind: 'applied' }
  /** It (or a snapshot beyond it) was in the state before. */
  | { readonly kind: 'duplicate' }
  /** There is a hole before it. */
  | { readonly kind: 'early' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface Sequenced<E extends Offered> {
  readonly state: OrderState;
  readonly placements: Map<E, Placement>;
}

export interface Offered {
  readonly event: OrderEvent;
}

/**
 * Folds offered events, delivered and parked ones alike, into a state by the sequencing rules of contract §1: sequence decides, not
 * time and not the order of arrival. Pure; the state that comes out depends on what is known of the order alone, not on how it was
 * batched. Of two different events that claim one sequence the one offered first stands.
 */
export function sequence<E extends Offered>(
  start: OrderState,
  offered: readonly E[],
  limits: StorageLimits,
): Sequenced<E> {
  const placements = new Map<E, Placement>();
  const waiting = [...offered].sort((a, b) => a.event.sequence - b.event.sequence);
  let state = start;
  for (let index = 0; index < waiting.length; index++) {
    const one = waiting[index];
    if (one === undefined || placements.has(one)) continue;
    if (one.event.sequence <= state.version) {
      placements.set(one, placementBelow(state, one.event));
      continue;
    }
    const next = one.event.sequence === state.version + 1 ? one : jumpOver(waiting, index, placements);
    if (!next) {
      // Nothing fills the hole, so all that is left lies behind it.
      const left = waiting.slice(index).filter((other) => !placements.has(other));
      left.forEach((early) => placements.set(early, { kind: 'early' }));
      break;
    }
    const used = isUsedElsewhere(state, next.event);
    const evolved = used ? { kind: 'refused' as const, refusal: used } : evolve(state, next.event, limits);
    placements.set(next, evolved.kind === 'folded' ? { kind: 'applied' } : evolved);
    if (evolved.kind === 'folded') state = evolved.state;
    index -= 1;
  }
  return { state, placements };
}

/** A snapshot or an erasure fills the hole before it. The nearest one, so that what stands between two of them is folded. */
function jumpOver<E extends Offered>(
  waiting: readonly E[],
  from: number,
  placed: ReadonlyMap<E, Placement>,
): E | undefined {
  return waiting.find((one, index) => index >= from && fillsHoles(one.event) && !placed.has(one));
}

function fillsHoles(event: OrderEvent): boolean {
  return event.type === 'order.snapshot.v1' || event.type === 'order.erased.v1';
}

/** The live document arbitrates: what is stored at that sequence stands. Where it is no longer stored, a copy is presumed. */
function placementBelow(state: OrderState, event: OrderEvent): Placement {
  const stored = state.events.find(({ sequence }) => sequence === event.sequence);
  if (stored !== undefined && !sameIdentity(stored, event))
    return { kind: 'refused', refusal: conflict(stored, event, state) };
  if (event.type === 'order.erased.v1' && state.erasedAt === undefined)
    return { kind: 'refused', refusal: covered(state, event) };
  return { kind: 'duplicate' };
}

/**
 * Compaction leaves at an order's beginning one event that stands for all before it. That may be an `order.skipped.v1` under a producer's
 * name, which declares nothing missing; under this service's own name it does.
 */
function conflict(stored: OrderEvent, { sequence }: OrderEvent, { events }: OrderState): Refusal {
  const by = `by event ${stored.id} of ${stored.source}`;
  const isSummary = stored === events[0] && sequence > 1 && stored.source !== OWN_SOURCE;
  return placeTaken(sequence, by, stored.type === 'order.skipped.v1' && !isSummary);
}

/** @param by who stands there: `by event …`. @param isDeclared whether that says that nothing does */
export function placeTaken(sequence: number, by: string, isDeclared: boolean): Refusal {
  return isDeclared
    ? { reason: 'declared_missing', path: 'sequence', message: `sequence ${sequence} was declared missing ${by}` }
    : { reason: 'sequence_conflict', path: 'sequence', message: `sequence ${sequence} is taken ${by}` };
}

/**
 * A snapshot that was sent after an erasure has come before it. The order shows data that should be gone, and its version cannot get
 * another content: somebody must be told, for an erasure must never pass for a duplicate.
 */
function covered({ version }: OrderState, { sequence }: OrderEvent): Refusal {
  const message = `a snapshot has covered the erasure at sequence ${sequence}: send an erasure with a sequence above ${version}`;
  return { reason: 'sequence_conflict', path: 'sequence', message };
}

function isUsedElsewhere(state: OrderState, event: OrderEvent): Refusal | undefined {
  const other = state.events.find((stored) => sameIdentity(stored, event));
  if (!other) return undefined;
  const message = `event ${event.id} of ${event.source} stands at sequence ${other.sequence} of this order already`;
  return { reason: 'duplicate_id', path: 'id', message };
}
