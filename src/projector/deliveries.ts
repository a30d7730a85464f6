import type { DeadLetter, EventDelivery } from '../broker/port.ts';
import type { Refusal } from '../order/event.ts';
import type { EventHints } from '../order/event-hints.ts';
import { refusedSkipMarker } from '../order/refused-skip.ts';
import type { RefusedMessage } from './dead-letter-sender.ts';
import type { Offer } from './work.ts';

/** A letter for a message that never became an event. */
export function letterForDelivery(
  delivery: EventDelivery,
  refusal: Refusal,
  hints: EventHints,
  firstFailedAt: string,
  lastFailedAt: string,
): DeadLetter {
  return { body: delivery.body, refusal, ...hints, attempts: delivery.redeliveries + 1, firstFailedAt, lastFailedAt };
}

/**
 * What the broker has to be told of an event that is refused. A skip that is refused has no effect: a rebuild from the history would
 * believe it.
 */
export function refusedOffer(offer: Offer, refusal: Refusal, now: Date): RefusedMessage {
  const { orderId, event } = offer;
  const letter = letterForOffer(offer, refusal, now.toISOString());
  return event.type === 'order.skipped.v1' ? { letter, marker: refusedSkipMarker(orderId, event, now) } : { letter };
}

/** A letter for an event that its order or the index refuses. Of a parked one the body is written anew: the message is long gone. */
function letterForOffer(offer: Offer, refusal: Refusal, lastFailedAt: string): DeadLetter {
  const { orderId, event } = offer;
  const hints = { orderId, sequence: event.sequence, eventId: event.id };
  if (offer.origin === 'delivery') {
    const firstFailedAt = new Date(offer.receivedAt).toISOString();
    return letterForDelivery(offer.delivery, refusal, hints, firstFailedAt, lastFailedAt);
  }
  const { id, source, type, time, sequence, data } = event;
  const envelope = { specversion: '1.0', id, source, type, subject: orderId, time, sequence, data };
  const body = new TextEncoder().encode(JSON.stringify(envelope));
  return { body, refusal, ...hints, attempts: 1, firstFailedAt: offer.parkedAt, lastFailedAt };
}
