import { z } from 'zod';
import { hasTwoDecimals, isCurrency } from './currency.ts';
import { READABLE_STATUSES, type EventData, type KnownType } from './event.ts';
import { parseInstant } from './instant.ts';
import { listOf } from './list-schema.ts';
import { upcastPlaced } from './upcast.ts';

/** The `data` of every event type of contract §1. Unknown fields are dropped; null is absent where a field is optional. */

export const MAX_ID = 256;
export const MAX_NAME = 1024;
export const MAX_ITEMS = 500;
/** Elasticsearch fails a whole bulk over one longer `_id`. */
export const MAX_ORDER_ID_BYTES = 512;

/** Characters are code points: an emoji counts once. */
function atMost(max: number): (text: string) => boolean {
  return (text) => text.length <= max || [...text].length <= max;
}

function text(max: number) {
  return z.string().refine(atMost(max), { error: `is longer than ${max} characters` });
}

export const idSchema = text(MAX_ID).min(1, { error: 'is empty' });
const nameSchema = text(MAX_NAME);

export const sequenceSchema = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^[1-9]\d{0,15}$/)
      .transform(Number),
  ])
  .refine((sequence) => Number.isSafeInteger(sequence) && sequence >= 1);

export const orderIdSchema = z
  .string()
  .min(1, { error: 'is empty; it must be the order id' })
  .refine((id) => Buffer.byteLength(id) <= MAX_ORDER_ID_BYTES, {
    error: `is longer than ${MAX_ORDER_ID_BYTES} bytes of UTF-8`,
  });

/** An object whose optional fields may be null as well as absent; either way they are absent afterwards. */
function record<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess(withoutNulls, z.object(shape));
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (!Object.values(value).includes(null)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

export const instantSchema = z.string().transform((value, context) => {
  const instant = parseInstant(value);
  if (instant !== undefined) return instant;
  context.addIssue({
    code: 'custom',
    message: 'is no RFC 3339 instant (such as 2026-01-31T09:30:00Z; leap seconds are refused)',
  });
  return z.NEVER;
});

const centsSchema = z.int().min(0, { error: 'is negative; money is an integer in minor units' });
const quantitySchema = z.int().min(1, { error: 'is less than 1' });
const currencySchema = z.string().refine(isCurrency, { error: 'is no ISO 4217 currency code' });
const reasonSchema = z.string();

const itemSchema = z.object({
  sku: idSchema,
  name: nameSchema,
  quantity: quantitySchema,
  unitPriceCents: centsSchema,
});
const ITEMS = { min: 1, max: MAX_ITEMS };
const itemsSchema = listOf(itemSchema, ITEMS);
const tagsSchema = listOf(idSchema);

const placedShape = {
  customer: record({
    id: idSchema,
    name: nameSchema,
    email: nameSchema.exactOptional(),
  }),
  sellerId: idSchema,
  currency: currencySchema,
  items: itemsSchema,
  totalCents: centsSchema,
  tags: tagsSchema,
};

export const placedSchema = z.object(placedShape);

const placedV1Schema = z
  .object({
    customerId: idSchema,
    customerName: nameSchema,
    sellerId: idSchema,
    currency: currencySchema,
    lines: listOf(
      z.object({
        sku: idSchema,
        name: nameSchema,
        qty: quantitySchema,
        price: z.string().regex(/^\d{1,13}(\.\d{1,2})?$/, {
          error: 'is no decimal string of at most two decimals, such as "12.50"',
        }),
      }),
      ITEMS,
    ),
  })
  .superRefine((data, context) => {
    if (!hasTwoDecimals(data.currency)) {
      context.addIssue({
        code: 'custom',
        path: ['currency'],
        message: `${data.currency} has not two decimals; send order.placed.v2`,
      });
    } else if (!Number.isSafeInteger(upcastPlaced(data).totalCents)) {
      context.addIssue({
        code: 'custom',
        path: ['lines'],
        message: 'add up to more than 2^53 - 1 minor units',
      });
    }
  });

const paymentSchema = record({
  at: instantSchema,
  amountCents: centsSchema,
  method: nameSchema.exactOptional(),
});
const refundSchema = z.object({
  refundId: idSchema,
  at: instantSchema,
  amountCents: centsSchema,
});

const snapshotSchema = record({
  ...placedShape,
  status: z.enum(READABLE_STATUSES),
  paidCents: centsSchema,
  refundedCents: centsSchema,
  placedAt: instantSchema,
  paidAt: instantSchema.exactOptional(),
  shippedAt: instantSchema.exactOptional(),
  deliveredAt: instantSchema.exactOptional(),
  cancelledAt: instantSchema.exactOptional(),
  payments: listOf(paymentSchema).exactOptional(),
  refunds: listOf(refundSchema).exactOptional(),
}).superRefine((data, context) => {
  checkSum(context, 'payments', data.payments, 'paidCents', data.paidCents);
  checkSum(context, 'refunds', data.refunds, 'refundedCents', data.refundedCents);
});

function checkSum(
  context: z.RefinementCtx,
  list: string,
  entries: readonly { readonly amountCents: number }[] | undefined,
  total: string,
  expected: number,
): void {
  if (!entries) return;
  const sum = entries.reduce((cents, entry) => cents + entry.amountCents, 0);
  if (sum !== expected)
    context.addIssue({
      code: 'custom',
      path: [list],
      message: `add up to ${sum}, but ${total} is ${expected}`,
    });
}

/** Null removes, and only the customer's e-mail address may be removed: without any other field it is no placed data. */
const patchSchema = z.object({
  customer: z
    .object({
      id: idSchema.exactOptional(),
      name: nameSchema.exactOptional(),
      email: nameSchema.nullable().exactOptional(),
    })
    .exactOptional(),
  sellerId: idSchema.exactOptional(),
  currency: currencySchema.exactOptional(),
  items: itemsSchema.exactOptional(),
  totalCents: centsSchema.exactOptional(),
  tags: tagsSchema.exactOptional(),
});

export const DATA_SCHEMAS: {
  readonly [T in KnownType]: z.ZodType<EventData[T]>;
} = {
  'order.placed.v1': placedV1Schema,
  'order.placed.v2': placedSchema,
  'order.payment_captured.v1': record({
    amountCents: centsSchema,
    method: nameSchema.exactOptional(),
  }),
  'order.shipped.v1': record({
    carrier: nameSchema.exactOptional(),
    trackingNumber: nameSchema.exactOptional(),
  }),
  'order.delivered.v1': z.object({}),
  'order.cancelled.v1': record({ reason: reasonSchema.exactOptional() }),
  'order.refunded.v1': record({
    refundId: idSchema,
    amountCents: centsSchema,
    reason: reasonSchema.exactOptional(),
    items: listOf(z.object({ sku: idSchema, quantity: quantitySchema })).exactOptional(),
  }),
  'order.tagged.v1': z.object({ add: tagsSchema, remove: tagsSchema }),
  'order.corrected.v1': z.object({ patch: patchSchema, reason: reasonSchema }),
  'order.erased.v1': record({ reason: reasonSchema.exactOptional() }),
  'order.snapshot.v1': snapshotSchema,
  'order.skipped.v1': record({ reason: reasonSchema.exactOptional() }),
};
