import type { OrderDocument } from '../order/document.ts';
import type { ReadableStatus } from '../order/event.ts';

/** The part of the port that readers use: what they see is what was refreshed, through the read alias. */
export interface OrderSearch {
  /** @throws InvalidCursorError, IndexUnavailableError */
  search(query: SearchQuery): Promise<SearchPage>;
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
  readonly cursor?: string;
  /** ANDed with everything else: hits, total and facets alike, whatever the cursor says. */
  readonly restrictTo?: Restriction;
}

export interface SearchHit {
  readonly document: OrderDocument;
  readonly score: number | null;
}

export interface SearchPage {
  readonly total: number;
  readonly hits: readonly SearchHit[];
  readonly nextCursor: string | null;
  readonly tookMs: number;
}
