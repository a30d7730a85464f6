import { decodeJson } from './decode-json.ts';
import { idSchema, orderIdSchema, sequenceSchema } from './event-schemas.ts';

/** What could be read of a message that is refused, for the operator who looks for it. */
export interface EventHints {
  readonly orderId?: string;
  readonly sequence?: number;
  readonly eventId?: string;
}

/** A message that is longer is not read, not even for the order that it is of. */
const MAX_READ_BYTES = 16 * 1024 * 1024;

/** Of any message, without a look at its data. */
export function readHints(body: Uint8Array): EventHints {
  return body.byteLength > MAX_READ_BYTES ? {} : hintsOf(decodeJson(body).value);
}

export function hintsOf(value: object = {}): EventHints {
  const { subject, sequence, id } = value as Readonly<Record<string, unknown>>;
  const orderId = orderIdSchema.safeParse(subject);
  const place = sequenceSchema.safeParse(sequence);
  const eventId = idSchema.safeParse(id);
  return {
    ...(orderId.success && orderId.data.isWellFormed() && { orderId: orderId.data }),
    ...(place.success && { sequence: place.data }),
    ...(eventId.success && eventId.data.isWellFormed() && { eventId: eventId.data }),
  };
}
