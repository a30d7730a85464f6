import type { estypes } from '@elastic/elasticsearch';
import { firstInstantOf, lastInstantOf } from '../../order/day.ts';
import type { OrderDocument } from '../../order/document.ts';
import { READABLE_STATUSES } from '../../order/event.ts';
import { parseTextQuery } from '../../order/search-text.ts';
import { decodeCursor } from '../cursor.ts';
import type { SearchFilters, SearchQuery, SearchSort } from '../port.ts';
import { textClause } from './text-clauses.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;

/** An Elasticsearch search, without its index. */
export interface SearchRequest {
  readonly query: Query;
  readonly sort: estypes.SortCombinations[];
  readonly search_after?: (string | number)[];
  readonly size: number;
  readonly track_total_hits: boolean;
  readonly allow_partial_search_results: boolean;
  readonly _source: estypes.SearchSourceConfig;
}

const READABLE: readonly string[] = READABLE_STATUSES;

/** Whether a reader may know of it at all; the same as {@link VISIBLE} says for a search. */
export function isReadable({ status }: Pick<OrderDocument, 'status'>): boolean {
  return READABLE.includes(status);
}

const VISIBLE: Query = { terms: { status: [...READABLE] } };
const NOTHING: Query = { match_none: {} };

const SORTS: Readonly<Record<SearchSort, estypes.SortCombinations[]>> = {
  relevance: [{ _score: { order: 'desc' } }, { placedAt: { order: 'desc' } }, { orderId: { order: 'asc' } }],
  '-placedAt': [{ placedAt: { order: 'desc' } }, { orderId: { order: 'asc' } }],
  placedAt: [{ placedAt: { order: 'asc' } }, { orderId: { order: 'asc' } }],
  '-totalCents': [{ totalCents: { order: 'desc' } }, { orderId: { order: 'asc' } }],
  totalCents: [{ totalCents: { order: 'asc' } }, { orderId: { order: 'asc' } }],
};

const FILTER_FIELDS = {
  status: 'status',
  sku: 'skus',
  tag: 'tags',
  customerId: 'customerId',
  sellerId: 'sellerId',
  currency: 'currency',
} as const;

/** The Elasticsearch search of a query. Pure. @throws InvalidCursorError */
export function searchRequest(query: SearchQuery): SearchRequest {
  return {
    query: queryClause(query),
    sort: [...SORTS[query.sort]],
    ...(query.cursor !== undefined && { search_after: [...decodeCursor(query.sort, query.cursor)] }),
    // One more than a page, to see whether there is a next one.
    size: query.size + 1,
    track_total_hits: true,
    // A shard that does not answer is an outage, not an order fewer.
    allow_partial_search_results: false,
    _source: { excludes: ['events', 'search'] },
  };
}

function queryClause(query: SearchQuery): Query {
  const text = query.q === undefined ? undefined : (textClause(parseTextQuery(query.q)) ?? NOTHING);
  const filter = [VISIBLE, ...restrictionClauses(query), ...filterClauses(query)];
  return { bool: { filter, ...(text && { must: [text] }) } };
}

/** What the caller may see at most; apart from the filters, so that no facet is ever counted without it. */
function restrictionClauses({ restrictTo }: SearchQuery): Query[] {
  return restrictTo ? [{ term: { [restrictTo.field]: restrictTo.value } }] : [];
}

/** The caller's own filters: repeats of one name are alternatives. */
function filterClauses(query: SearchFilters): Query[] {
  const { placedFrom, placedTo, minTotalCents, maxTotalCents } = query;
  return [
    ...Object.entries(FILTER_FIELDS).flatMap(([name, field]) =>
      valuesClause(field, query[name as keyof typeof FILTER_FIELDS]),
    ),
    ...rangeClause('placedAt', placedFrom && firstInstantOf(placedFrom), placedTo && lastInstantOf(placedTo)),
    ...rangeClause('totalCents', minTotalCents, maxTotalCents),
  ];
}

function valuesClause(field: string, values: readonly string[] | undefined): Query[] {
  return values && values.length > 0 ? [{ terms: { [field]: [...values] } }] : [];
}

function rangeClause(field: string, gte: string | number | undefined, lte: string | number | undefined): Query[] {
  if (gte === undefined && lte === undefined) return [];
  return [{ range: { [field]: { ...(gte !== undefined && { gte }), ...(lte !== undefined && { lte }) } } }];
}
