import type { ConsumeMessage, Options } from 'amqplib';
import { MAX_ORDER_ID_BYTES } from '../../order/event-schemas.ts';
import type { DeadLetter, OutgoingEvent } from '../port.ts';
import { routingKeyOf } from '../routing-key.ts';

/** How our messages look in AMQP: what is published, and what is recognised on delivery. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly properties: Options.Publish;
}

/** AMQP's short strings: routing key, message id, type. Longer ones cannot be sent. */
const MAX_SHORT_STRING_BYTES = 255;

/** The `type` of the dead letters that this service itself publishes. */
export const DEAD_LETTER_TYPE = 'order-search.dead-letter';
const HEARTBEAT_TYPE = 'order-search.heartbeat';
/** A header frame cannot be split, and the whole of it must fit into one (128 KiB by default). */
const MAX_HEADER_CHARACTERS = 2_000;

/** Contract §1. What AMQP cannot carry is left out: the body alone decides. */
export function eventMessage(exchange: string, event: OutgoingEvent): OutgoingMessage {
  const timestamp = Math.floor(Date.parse(event.time) / 1_000);
  return {
    exchange,
    routingKey: routingKeyOf(event.type),
    content: bufferOf(event.body),
    properties: {
      contentType: 'application/cloudevents+json',
      persistent: true,
      mandatory: true,
      // Longer than any order's id may be: refused when it is consumed, for its `subject`.
      headers: Buffer.byteLength(event.orderId) <= MAX_ORDER_ID_BYTES ? { orderId: event.orderId } : {},
      ...(fitsShortString(event.id) ? { messageId: event.id } : {}),
      ...(fitsShortString(event.type) ? { type: event.type } : {}),
      ...(timestamp >= 0 ? { timestamp } : {}),
    },
  };
}

export function fitsShortString(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_SHORT_STRING_BYTES;
}

export function deadLetterMessage(queue: string, letter: DeadLetter): OutgoingMessage {
  const { refusal, orderId, sequence, eventId } = letter;
  return {
    exchange: '',
    routingKey: queue,
    content: bufferOf(letter.body),
    properties: {
      contentType: 'application/octet-stream',
      type: DEAD_LETTER_TYPE,
      persistent: true,
      mandatory: true,
      timestamp: Math.floor(Date.now() / 1_000),
      headers: {
        'x-reason': refusal.reason,
        'x-path': header(refusal.path),
        'x-message': header(refusal.message),
        ...(orderId === undefined ? {} : { 'x-order-id': header(orderId) }),
        ...(sequence === undefined ? {} : { 'x-sequence': sequence }),
        ...(eventId === undefined ? {} : { 'x-event-id': header(eventId) }),
        'x-attempts': letter.attempts,
        'x-first-failed-at': letter.firstFailedAt,
        'x-last-failed-at': letter.lastFailedAt,
      },
    },
  };
}

function header(text: string): string {
  return text.slice(0, MAX_HEADER_CHARACTERS);
}

/** Through the default exchange straight into the history; its body says what it is. */
export function markerMessage(queue: string, body: Uint8Array): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    content: bufferOf(body),
    properties: { contentType: 'application/cloudevents+json', persistent: true, mandatory: true },
  };
}

/** Through the default exchange straight into the queue; the body is its publish time in epoch milliseconds, as JSON. */
export function heartbeatMessage(queue: string, publishedAt: Date): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    content: Buffer.from(JSON.stringify(publishedAt.getTime())),
    properties: { contentType: 'application/json', type: HEARTBEAT_TYPE, persistent: false, mandatory: true },
  };
}

/**
 * The publish time of a heartbeat in epoch milliseconds; undefined for an event. Only what came through the default exchange can be
 * one, so that no producer's event is taken for it whatever its type.
 */
export function heartbeatTimeOf({ fields, properties, content }: ConsumeMessage): number | undefined {
  if (fields.exchange !== '' || properties.type !== HEARTBEAT_TYPE) return undefined;
  const text = content.toString('latin1');
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * A quorum queue counts in `x-delivery-count`; a classic one only sets the flag. The flag is set with every count above 0. Without it the
 * header is a producer's own, or came along through a shovel, and says nothing of this queue.
 */
export function redeliveriesOf({ fields, properties }: ConsumeMessage): number {
  if (!fields.redelivered) return 0;
  const count: unknown = properties.headers?.['x-delivery-count'];
  return typeof count === 'number' && Number.isSafeInteger(count) ? Math.max(count, 1) : 1;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
