import { z } from 'zod';
import { isCurrency } from '../../src/order/currency.ts';
import { MAX_ORDER_ID_BYTES } from '../../src/order/event-schemas.ts';

/**
 * What an order is made of, and what can be done to it. Pure: nothing here reads or writes. It takes nothing that the search would
 * refuse: an event is never taken back.
 */

/** PostgreSQL keeps neither U+0000 nor half of a character. */
const storable = z
  .string()
  .refine((given) => !given.includes('\0') && given.isWellFormed(), { error: 'has U+0000 or a lone surrogate' });
const id = storable.min(1).max(256);
const text = storable.min(1).max(1_024);
const cents = z.int().min(0);
const reason = text.exactOptional();

const customer = z.strictObject({ id, name: text, email: text.exactOptional() });
const item = z.strictObject({ sku: id, name: text, quantity: z.int().min(1), unitPriceCents: cents });

const placedSchema = z.strictObject({
  customer,
  sellerId: id,
  currency: z.string().refine(isCurrency, { error: 'is no ISO 4217 currency code' }),
  items: z.array(item).min(1).max(500),
  totalCents: cents,
  tags: z.array(id).default([]),
});
export type Placed = z.infer<typeof placedSchema>;

const patchSchema = z.strictObject({
  customer: z
    .strictObject({ id: id.exactOptional(), name: text.exactOptional(), email: text.nullable().exactOptional() })
    .exactOptional(),
  sellerId: id.exactOptional(),
  currency: placedSchema.shape.currency.exactOptional(),
  items: placedSchema.shape.items.exactOptional(),
  totalCents: cents.exactOptional(),
  tags: z.array(id).exactOptional(),
});

/** Of which order something is asked for. */
export const addressSchema = z.object({
  id: storable.min(1).refine((given) => Buffer.byteLength(given) <= MAX_ORDER_ID_BYTES, {
    error: `is longer than ${MAX_ORDER_ID_BYTES} bytes of UTF-8`,
  }),
});

/** What may be asked for, by name. */
export const COMMANDS = {
  place: placedSchema,
  pay: z.strictObject({ amountCents: cents, method: text.exactOptional() }),
  ship: z.strictObject({ carrier: text.exactOptional(), trackingNumber: text.exactOptional() }),
  deliver: z.strictObject({}),
  cancel: z.strictObject({ reason }),
  refund: z.strictObject({ refundId: id, amountCents: cents, reason }),
  correct: z.strictObject({ patch: patchSchema, reason: text }),
  erase: z.strictObject({ reason }),
} as const;
export type CommandName = keyof typeof COMMANDS;
export type Command = {
  [N in CommandName]: { readonly name: N; readonly data: z.infer<(typeof COMMANDS)[N]> };
}[CommandName];

export interface Order {
  readonly placed: Placed;
  readonly status: 'placed' | 'paid' | 'shipped' | 'delivered' | 'cancelled' | 'refunded';
  readonly payments: readonly { readonly at: string; readonly amountCents: number; readonly method?: string }[];
  readonly refunds: readonly { readonly refundId: string; readonly at: string; readonly amountCents: number }[];
  /** RFC 3339, like all of them. */
  readonly placedAt: string;
  readonly paidAt?: string;
  readonly shippedAt?: string;
  readonly deliveredAt?: string;
  readonly cancelledAt?: string;
}

export type Decision =
  /** What happened, for the outbox, and the order after it; null once it is erased. */
  | {
      readonly kind: 'happened';
      readonly type: string;
      readonly data: Readonly<Record<string, unknown>>;
      readonly order: Order | null;
    }
  /** The order's state does not allow it. */
  | { readonly kind: 'refused'; readonly reason: string };

const sum = (entries: readonly { readonly amountCents: number }[]): number =>
  entries.reduce((total, { amountCents }) => total + amountCents, 0);

const refused = (reason: string): Decision => ({ kind: 'refused', reason });

/** What comes of a new order. */
export function place(data: Placed, at: string): Decision {
  const order: Order = { placed: data, status: 'placed', payments: [], refunds: [], placedAt: at };
  return { kind: 'happened', type: 'order.placed.v2', data, order };
}

/** What comes of a command to an order that is there. */
export function decide(order: Order, command: Exclude<Command, { name: 'place' }>, at: string): Decision {
  const { data } = command;
  const happened = (type: string, next: Order | null): Decision => ({ kind: 'happened', type, data, order: next });
  switch (command.name) {
    case 'pay': {
      if (order.status === 'cancelled') return refused('it is cancelled');
      const payments = [...order.payments, { at, ...command.data }];
      return happened('order.payment_captured.v1', { ...order, payments, status: 'paid', paidAt: order.paidAt ?? at });
    }
    case 'ship':
      if (order.status !== 'paid') return refused(`it is ${order.status}, not paid`);
      return happened('order.shipped.v1', { ...order, status: 'shipped', shippedAt: at });
    case 'deliver':
      if (order.status !== 'shipped') return refused(`it is ${order.status}, not shipped`);
      return happened('order.delivered.v1', { ...order, status: 'delivered', deliveredAt: at });
    case 'cancel':
      if (order.shippedAt !== undefined) return refused('it has been shipped');
      return happened('order.cancelled.v1', { ...order, status: 'cancelled', cancelledAt: at });
    case 'refund':
      return refund(order, command.data, at);
    case 'correct':
      return correct(order, command.data);
    case 'erase':
      return happened('order.erased.v1', null);
  }
}

function refund(order: Order, data: z.infer<(typeof COMMANDS)['refund']>, at: string): Decision {
  const { refundId, amountCents } = data;
  if (order.refunds.some((known) => known.refundId === refundId)) return refused(`refund ${refundId} was made before`);
  const refunds = [...order.refunds, { refundId, at, amountCents }];
  const paidCents = sum(order.payments);
  if (sum(refunds) > paidCents) return refused(`only ${paidCents} cents were paid`);
  const status = sum(refunds) === paidCents ? 'refunded' : order.status;
  return { kind: 'happened', type: 'order.refunded.v1', data, order: { ...order, refunds, status } };
}

/** By RFC 7396: what the patch leaves out stays, null removes. */
function correct(order: Order, data: z.infer<(typeof COMMANDS)['correct']>): Decision {
  const { customer: changed, ...others } = data.patch;
  const { email, ...named } = { ...order.placed.customer, ...changed };
  const merged = { ...order.placed, ...others, customer: { ...named, ...(typeof email === 'string' && { email }) } };
  return {
    kind: 'happened',
    type: 'order.corrected.v1',
    data,
    order: { ...order, placed: placedSchema.parse(merged) },
  };
}

/** Everything that there is to say of an order, for who has not heard its events. */
export function snapshotOf({ placed, payments, refunds, ...order }: Order): Readonly<Record<string, unknown>> {
  return { ...placed, ...order, payments, refunds, paidCents: sum(payments), refundedCents: sum(refunds) };
}
