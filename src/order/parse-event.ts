import { z } from 'zod';
import { decodeJson } from './decode-json.ts';
import { withoutAlias, type OrderEvent, type Refusal, type RefusalReason, type TraceContext } from './event.ts';
import { hintsOf, readHints, type EventHints } from './event-hints.ts';
import { DATA_SCHEMAS, idSchema, instantSchema, orderIdSchema, sequenceSchema } from './event-schemas.ts';
import { MAX_SOURCE, readPlainEvent, SOURCE } from './plain-event.ts';

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

/** An unknown type's data is stored as it came; deeper than this no serializer on the way is sure to take it. */
const MAX_DEPTH = 64;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

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
    return refuse('too_large', '', message, readHints(body));
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

function deeperThan(value: unknown, levels: number): boolean {
  let open: unknown[] = [value];
  for (let depth = 0; depth <= levels; depth++) {
    open = open.flatMap((one) => (typeof one === 'object' && one !== null ? (Object.values(one) as unknown[]) : []));
    if (open.length === 0) return false;
  }
  return true;
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
