import type { TracePlace, Tracing } from '../../observability/tracing.ts';
import { traceOf } from '../../order/parse-event.ts';
import type { OutgoingMessage } from './messages.ts';

/**
 * Sends an event: where spans are made in one of them, `emit_event`, whose place goes along in the headers. The event's own `traceparent`
 * says where it happened and stays as it is, since a body is published untouched.
 */
export function emitEvent(
  tracing: Tracing | undefined,
  message: OutgoingMessage,
  send: (message: OutgoingMessage) => Promise<void>,
): Promise<void> {
  if (tracing === undefined) return send(message);
  const { exchange, routingKey, content } = message;
  const attributes = {
    'messaging.system': 'rabbitmq',
    'messaging.operation.type': 'send',
    'messaging.destination.name': exchange,
    'messaging.rabbitmq.destination.routing_key': routingKey,
    'messaging.message.body.size': content.byteLength,
  };
  const parent = placeIn(content) ?? tracing.current();
  return tracing.span('emit_event', { kind: 'producer', parent, attributes }, ({ place }) =>
    send(withTrace(message, place)),
  );
}

/** Only called where spans are made: a body is not parsed to be published. */
function placeIn(content: Buffer): TracePlace | undefined {
  let event: unknown;
  try {
    event = JSON.parse(content.toString());
  } catch {
    // Whoever consumes it will say so.
    return undefined;
  }
  return typeof event === 'object' && event !== null ? traceOf(event as Record<string, unknown>) : undefined;
}

function withTrace(message: OutgoingMessage, place: TracePlace): OutgoingMessage {
  const { properties } = message;
  const headers = { ...(properties.headers as Record<string, unknown> | undefined), ...place };
  return { ...message, properties: { ...properties, headers } };
}
