import { z } from 'zod';
import { READABLE_STATUSES } from '../order/event.ts';
import { COMPLETION_KINDS } from '../order/suggest.ts';
import { PART_STATES } from '../observability/health.ts';

/** The schemas of answers: they document the interface, and the tests hold the answers to them. */

const instant = z.iso.datetime();
const cents = z.int();

const orderSchema = z
  .strictObject({
    orderId: z.string(),
    status: z.enum(READABLE_STATUSES),
    customerId: z.string(),
    customerName: z.string(),
    customerEmail: z.string().optional(),
    sellerId: z.string(),
    skus: z.array(z.string()),
    itemNames: z.array(z.string()),
    items: z.array(z.strictObject({ sku: z.string(), name: z.string(), quantity: z.int(), unitPriceCents: cents })),
    tags: z.array(z.string()),
    currency: z.string().length(3),
    totalCents: cents,
    paidCents: cents,
    refundedCents: cents,
    netCents: cents,
    payments: z.array(z.strictObject({ at: instant, amountCents: cents, method: z.string().optional() })),
    refunds: z.array(z.strictObject({ refundId: z.string(), at: instant, amountCents: cents })),
    placedAt: instant,
    paidAt: instant.optional(),
    shippedAt: instant.optional(),
    deliveredAt: instant.optional(),
    cancelledAt: instant.optional(),
    updatedAt: instant,
    version: z.int().positive(),
    projectedAt: instant,
  })
  .meta({ id: 'Order' });

const freshness = {
  asOf: instant.meta({
    description:
      'The answer includes every event published up to `asOf`, except events that are parked or dead-lettered (`/health` says how many).',
  }),
  lagSeconds: z.number().nonnegative(),
};

export const orderAnswer = z.strictObject({ order: orderSchema, ...freshness });

const facet = z
  .array(z.strictObject({ value: z.string(), count: z.int().positive() }))
  .max(20)
  .meta({ description: 'The most frequent values, of what all other filters let through.' });

export const searchAnswer = z.strictObject({
  total: z.int().nonnegative(),
  hits: z.array(
    z.strictObject({
      order: orderSchema,
      score: z.number().nullable(),
      highlights: z
        .record(z.string(), z.array(z.string()))
        .meta({ description: 'By field, the values that match: HTML-escaped, the matching words within <mark>.' }),
    }),
  ),
  facets: z.strictObject({ status: facet, tag: facet, seller: facet, currency: facet }),
  nextCursor: z.string().nullable(),
  tookMs: z.number().nonnegative(),
  ...freshness,
});

export const suggestAnswer = z.strictObject({
  completions: z
    .array(z.strictObject({ text: z.string(), kind: z.enum(COMPLETION_KINDS) }))
    .meta({ description: 'Of the newest orders that the caller may see: at most five of each kind.' }),
  didYouMean: z.string().nullable().meta({
    description: 'Where nothing begins with the text: it, with its misspelt words put right from item names.',
  }),
  ...freshness,
});

export const customerOrdersAnswer = z.strictObject({
  items: z.array(
    orderSchema.pick({
      orderId: true,
      status: true,
      totalCents: true,
      currency: true,
      placedAt: true,
      shippedAt: true,
    }),
  ),
  totals: z
    .array(
      z.strictObject({
        currency: z.string(),
        orders: z.int().positive(),
        totalCents: cents,
        paidCents: cents,
        refundedCents: cents,
      }),
    )
    .meta({ description: "Of all the customer's orders, whatever the page." }),
  nextCursor: z.string().nullable(),
  ...freshness,
});

const measures = {
  orders: z.int().nonnegative().meta({ description: 'An order counts on each day on which it has a payment.' }),
  revenueCents: cents,
  refundedCents: cents,
  refundCount: z.int().nonnegative(),
  netCents: cents,
};

const days = z
  .array(
    z.strictObject({
      day: z.iso.date(),
      currency: z.string(),
      ...measures,
      final: z.boolean().meta({ description: 'Nothing that belongs to this day is expected any more.' }),
    }),
  )
  .meta({ description: 'A row for each day and currency, of zeros where there is nothing; by day, then currency.' });

const aggregateFreshness = {
  keptFrom: z.iso
    .date()
    .optional()
    .meta({ description: 'Days before this one are not kept and have no rows; absent where all are kept.' }),
  ...freshness,
};

export const revenueDailyAnswer = z.strictObject({ days, ...aggregateFreshness });

export const sellerDashboardAnswer = z.strictObject({
  days,
  totals: z
    .array(
      z.strictObject({
        currency: z.string(),
        ...measures,
        refundRate: z
          .number()
          .nonnegative()
          .nullable()
          .meta({ description: 'refundedCents ÷ revenueCents; null without revenue.' }),
      }),
    )
    .meta({ description: 'The sums of the days, of each currency for itself.' }),
  topProducts: z
    .array(
      z.strictObject({
        ...{ sku: z.string(), name: z.string(), currency: z.string(), quantity: z.int(), revenueCents: cents },
      }),
    )
    .max(10)
    .meta({ description: 'By revenue, refunds not deducted, of what was first paid on these days.' }),
  ...aggregateFreshness,
});

export const historyAnswer = z.strictObject({
  events: z.array(
    z.looseObject({
      id: z.string(),
      source: z.string(),
      type: z.string(),
      time: instant,
      sequence: z.int().positive(),
      data: z.unknown(),
      changes: z.record(z.string(), z.strictObject({ before: z.unknown(), after: z.unknown() })).meta({
        description: 'By field, what it was before the event and what it is since; null where it does not apply.',
      }),
    }),
  ),
  ...freshness,
});

const messages = z
  .int()
  .nonnegative()
  .nullable()
  .meta({ description: "Waiting in the queue, or in a projector's hand; null where the broker could not be asked." });

export const lagAnswer = z.strictObject({
  items: z
    .array(
      z.strictObject({
        at: instant,
        lagSeconds: z.number().nonnegative().nullable().meta({ description: 'Null before anything was known.' }),
        messages,
      }),
    )
    .meta({ description: 'The oldest first; one every five seconds, for a quarter of an hour.' }),
  nextCursor: z.null(),
  messages,
  ...freshness,
});

const part = z.strictObject({
  state: z.enum(PART_STATES),
  reason: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

export const healthAnswer = z.strictObject({
  status: z.enum(['up', 'degraded', 'down']),
  parts: z.strictObject({ broker: part, index: part, projector: part, rebuild: part, aggregates: part }),
});

export const readinessAnswer = z.strictObject({
  status: z.enum(['up', 'down']),
  /** Why not, by part. */
  reasons: z.record(z.string(), z.string()),
});

export const livenessAnswer = z.strictObject({ status: z.literal('up') });
