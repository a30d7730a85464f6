import type { OrderDocument, OrderView } from '../order/document.ts';
import type { ReadableStatus } from '../order/event.ts';
import type { Completion } from '../order/suggest.ts';

/** The part of the port that readers use: what they see is what was refreshed, through the read alias. */
export interface OrderSearch {
  /**
   * `signal`, here and below: aborted once nobody waits for the answer; rejects with its reason then. @throws InvalidCursorError,
   * IndexUnavailableError
   */
  search(query: SearchQuery, signal?: AbortSignal): Promise<SearchPage>;
  /** For a search box, at every key. @throws IndexUnavailableError */
  suggest(query: SuggestQuery, signal?: AbortSignal): Promise<Suggestions>;
  /** A customer's orders, newest first; empty where there are none. @throws InvalidCursorError, IndexUnavailableError */
  customerOrders(query: CustomerOrdersQuery, signal?: AbortSignal): Promise<CustomerOrdersPage>;
}

export interface SuggestQuery {
  readonly q: string;
  /** Everything offered stands in an order within it. */
  readonly restrictTo?: Restriction;
}

/** From the newest orders: item names, customers, SKUs, order ids, at most five each, those of the most orders first. */
export interface Suggestions {
  readonly completions: readonly Completion[];
  /** Where nothing begins with the text: the text with its misspelt words put right from item names. */
  readonly didYouMean: string | null;
}

export type SearchSort = 'relevance' | '-placedAt' | 'placedAt' | '-totalCents' | 'totalCents';

/** What a caller may see at most: only orders whose `field` is exactly `value`. */
export interface Restriction {
  readonly field: 'customerId' | 'sellerId';
  readonly value: string;
}

/** Several values of one name are alternatives, different names are all wanted. An absent or an empty list narrows nothing. */
export interface SearchFilters {
  readonly status?: readonly ReadableStatus[] | undefined;
  readonly sku?: readonly string[] | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly customerId?: readonly string[] | undefined;
  readonly sellerId?: readonly string[] | undefined;
  readonly currency?: readonly string[] | undefined;
  /** UTC days, `YYYY-MM-DD`, inclusive. */
  readonly placedFrom?: string | undefined;
  readonly placedTo?: string | undefined;
  /** Inclusive. */
  readonly minTotalCents?: number | undefined;
  readonly maxTotalCents?: number | undefined;
}

export interface SearchQuery extends SearchFilters {
  readonly q?: string;
  readonly sort: SearchSort;
  /** 1–100. */
  readonly size: number;
  readonly cursor?: string | undefined;
  /** ANDed with everything else: hits, total and facets alike, whatever the cursor says. */
  readonly restrictTo?: Restriction;
}

/** Each facet counts the values of one filter. */
export const FACETS = { status: 'status', tag: 'tag', seller: 'sellerId', currency: 'currency' } as const;
export type FacetName = keyof typeof FACETS;

/** How many of a facet's values are told, the most frequent ones. */
export const MAX_FACET_VALUES = 20;

export interface FacetValue {
  readonly value: string;
  readonly count: number;
}

/** The most frequent values of each, then in the order of their UTF-8; of what all filters but the facet's own let through. */
export type Facets = Readonly<Record<FacetName, readonly FacetValue[]>>;

export interface SearchHit {
  /** What readers may see of it: its technical fields are not there, and no reader need take them out. */
  readonly document: OrderView;
  readonly score: number | null;
}

export interface SearchPage {
  readonly total: number;
  readonly hits: readonly SearchHit[];
  readonly facets: Facets;
  readonly nextCursor: string | null;
  readonly tookMs: number;
}

export interface CustomerOrdersQuery {
  readonly customerId: string;
  /** 1–100. */
  readonly size: number;
  readonly cursor?: string | undefined;
}

export interface CustomerOrdersPage {
  readonly orders: readonly OrderView[];
  /** Of all the customer's orders, whatever the page; by currency, in that order. */
  readonly totals: readonly CurrencyTotals[];
  readonly nextCursor: string | null;
}

export interface CurrencyTotals {
  readonly currency: string;
  readonly orders: number;
  readonly totalCents: number;
  readonly paidCents: number;
  readonly refundedCents: number;
}

/** `stopping`: it may yet arrive, and another process can tell. */
export type Arrival = 'visible' | 'late' | 'stopping';

/** That a reader wants to see its own write: the order at a version, or a newer one. */
export interface AwaitedVersion {
  readonly orderId: string;
  readonly version: number;
  readonly waitMs: number;
  /** Whether such a document counts; one that the caller may not see must not, or waiting would tell that it exists. */
  readonly counts: (document: OrderDocument) => boolean;
  /** Aborted when nobody waits any more: it rejects with its reason then. */
  readonly signal: AbortSignal;
}
