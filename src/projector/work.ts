import type { EventDelivery } from '../broker/port.ts';
import type { OrderEvent, TraceContext } from '../order/event.ts';
import type { ParkedEvent } from '../order-index/port.ts';

/** A delivered event that is not settled yet. */
export interface Job {
  readonly origin: 'delivery';
  readonly delivery: EventDelivery;
  readonly orderId: string;
  readonly event: OrderEvent;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  /** The same moment by the monotonic clock (`performance.now()`). */
  readonly receivedMs: number;
  /** Where it comes from: only where spans are made. */
  readonly trace?: TraceContext | undefined;
}

/** A parked event that is offered to its order again. */
export interface Unparked extends ParkedEvent {
  readonly origin: 'parked';
}

export type Offer = Job | Unparked;

/** What a batch has to do for one order: everything of it that must be settled, and how careful to be. */
export interface OrderWork {
  readonly orderId: string;
  readonly jobs: readonly Job[];
  readonly parked: readonly Unparked[];
  /** Load from the index even where the working set has the order. */
  readonly fresh: boolean;
  /** A single event by itself on a fresh load, parked ones aside: only then may the index's refusal be blamed on it (design §2). */
  readonly alone: boolean;
  /** Deliveries that an earlier round has applied and written; they are no duplicates when the order starts over after that. */
  readonly applied: readonly Job[];
}

/** Groups deliveries by order, in the order of their arrival. */
export function workOf(jobs: readonly Job[]): OrderWork[] {
  const byOrder = Map.groupBy(jobs, ({ orderId }) => orderId);
  return [...byOrder].map(([orderId, jobs]) => ({
    orderId,
    jobs,
    parked: [],
    fresh: false,
    alone: false,
    applied: [],
  }));
}

/** The work for parked events that nobody delivers any more: the sweeper's. */
export function sweepOf(orderId: string, parked: readonly ParkedEvent[]): OrderWork {
  return { orderId, jobs: [], parked: parked.map(unparked), fresh: true, alone: false, applied: [] };
}

export function unparked(event: ParkedEvent): Unparked {
  return { ...event, origin: 'parked' };
}
