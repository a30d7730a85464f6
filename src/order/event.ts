/**
 * The order events of the contract (§1), as the rest of the service sees them: validated, normalised and free of
 * unknown fields. `parse-event.ts` makes them from a message body, `fold.ts` folds them.
 */

export interface Item {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
}

/** What `order.placed.v2` says, and what a correction patches. */
export interface PlacedData {
  readonly customer: Customer;
  readonly sellerId: string;
  readonly currency: string;
  readonly items: readonly Item[];
  readonly totalCents: number;
  readonly tags: readonly string[];
}

export interface PlacedDataV1 {
  readonly customerId: string;
  readonly customerName: string;
  readonly sellerId: string;
  readonly currency: string;
  /** `price` is a decimal string with at most two decimals, in a currency of two decimals. */
  readonly lines: readonly {
    readonly sku: string;
    readonly name: string;
    readonly qty: number;
    readonly price: string;
  }[];
}

export interface Payment {
  readonly at: string;
  readonly amountCents: number;
  readonly method?: string;
}

export interface Refund {
  readonly refundId: string;
  readonly at: string;
  readonly amountCents: number;
}

/** The statuses that an event can bring about; `incomplete` and `erased` are the two a reader never sees. */
export const READABLE_STATUSES = ['placed', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded'] as const;
export type ReadableStatus = (typeof READABLE_STATUSES)[number];
export type OrderStatus = ReadableStatus | 'incomplete' | 'erased';

export interface SnapshotData extends PlacedData {
  readonly status: ReadableStatus;
  readonly paidCents: number;
  readonly refundedCents: number;
  readonly placedAt: string;
  readonly paidAt?: string;
  readonly shippedAt?: string;
  readonly deliveredAt?: string;
  readonly cancelledAt?: string;
  readonly payments?: readonly Payment[];
  readonly refunds?: readonly Refund[];
}

/** RFC 7396 over {@link PlacedData}: absent leaves, null removes. */
export interface PlacedPatch {
  readonly customer?: {
    readonly id?: string;
    readonly name?: string;
    readonly email?: string | null;
  };
  readonly sellerId?: string;
  readonly currency?: string;
  readonly items?: readonly Item[];
  readonly totalCents?: number;
  readonly tags?: readonly string[];
}

export interface EventData {
  'order.placed.v1': PlacedDataV1;
  'order.placed.v2': PlacedData;
  'order.payment_captured.v1': {
    readonly amountCents: number;
    readonly method?: string;
  };
  'order.shipped.v1': {
    readonly carrier?: string;
    readonly trackingNumber?: string;
  };
  'order.delivered.v1': Readonly<Record<never, never>>;
  'order.cancelled.v1': { readonly reason?: string };
  'order.refunded.v1': {
    readonly refundId: string;
    readonly amountCents: number;
    readonly reason?: string;
    readonly items?: readonly {
      readonly sku: string;
      readonly quantity: number;
    }[];
  };
  'order.tagged.v1': {
    readonly add: readonly string[];
    readonly remove: readonly string[];
  };
  'order.corrected.v1': {
    readonly patch: PlacedPatch;
    readonly reason: string;
  };
  'order.erased.v1': { readonly reason?: string };
  'order.snapshot.v1': SnapshotData;
  'order.skipped.v1': { readonly reason?: string };
}

export type KnownType = keyof EventData;

/** What every event has. `time` is RFC 3339 in UTC with milliseconds, `sequence` a positive safe integer. */
interface Envelope {
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly sequence: number;
}

export type KnownEvent = {
  [T in KnownType]: Envelope & {
    readonly type: T;
    readonly data: EventData[T];
  };
}[KnownType];

/** A type (or version) under `order.` that this code does not know: it takes its place and has no effect. */
export interface UnknownEvent extends Envelope {
  readonly type: string;
  readonly data: unknown;
}

/** One event of an order's history, as it is stored in the order's document. */
export type OrderEvent = KnownEvent | UnknownEvent;

/** W3C Trace Context; never part of the stored event, since two copies of one event may carry different ones. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

const KNOWN: ReadonlySet<string> = new Set<KnownType>([
  'order.placed.v1',
  'order.placed.v2',
  'order.payment_captured.v1',
  'order.shipped.v1',
  'order.delivered.v1',
  'order.cancelled.v1',
  'order.refunded.v1',
  'order.tagged.v1',
  'order.corrected.v1',
  'order.erased.v1',
  'order.snapshot.v1',
  'order.skipped.v1',
]);

const ALIASES: ReadonlyMap<string, string> = new Map([['OrderPaid', 'order.payment_captured.v1']]);

/** The type that an alias stands for (contract §1); any other type is itself. */
export function withoutAlias(type: string): string {
  return ALIASES.get(type) ?? type;
}

export function isKnownEvent(event: OrderEvent): event is KnownEvent {
  return KNOWN.has(event.type);
}

/** The duplicate key of the contract: (`source`, `id`). */
export function sameIdentity(a: Pick<OrderEvent, 'id' | 'source'>, b: Pick<OrderEvent, 'id' | 'source'>): boolean {
  return a.id === b.id && a.source === b.source;
}

/** Why an event cannot be taken. `path` names the field, e.g. `data.items[3].quantity`, and is empty for the whole message. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly path: string;
  readonly message: string;
}

/** `delivery_limit`: the queue gave up on it, since it was delivered too often and never settled; whatever was wrong with it. */
export const REFUSAL_REASONS = [
  'unparseable',
  'invalid',
  'too_large',
  'invalid_correction',
  'sequence_conflict',
  'declared_missing',
  'duplicate_id',
  'refused_by_index',
  'delivery_limit',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];
