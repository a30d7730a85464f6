import type { ConsumeMessage } from 'amqplib';
import { REFUSAL_REASONS } from '../../order/event.ts';
import type { Refusal } from '../../order/event.ts';
import { readHints } from '../../order/event-hints.ts';
import type { DeadLetter } from '../port.ts';
import { DEAD_LETTER_TYPE, redeliveriesOf } from './messages.ts';

/** What has come back to the dead letters more often is not looked at any more: it may be what kills the process. */
const MAX_REDELIVERIES = 1;

type Headers = Readonly<Record<string, unknown>>;

/**
 * Reads a message of the dead-letter queue. Ours say everything in their headers; what RabbitMQ itself puts there (a quorum queue over
 * its delivery limit) says only from where and when.
 * @param deliveryLimit of the live queue
 */
export function receivedDeadLetter(message: ConsumeMessage, deliveryLimit: number, now: Date): DeadLetter {
  const headers: Headers = message.properties.headers ?? {};
  const isOurs = message.properties.type === DEAD_LETTER_TYPE && headers['x-death'] === undefined;
  return isOurs ? ourLetter(message.content, headers, now) : brokersLetter(message, headers, deliveryLimit, now);
}

function ourLetter(body: Uint8Array, headers: Headers, now: Date): DeadLetter {
  const { 'x-order-id': orderId, 'x-sequence': sequence, 'x-event-id': eventId, 'x-attempts': attempts } = headers;
  const lastFailedAt = instantOf(headers['x-last-failed-at']) ?? now.toISOString();
  return {
    body,
    refusal: refusalOf(headers),
    ...(typeof orderId === 'string' && { orderId }),
    ...(Number.isSafeInteger(sequence) && { sequence: Number(sequence) }),
    ...(typeof eventId === 'string' && { eventId }),
    attempts: Number.isSafeInteger(attempts) ? Number(attempts) : 1,
    firstFailedAt: instantOf(headers['x-first-failed-at']) ?? lastFailedAt,
    lastFailedAt,
  };
}

/** A reason that only newer code knows is told in the message. */
function refusalOf({ 'x-reason': given, 'x-path': path, 'x-message': message }: Headers): Refusal {
  const reason = REFUSAL_REASONS.find((known) => known === given);
  const said = textOf(message);
  return { reason: reason ?? 'invalid', path: textOf(path), message: reason ? said : `${textOf(given)}: ${said}` };
}

function brokersLetter(message: ConsumeMessage, headers: Headers, deliveryLimit: number, now: Date): DeadLetter {
  const death = newestDeath(headers);
  const failedAt = (death.at ?? now).toISOString();
  const isOverLimit = death.reason === 'delivery_limit';
  const said = isOverLimit
    ? `was delivered ${deliveryLimit + 1} times and never settled`
    : `was moved here by RabbitMQ or an operator (${death.reason ?? 'without a reason'})`;
  return {
    body: message.content,
    refusal: { reason: 'delivery_limit', path: '', message: said },
    ...(redeliveriesOf(message) <= MAX_REDELIVERIES && readHints(message.content)),
    attempts: isOverLimit ? deliveryLimit + 1 : 1,
    firstFailedAt: failedAt,
    lastFailedAt: failedAt,
  };
}

/** The first entry of `x-death` is the newest. */
function newestDeath({ 'x-death': deaths }: Headers): { readonly reason?: string; readonly at?: Date } {
  const newest: unknown = Array.isArray(deaths) ? deaths[0] : undefined;
  if (!isRecord(newest)) return {};
  const { reason, time } = newest;
  // amqplib's way of writing a timestamp, which AMQP has in seconds.
  const seconds = isRecord(time) && time['!'] === 'timestamp' ? Number(time['value']) : NaN;
  const at = new Date(seconds * 1_000);
  return {
    ...(typeof reason === 'string' && { reason }),
    ...(!Number.isNaN(at.getTime()) && { at }),
  };
}

function instantOf(header: unknown): string | undefined {
  const epochMs = typeof header === 'string' ? Date.parse(header) : NaN;
  return Number.isNaN(epochMs) ? undefined : new Date(epochMs).toISOString();
}

function textOf(header: unknown): string {
  return typeof header === 'string' ? header : '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
