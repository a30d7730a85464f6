import type { Contribution, Sale } from './contribution.ts';
import type { Item, OrderEvent, OrderStatus, Payment, Refund } from './event.ts';

/**
 * The document of contract §2 as it is written to the index. Fields that do not apply are absent.
 * An `incomplete` or `erased` order has only `orderId status version updatedAt projectedAt events`, and `erasedAt`.
 */
export interface OrderDocument {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly customerId?: string;
  readonly customerName?: string;
  readonly customerEmail?: string;
  readonly sellerId?: string;
  readonly skus?: readonly string[];
  readonly itemNames?: readonly string[];
  readonly items?: readonly Item[];
  readonly tags?: readonly string[];
  readonly currency?: string;
  readonly totalCents?: number;
  readonly paidCents?: number;
  readonly refundedCents?: number;
  readonly netCents?: number;
  readonly payments?: readonly Payment[];
  readonly refunds?: readonly Refund[];
  readonly placedAt?: string;
  readonly paidAt?: string;
  readonly shippedAt?: string;
  readonly deliveredAt?: string;
  readonly cancelledAt?: string;
  readonly erasedAt?: string;
  readonly updatedAt: string;
  readonly version: number;
  readonly projectedAt: string;
  /** The search words (`search-text.ts`), each list one string of folded words separated by single spaces. Absent when hidden. */
  readonly search?: SearchFields;
  /** Of which events the document is made: two documents of one version are the same where this is. */
  readonly eventsDigest?: string;
  /** Every key of the aggregates that any prefix of its events contributed to; an erased order keeps them. Absent where there are none. */
  readonly aggregateKeys?: readonly string[];
  /** What the order adds to the aggregates now. Absent where that is nothing. */
  readonly contributions?: readonly Contribution[];
  readonly sales?: readonly Sale[];
  /** The order's own events, in sequence; stored, never indexed. */
  readonly events: readonly OrderEvent[];
}

export interface SearchFields {
  /**
   * Words of the ids, SKUs and tags: `q` is matched against these and the names. In documents folded before version 6 it has the words of
   * the names too; they are found all the same.
   */
  readonly all: string;
  /** Words of the item names alone, item after item, a `|` between them: phrases stand in one name. */
  readonly items: string;
  /** Words of the customer's name. */
  readonly customer: string;
  /** Whole ids, case-folded (order id, customer id, SKUs): exact hits come first. */
  readonly exact: readonly string[];
  /**
   * The SKUs with a letter beyond ASCII, or a blank around them, case-folded: the beginning of any other is found in the SKU itself.
   * Absent where there are none.
   */
  readonly foldedSkus?: readonly string[];
  /** The order's id, where it is such a one. */
  readonly foldedOrderId?: string;
}

/** The fields of a document that no reader is shown: what it is folded, found and counted by. */
export const TECHNICAL_FIELDS = [
  'events',
  'search',
  'eventsDigest',
  'aggregateKeys',
  'contributions',
  'sales',
] as const;

/** What a reader is shown of a document. */
export type OrderView = Omit<OrderDocument, (typeof TECHNICAL_FIELDS)[number]>;
