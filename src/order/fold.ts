import { withKeysOf } from './contribution.ts';
import { evolveFacts, factsOfSnapshot, snapshotOf, type OrderFacts } from './facts.ts';
import { isKnownEvent, type OrderEvent, type Refusal } from './event.ts';
import { later } from './instant.ts';

/**
 * Raise it with every change to what a document contains at a version (this file, `facts.ts`, `flatten.ts`, `search-text.ts`,
 * `contribution.ts`): a generation remembers the version it was folded by, older code refuses to write into newer generations, and
 * drift is reported.
 */
export const FOLD_VERSION = 10;

/** The fold of events 1…version. Immutable: a batch still needs the state from before its events. */
export interface OrderState {
  readonly orderId: string;
  /** The sequence of the last event folded in; 0 for an order nothing is known of. */
  readonly version: number;
  /** The newest event time folded in since the last snapshot; an erased order's is its erasure's. Empty at version 0. */
  readonly updatedAt: string;
  /** Absent while incomplete and once erased. */
  readonly facts?: OrderFacts;
  readonly erasedAt?: string;
  /** The order's stored events; an erased order keeps the identity of its erasure and of its newest event alone. */
  readonly events: readonly OrderEvent[];
  /** The size of {@link events} as JSON. */
  readonly eventBytes: number;
  /**
   * Every key of the aggregates to which any prefix of its events contributed, as far as this order was ever folded: what an order
   * leaves when it is corrected or erased must be counted anew (design §4). They outlive events that are compacted or erased; so of one
   * that was erased over a hole, whoever had the events in the hole knows more keys. None is ever missing that its generation counted.
   */
  readonly aggregateKeys: readonly string[];
}

/** How much of its history a document carries before the older part of it is compacted. */
export interface StorageLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** The contract's: `MAX_STORED_EVENTS` and 1 MiB. */
export const DEFAULT_STORAGE_LIMITS: StorageLimits = {
  maxEvents: 1_000,
  maxBytes: 1024 * 1024,
};

/** Nothing is compacted: for what is only looked at. */
export const UNLIMITED: StorageLimits = { maxEvents: Infinity, maxBytes: Infinity };

export type Evolved =
  { readonly kind: 'folded'; readonly state: OrderState } | { readonly kind: 'refused'; readonly refusal: Refusal };

export function newOrder(orderId: string): OrderState {
  return { orderId, version: 0, updatedAt: '', events: [], eventBytes: 0, aggregateKeys: [] };
}

/**
 * Folds one more event in. The caller has put it in its place: it is the state's successor, or a snapshot or erasure beyond it.
 * Refuses only a correction whose result is no valid placed data.
 */
export function evolve(state: OrderState, event: OrderEvent, limits: StorageLimits): Evolved {
  const { orderId, aggregateKeys } = state;
  const base = {
    orderId,
    version: event.sequence,
    updatedAt: later(state.updatedAt, event.time),
    aggregateKeys,
  };
  // Whatever was before: an erasure may come over a hole, and its version has the same content with and without what was there.
  if (event.type === 'order.erased.v1') {
    return folded({
      ...base,
      updatedAt: event.time,
      erasedAt: event.time,
      events: [identityOf(event)],
      eventBytes: 0,
    });
  }
  if (state.erasedAt !== undefined) {
    const events = [...state.events.slice(0, 1), identityOf(event)];
    return folded({ ...state, version: event.sequence, events });
  }
  if (isKnownEvent(event) && event.type === 'order.snapshot.v1') {
    const facts = factsOfSnapshot(event.data, event);
    return folded({
      ...base,
      updatedAt: event.time,
      facts,
      events: [event],
      eventBytes: bytesOf(event),
      aggregateKeys: withKeysOf(facts, aggregateKeys),
    });
  }
  const facts = isKnownEvent(event) ? evolveFacts(state.facts, event) : state.facts;
  if (facts && 'reason' in facts) return { kind: 'refused', refusal: facts };
  const events = [...state.events, event];
  const eventBytes = state.eventBytes + bytesOf(event);
  const keys = facts && movesMoney(event) ? withKeysOf(facts, aggregateKeys) : aggregateKeys;
  return folded(compact({ ...base, ...(facts && { facts }), events, eventBytes, aggregateKeys: keys }, limits));
}

/** Whether it may bring the order to a key of the aggregates to which it did not contribute before. */
function movesMoney({ type }: OrderEvent): boolean {
  return type === 'order.payment_captured.v1' || type === 'order.refunded.v1' || type === 'order.corrected.v1';
}

function folded(state: OrderState): Evolved {
  return { kind: 'folded', state };
}

/**
 * The state that a document's own events say, by the present code. They are trusted: this service stored them. `aggregateKeys` are the
 * document's, of which its events may no longer know.
 */
export function foldStored(
  orderId: string,
  events: readonly OrderEvent[],
  aggregateKeys: readonly string[] = [],
): OrderState {
  let state: OrderState = { ...newOrder(orderId), aggregateKeys };
  for (const event of events) {
    const evolved = evolve(state, event, UNLIMITED);
    if (evolved.kind === 'refused') {
      throw new Error(`stored event ${event.id} of order ${orderId} does not fold: ${evolved.refusal.message}`);
    }
    state = evolved.state;
  }
  return state;
}

/** Whether there is no more to an event than its identity. */
export function isBare({ data }: OrderEvent): boolean {
  return Object.keys(data as object).length === 0;
}

/** What is left of an event that must leave no personal data behind. */
export function identityOf({ id, source, type, time, sequence }: OrderEvent): OrderEvent {
  return { id, source, type, time, sequence, data: {} };
}

/**
 * Compacts the stored events beyond the limits into one snapshot and the newest of them, at most half of what the limits allow, so
 * that it happens seldom. A pure function of the state after each event, so a version still has one content. The snapshot stands at
 * the place, and under the identity, of the last event that it holds: a second copy of that one is still known for a duplicate.
 */
function compact(state: OrderState, limits: StorageLimits): OrderState {
  const { events, eventBytes } = state;
  if (events.length <= limits.maxEvents && eventBytes <= limits.maxBytes) return state;
  const held = events.slice(0, events.length - newestWithin(events, limits));
  const last = held.at(-1);
  if (last === undefined || held.length < 2) return state;
  const stored = [summaryOf(foldStored(state.orderId, held), last), ...events.slice(held.length)];
  return {
    ...state,
    events: stored,
    eventBytes: stored.reduce((bytes, event) => bytes + bytesOf(event), 0),
  };
}

function newestWithin(events: readonly OrderEvent[], limits: StorageLimits): number {
  let bytes = 0;
  let count = 0;
  for (const event of events.toReversed()) {
    bytes += bytesOf(event);
    if (count + 1 > limits.maxEvents / 2 || bytes > limits.maxBytes / 2) break;
    count += 1;
  }
  return count;
}

/** Before anything was placed there is nothing to snapshot, and no event that had an effect: a skip keeps the place and the time. */
function summaryOf(state: OrderState, last: OrderEvent): OrderEvent {
  const { id, source, sequence } = last;
  const time = state.updatedAt;
  return state.facts
    ? {
        id,
        source,
        type: 'order.snapshot.v1',
        time,
        sequence,
        data: snapshotOf(state.facts),
      }
    : { id, source, type: 'order.skipped.v1', time, sequence, data: {} };
}

/** UTF-8 bytes of the event as JSON. */
function bytesOf(event: OrderEvent): number {
  return Buffer.byteLength(JSON.stringify(event));
}
