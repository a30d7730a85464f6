import { z } from 'zod';
import { isDay } from '../order/day.ts';
import { parseInstant } from '../order/instant.ts';
import { MAX_ORDER_ID_BYTES } from '../order/event-schemas.ts';

/**
 * Schemas of URL parameters, with what JSON Schema cannot be told of them by itself; they arrive as a string, or as a list of strings where
 * one is repeated.
 */

/** What is wrong with what is no text: where it is repeated, that; else `otherwise`. */
function noText(input: unknown, otherwise: string): string {
  return Array.isArray(input) ? 'may be given once only' : otherwise;
}

function single() {
  return z.string({ error: ({ input }) => noText(input, input === undefined ? 'must be given' : 'must be a text') });
}

export function text(maxCharacters: number) {
  return single().max(maxCharacters, `may have at most ${maxCharacters} characters`);
}

/** What is wrong by itself is compared with no other parameter: that would say of it what is not so. */
export function wholeNumber(min: number, max: number) {
  const wrong = { error: `must be a whole number from ${min} to ${max}`, abort: true };
  return single()
    .regex(/^\d{1,16}$/, wrong)
    .transform(Number)
    .pipe(z.number().min(min, wrong).max(max, wrong))
    .meta({ type: 'integer', minimum: min, maximum: max });
}

/** How many of a list an answer has at most. */
export function pageSize() {
  return wholeNumber(1, 100).default(20);
}

/** Where a list goes on. */
export function cursor() {
  return text(MAX_CURSOR_CHARACTERS).min(1, 'must not be empty').optional();
}

/** An order's id of 512 control characters, which JSON writes in six bytes each, and the rest of a sort key, in base64. */
const MAX_CURSOR_CHARACTERS = 8_192;

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  return z.enum(choices, { error: ({ input }) => noText(input, `must be one of ${choices.join(', ')}`) });
}

/** A UTC day of the calendar; what is none is compared with no other parameter. */
export function day() {
  const none = { error: 'must be a day such as 2026-03-01', abort: true };
  return single().refine(isDay, none).meta({ format: 'date' });
}

export function currency() {
  return z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters such as EUR');
}

const NO_INSTANT = 'must be an instant such as 2026-03-01T10:00:00Z';

/** RFC 3339, normalised to UTC milliseconds. In a URL a + that is not encoded is a blank. */
export function instant() {
  return parsedInstant((given) =>
    parseInstant(given.replace(' ', '+')) === undefined ? NO_INSTANT : 'must have its + written %2B',
  );
}

/** The same in a body, where a + is one. */
export function bodyInstant() {
  return parsedInstant(() => NO_INSTANT);
}

function parsedInstant(whatIsWrong: (given: string) => string) {
  const parsed = single().transform((given, context) => {
    const instant = parseInstant(given);
    if (instant === undefined) context.addIssue({ code: 'custom', message: whatIsWrong(given) });
    return instant ?? z.NEVER;
  });
  return parsed.meta({ format: 'date-time' });
}

/** May be repeated; the values are ORed. */
export function repeatable<T extends z.ZodType>(value: T) {
  return z.preprocess(
    (given) => (typeof given === 'string' ? [given] : given),
    z.array(value).max(100, 'may be repeated 100 times'),
  );
}

/** An order's id, by its bytes of UTF-8 (contract §1). */
export const orderId = z
  .string()
  .refine((id) => Buffer.byteLength(id) <= MAX_ORDER_ID_BYTES, `may have at most ${MAX_ORDER_ID_BYTES} bytes`)
  .meta({ examples: ['A-1001'] });

/**
 * Parses a query string: a name that is repeated gives a list. Without a prototype, so that no name is special, and without a limit
 * on the number of names, which would drop filters in silence; the header's size limits it.
 */
export function parseQueryString(query: string | undefined): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of new URLSearchParams(query ?? '')) {
    const before = values[name];
    if (before === undefined) values[name] = value;
    else if (typeof before === 'string') values[name] = [before, value];
    else before.push(value);
  }
  return values;
}
