import { z } from 'zod';
import { REFUSAL_REASONS } from '../order/event.ts';

/** The schemas of what is answered about dead letters. */

const instant = z.iso.datetime();

const entry = {
  id: z.string().meta({ description: 'The same for every failure of this message for this reason.' }),
  reason: z.enum(REFUSAL_REASONS),
  path: z.string().meta({ description: 'The field at fault, `data.items[3].quantity`; empty for the whole message.' }),
  message: z.string(),
  orderId: z.string().optional(),
  sequence: z.int().positive().optional(),
  eventId: z.string().optional(),
  attempts: z.int().positive(),
  firstFailedAt: instant,
  lastFailedAt: instant,
  bodyBytes: z.int().nonnegative(),
};
const body = z.string().meta({ description: 'As it was published: text where it is UTF-8, base64 otherwise.' });
const bodyEncoding = z.enum(['utf-8', 'base64']);

const listedDeadLetter = z.strictObject({
  ...entry,
  body: body.optional().meta({ description: 'Left out where it is longer than 32 KiB: ask for the one.' }),
  bodyEncoding: bodyEncoding.optional(),
});

export const deadLetterAnswer = z.strictObject({ ...entry, body, bodyEncoding }).meta({ id: 'DeadLetter' });

export const deadLettersAnswer = z.strictObject({
  items: z.array(listedDeadLetter),
  nextCursor: z.string().nullable(),
});

export const replayAnswer = z.strictObject({ replayed: z.literal(true), id: z.string() });

export const replayAllAnswer = z.strictObject({
  replayed: z.int().nonnegative(),
  failed: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
});

export const discardAnswer = z.strictObject({
  discarded: z.literal(true),
  id: z.string(),
  missing: z
    .strictObject({ orderId: z.string(), sequence: z.int().positive(), hint: z.string() })
    .nullable()
    .meta({ description: "A place in the order's history that nothing has taken: its later events wait for it." }),
});
