/** What the service is asked and what it answers; a test holds these types to the schemas that the service validates by. */

export type OrderStatus = 'placed' | 'paid' | 'shipped' | 'delivered' | 'cancelled' | 'refunded';

export interface Order {
  orderId: string;
  status: OrderStatus;
  customerId: string;
  customerName: string;
  customerEmail?: string | undefined;
  sellerId: string;
  skus: string[];
  itemNames: string[];
  items: { sku: string; name: string; quantity: number; unitPriceCents: number }[];
  tags: string[];
  /** ISO 4217; all amounts are in its minor units. */
  currency: string;
  totalCents: number;
  paidCents: number;
  refundedCents: number;
  netCents: number;
  payments: { at: string; amountCents: number; method?: string | undefined }[];
  refunds: { refundId: string; at: string; amountCents: number }[];
  /** Instants are RFC 3339 in UTC. */
  placedAt: string;
  paidAt?: string | undefined;
  shippedAt?: string | undefined;
  deliveredAt?: string | undefined;
  cancelledAt?: string | undefined;
  updatedAt: string;
  version: number;
  projectedAt: string;
}

/** The answer includes every event published up to `asOf`, except events that are parked or dead-lettered (`/health` says how many). */
export interface Fresh {
  asOf: string;
  lagSeconds: number;
}

/** Values of one name are alternatives, different names are all wanted; ranges are inclusive. */
export interface SearchQuery {
  readonly q?: string | undefined;
  readonly status?: OrderStatus | readonly OrderStatus[] | undefined;
  readonly sku?: string | readonly string[] | undefined;
  readonly tag?: string | readonly string[] | undefined;
  readonly customerId?: string | readonly string[] | undefined;
  readonly sellerId?: string | readonly string[] | undefined;
  readonly currency?: string | readonly string[] | undefined;
  /** UTC days, `YYYY-MM-DD`. */
  readonly placedFrom?: string | undefined;
  readonly placedTo?: string | undefined;
  readonly minTotalCents?: number | undefined;
  readonly maxTotalCents?: number | undefined;
  readonly sort?: 'relevance' | '-placedAt' | 'placedAt' | '-totalCents' | 'totalCents' | undefined;
  /** 1–100; default: 20. */
  readonly size?: number | undefined;
  /** The `nextCursor` of the page before, of the very same search. */
  readonly cursor?: string | undefined;
}

export interface Hit {
  order: Order;
  score: number | null;
  /** By field: HTML-escaped, the matching words within `<mark>`. */
  highlights: Record<string, string[]>;
}

export interface FacetValue {
  value: string;
  count: number;
}

export interface SearchAnswer extends Fresh {
  total: number;
  hits: Hit[];
  facets: { status: FacetValue[]; tag: FacetValue[]; seller: FacetValue[]; currency: FacetValue[] };
  nextCursor: string | null;
  tookMs: number;
}

export interface SuggestAnswer extends Fresh {
  completions: { text: string; kind: 'item' | 'customer' | 'sku' | 'order' }[];
  didYouMean: string | null;
}

export interface OrderAnswer extends Fresh {
  order: Order;
}

export interface HistoryAnswer extends Fresh {
  events: HistoryEvent[];
}

export interface HistoryEvent {
  /** Attributes that a producer added. */
  [name: string]: unknown;
  id: string;
  source: string;
  type: string;
  time: string;
  sequence: number;
  data: unknown;
  /** By field, what it was before the event and what it is since. */
  changes: Record<string, { before: unknown; after: unknown }>;
}

/** UTC days, `YYYY-MM-DD`, both included; at most 366. */
export interface DayRange {
  /** Default: 29 days before `to`. */
  readonly from?: string | undefined;
  /** Default: today. */
  readonly to?: string | undefined;
}

export interface RevenueQuery extends DayRange {
  /** Default: those in which there is anything. */
  readonly currency?: string | readonly string[] | undefined;
}

/** What came in; an order counts on each day on which it has a payment. */
export interface Revenue {
  currency: string;
  orders: number;
  revenueCents: number;
  refundedCents: number;
  refundCount: number;
  /** Revenue less refunds. */
  netCents: number;
}

export interface DailyRevenue extends Revenue {
  day: string;
  /** Nothing that belongs to this day is expected any more. */
  final: boolean;
}

export interface RevenueDailyAnswer extends Fresh {
  /** A row for each day and currency, of zeros where there is nothing; by day, then currency. */
  days: DailyRevenue[];
  /** Days before this one are not kept and have no rows; absent where all are kept. */
  keptFrom?: string | undefined;
}

export interface SellerDashboardAnswer extends RevenueDailyAnswer {
  /** The sums of the days. `refundRate`: refunded ÷ revenue; null without revenue. */
  totals: (Revenue & { refundRate: number | null })[];
  /** The ten that brought the most, refunds not deducted. */
  topProducts: { sku: string; name: string; currency: string; quantity: number; revenueCents: number }[];
}

export interface CustomerOrdersAnswer extends Fresh {
  items: (Pick<Order, 'orderId' | 'status' | 'totalCents' | 'currency' | 'placedAt'> & {
    shippedAt?: string | undefined;
  })[];
  totals: { currency: string; orders: number; totalCents: number; paidCents: number; refundedCents: number }[];
  nextCursor: string | null;
}

export interface LagAnswer extends Fresh {
  /** The oldest first; one every five seconds, for a quarter of an hour, as the instance that answers has seen it. */
  items: {
    at: string;
    /** Null before anything was known. */
    lagSeconds: number | null;
    messages: number | null;
  }[];
  nextCursor: null;
  /** Waiting in the queue, or in a projector's hand; null where the broker could not be asked. */
  messages: number | null;
}
