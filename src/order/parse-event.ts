import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { withoutAlias, type OrderEvent, type Refusal, type RefusalReason, type TraceContext } from './event.ts';
import { DATA_SCHEMAS, idSchema, instantSchema } from './event-schemas.ts';
import { MAX_SOURCE, readPlainEvent, SOURCE } from './plain-event.ts';

/** What could be read of a message that is refused, for the operator who looks for it. */
export interface EventHints {
  readonly orderId?: string;
  readonly sequence?: number;
  readonly eventId?: string;
}

export type ParsedEvent =
  | {
      readonly kind: 'event';
      readonly orderId: string;
      readonly event: OrderEvent;
      readonly trace?: TraceContext;
    }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      readonly hints: EventHints;
    };

export interface ParseLimits {
  readonly maxMessageBytes: number;
}

/** Elasticsearch fails a whole bulk over one longer `_id`. */
export const MAX_ORDER_ID_BYTES = 512;
/** An unknown type's data is stored as it came; deeper than this no serializer on the way is sure to take it. */
const MAX_DEPTH = 64;
/** A message that is longer is not read, not even for the order that it is of. */
const MAX_READ_BYTES = 16 * 1024 * 1024;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

const sequenceSchema = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^[1-9]\d{0,15}$/)
      .transform(Number),
  ])
  .refine((sequence) => Number.isSafeInteger(sequence) && sequence >= 1);

const orderIdSchema = z
  .string()
  .min(1, { error: 'is empty; it must be the order id' })
  .refine((id) => Buffer.byteLength(id) <= MAX_ORDER_ID_BYTES, {
    error: `is longer than ${MAX_ORDER_ID_BYTES} bytes of UTF-8`,
  });

const sourceSchema = z
  .string()
  .min(1, { error: 'is empty' })
  .max(MAX_SOURCE)
  .regex(SOURCE, { error: 'is no URI reference' });

const envelopeSchema = z.object({
  specversion: z.literal('1.0'),
  id: idSchema,
  source: sourceSchema,
  type: z.string().refine((type) => /^order\../.test(withoutAlias(type)), {
    error: 'is not under "order." and no alias of such a type',
  }),
  subject: orderIdSchema,
  time: instantSchema,
  sequence: z
    .unknown()
    .optional()
    .transform((value, context) => {
      const parsed = sequenceSchema.safeParse(value);
      if (parsed.success) return parsed.data;
      context.addIssue({
        code: 'custom',
        message: 'is no integer from 1 to 2^53 - 1 (or its decimal digits)',
      });
      return z.NEVER;
    }),
  partitionkey: z.unknown().optional(),
});

/**
 * Parses and validates one message body by contract §1. The body alone decides: no message property is looked at.
 * Never throws, whatever the bytes; a refusal names the field and what was wrong with it.
 */
export function parseEvent(body: Uint8Array, limits: ParseLimits): ParsedEvent {
  if (body.byteLength > limits.maxMessageBytes) {
    const message = `the message has ${body.byteLength} bytes, more than ${limits.maxMessageBytes}`;
    return refuse('too_large', '', message, body.byteLength > MAX_READ_BYTES ? {} : hintsOf(decodeJson(body).value));
  }
  const json = decodeJson(body);
  if ('problem' in json) return refuse('unparseable', '', json.problem, hintsOf(json.value));
  const plain = readPlainEvent(json.value);
  return plain ? taken(plain, json.value) : validated(json.value);
}

function taken({ orderId, event }: { orderId: string; event: OrderEvent }, attributes: object): ParsedEvent {
  const trace = traceOf(attributes as Record<string, unknown>);
  return { kind: 'event', orderId, event, ...(trace && { trace }) };
}

function validated(value: object): ParsedEvent {
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) return invalid(envelope.error, [], hintsOf(value));
  const { subject, partitionkey, id, source, time, sequence } = envelope.data;
  if (partitionkey !== undefined && partitionkey !== null && partitionkey !== subject) {
    return refuse('invalid', 'partitionkey', 'is not the same as subject', hintsOf(value));
  }
  const type = withoutAlias(envelope.data.type);
  const data = parseData(type, (value as { data?: unknown }).data ?? {});
  if ('error' in data) return invalid(data.error, ['data'], hintsOf(value));
  if ('problem' in data) return refuse('invalid', 'data', data.problem, hintsOf(value));
  const event = { id, source, type, time, sequence, data: data.value } as OrderEvent;
  return taken({ orderId: subject, event }, value);
}

function parseData(type: string, data: unknown): { value: unknown } | { error: z.ZodError } | { problem: string } {
  if (Object.hasOwn(DATA_SCHEMAS, type)) {
    const parsed = DATA_SCHEMAS[type as keyof typeof DATA_SCHEMAS].safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: parsed.error };
  }
  return deeperThan(data, MAX_DEPTH) ? { problem: `is nested deeper than ${MAX_DEPTH} levels` } : { value: data };
}

/** UTF-8, without the byte order mark that it may begin with. */
export function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    .toString()
    .replace(/^\uFEFF/, '');
}

/** `value` also beside a problem, as far as there is one. */
type DecodedJson = { readonly value: object } | { readonly problem: string; readonly value?: object };

function decodeJson(body: Uint8Array): DecodedJson {
  if (!isUtf8(body)) return { problem: 'the message is not UTF-8' };
  const text = textOf(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `the message is not JSON: ${(error as Error).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: 'the message is not a JSON object' };
  }
  // Only an escape can bring a lone surrogate into valid UTF-8. It has no UTF-8 form, so two such ids would become one.
  if (/\\u[dD][89a-fA-F]/.test(text) && hasLoneSurrogate(value)) {
    return { problem: 'the message has a text with half a surrogate pair', value };
  }
  return { value };
}

function hasLoneSurrogate(value: unknown): boolean {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string' && !next.isWellFormed()) return true;
    if (typeof next === 'object' && next !== null) {
      for (const [key, field] of Object.entries(next)) open.push(key, field);
    }
  }
  return false;
}

function deeperThan(value: unknown, levels: number): boolean {
  let open: unknown[] = [value];
  for (let depth = 0; depth <= levels; depth++) {
    open = open.flatMap((one) => (typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : []));
    if (open.length === 0) return false;
  }
  return true;
}

function hintsOf(value: object = {}): EventHints {
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

/** Of a CloudEvent's attributes or a message's headers. A malformed one is ignored, as W3C Trace Context §3.2 has it. */
export function traceOf({ traceparent, tracestate }: Readonly<Record<string, unknown>>): TraceContext | undefined {
  if (typeof traceparent !== 'string' || !TRACEPARENT.test(traceparent)) return undefined;
  return {
    traceparent,
    ...(typeof tracestate === 'string' && tracestate.length <= 512 && { tracestate }),
  };
}

function invalid(error: z.ZodError, under: readonly PropertyKey[], hints: EventHints): ParsedEvent {
  const [first, ...others] = error.issues;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const path = fieldPath([...under, ...(first?.path ?? [])]);
  return refuse('invalid', path, `${first?.message ?? 'is invalid'}${more}`, hints);
}

/** `['data', 'items', 3, 'sku']` → `data.items[3].sku` */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`))
    .join('');
}

function refuse(reason: RefusalReason, path: string, message: string, hints: EventHints): ParsedEvent {
  return { kind: 'refused', refusal: { reason, path, message }, hints };
}
