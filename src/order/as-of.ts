import type { OrderDocument, OrderView } from './document.ts';
import { isKnownEvent } from './event.ts';
import type { OrderEvent } from './event.ts';
import { viewOf } from './flatten.ts';
import { foldStored } from './fold.ts';

export type AsOf =
  | { readonly kind: 'order'; readonly order: OrderView }
  | { readonly kind: 'not_placed' }
  /** The events of that time are gone: a snapshot has taken their place, which says nothing of the time before `since`. */
  | { readonly kind: 'compacted'; readonly since: string };

/**
 * An order as it was: after the longest run of its events whose times are all ≤ `instant` (normalised, as `parseInstant` has it).
 * Its version is the sequence of the last of them.
 */
export function orderAsOf({ orderId, projectedAt, events }: OrderDocument, instant: string): AsOf {
  const beyond = events.findIndex(({ time }) => time > instant);
  const [first] = events;
  if (beyond === 0 && first) return beforeTheFirst(first, instant);
  const state = foldStored(orderId, beyond < 0 ? events : events.slice(0, beyond));
  const order = viewOf(state, projectedAt);
  return state.facts && state.erasedAt === undefined ? { kind: 'order', order } : { kind: 'not_placed' };
}

/** A snapshot's time is the newest of what it holds, so the run ended somewhere within that; before it was placed it had not begun. */
function beforeTheFirst(first: OrderEvent, instant: string): AsOf {
  const isSnapshot = isKnownEvent(first) && first.type === 'order.snapshot.v1';
  if (!isSnapshot || instant < first.data.placedAt) return { kind: 'not_placed' };
  return { kind: 'compacted', since: first.time };
}
