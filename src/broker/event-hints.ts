import { parseEvent } from '../order/parse-event.ts';
import type { EventHints } from '../order/parse-event.ts';

/** A body that killed the process may do it again while it is looked at: long ones are not. */
const LIMITS = { maxMessageBytes: 4 * 1_048_576 };

/** What can be read of a message of which the broker itself says only that it gave up on it. */
export function readHints(body: Uint8Array): EventHints {
  const parsed = parseEvent(body, LIMITS);
  if (parsed.kind === 'refused') return parsed.hints;
  return { orderId: parsed.orderId, sequence: parsed.event.sequence, eventId: parsed.event.id };
}
