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

/**
 * Whose order it is decides whose erasure deletes it, so that it is also taken from where it should not stand: a number, the partition key,
 * the one event of a list.
 */
export function hintsOf(value: object = {}): EventHints {
  const [only, ...others] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  if (others.length > 0 || typeof only !== 'object' || only === null) return {};
  const { subject, partitionkey, sequence, id } = only as Readonly<Record<string, unknown>>;
  const orderId = orderIdOf(subject) ?? orderIdOf(partitionkey);
  const place = sequenceSchema.safeParse(sequence);
  const eventId = idSchema.safeParse(id);
  return {
    ...(orderId !== undefined && { orderId }),
    ...(place.success && { sequence: place.data }),
    ...(eventId.success && eventId.data.isWellFormed() && { eventId: eventId.data }),
  };
}

function orderIdOf(given: unknown): string | undefined {
  const { data } = orderIdSchema.safeParse(Number.isSafeInteger(given) ? String(given) : given);
  return data?.isWellFormed() ? data : undefined;
}
