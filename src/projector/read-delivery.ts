import type { DeadLetter, EventDelivery } from '../broker/port.ts';
import type { Tracing } from '../observability/tracing.ts';
import type { OrderEvent } from '../order/event.ts';
import { parseEvent, type ParseLimits } from '../order/parse-event.ts';
import { letterForDelivery } from './deliveries.ts';
import type { Job } from './work.ts';

/** A delivery of which nothing is known yet but when it came. */
export type Arrival = Pick<Job, 'delivery' | 'receivedAt' | 'receivedMs'>;

export type ReadDelivery =
  { readonly kind: 'event'; readonly job: Job } | { readonly kind: 'refused'; readonly letter: DeadLetter };

export interface ReadDeliveryDependencies {
  /** Told of every event as it is read: the very one that is in a plan later. */
  readonly delivered: (event: OrderEvent) => void;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

export function arrivalOf(delivery: EventDelivery): Arrival {
  return { delivery, receivedAt: Date.now(), receivedMs: performance.now() };
}

/** Parses it. What kills the process by its mere content does so here. */
export function readDelivery(arrival: Arrival, limits: ParseLimits, deps: ReadDeliveryDependencies): ReadDelivery {
  const { delivery, receivedAt } = arrival;
  const parsed = parseEvent(delivery.body, limits);
  if (parsed.kind === 'event') {
    const { orderId, event } = parsed;
    deps.delivered(event);
    const trace = deps.tracing && (delivery.trace ?? parsed.trace);
    return { kind: 'event', job: { origin: 'delivery', ...arrival, orderId, event, trace } };
  }
  const failedAt = new Date(receivedAt).toISOString();
  return { kind: 'refused', letter: letterForDelivery(delivery, parsed.refusal, parsed.hints, failedAt, failedAt) };
}
