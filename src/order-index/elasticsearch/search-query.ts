import type { estypes } from '@elastic/elasticsearch';
import { firstInstantOf, lastInstantOf } from '../../order/day.ts';
import { TECHNICAL_FIELDS, type OrderDocument } from '../../order/document.ts';
import { READABLE_STATUSES } from '../../order/event.ts';
import { parseTextQuery } from '../../order/search-text.ts';
import { decodeSearchCursor } from '../cursor.ts';
import { FACETS, MAX_FACET_VALUES } from '../port.ts';
import type { FacetName, Facets, FacetValue, Restriction, SearchFilters, SearchQuery, SearchSort } from '../port.ts';
import { textClause } from './text-clauses.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;

/** An Elasticsearch search, without its index. */
export interface SearchRequest {
  readonly query: Query;
  readonly post_filter?: Query;
  readonly aggs: Record<string, estypes.AggregationsAggregationContainer>;
  readonly sort: estypes.SortCombinations[];
  readonly search_after?: (string | number)[];
  readonly size: number;
  readonly track_total_hits: boolean;
  readonly allow_partial_search_results: boolean;
  readonly _source: estypes.SearchSourceConfig;
  readonly docvalue_fields?: string[];
}

/** What an answer's aggregations look like, as far as it is read. */
export type SearchAggregations = Readonly<
  Record<FacetName, { readonly values: { readonly buckets: readonly { key: string; doc_count: number }[] } }>
>;

const FACET_NAMES = Object.keys(FACETS) as FacetName[];
/** Of so many distinct values the counts are exact over several shards; over one shard they always are. */
const MAX_SHARD_VALUES = 10_000;

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

/** A filter's name to the field that holds its values. */
const FILTER_FIELDS = {
  status: 'status',
  sku: 'skus',
  tag: 'tags',
  customerId: 'customerId',
  sellerId: 'sellerId',
  currency: 'currency',
} as const;
type FilterName = keyof typeof FILTER_FIELDS;

/** The Elasticsearch search of a query. Pure. @throws InvalidCursorError */
export function searchRequest(query: SearchQuery): SearchRequest {
  const chosen = facetFilters(query);
  return {
    query: queryClause(query, plainFilters(query)),
    ...(chosen.length > 0 && { post_filter: { bool: { filter: chosen.map(({ clause }) => clause) } } }),
    aggs: Object.fromEntries(FACET_NAMES.map((facet) => [facet, facetAggregation(facet, chosen)])),
    sort: [...SORTS[query.sort]],
    ...(query.cursor !== undefined && { search_after: [...decodeSearchCursor(query, query.cursor)] }),
    // One more than a page, to see whether there is a next one.
    size: query.size + 1,
    track_total_hits: true,
    // A shard that does not answer is an outage, not an order fewer.
    allow_partial_search_results: false,
    _source: { excludes: [...TECHNICAL_FIELDS] },
  };
}

/** The facets of an answer to {@link searchRequest}. */
export function facetsOf(aggregations: SearchAggregations | undefined): Facets {
  const valuesOf = (facet: FacetName): FacetValue[] =>
    (aggregations?.[facet].values.buckets ?? []).map(({ key, doc_count }) => ({ value: key, count: doc_count }));
  return {
    status: valuesOf('status'),
    tag: valuesOf('tag'),
    seller: valuesOf('seller'),
    currency: valuesOf('currency'),
  };
}

/** Without the filters of facets: these come behind the counting, as a post filter. */
function queryClause(query: SearchQuery, filters: readonly Query[]): Query {
  const text = query.q === undefined ? undefined : (textClause(parseTextQuery(query.q)) ?? NOTHING);
  const filter = [...visibleTo(query.restrictTo), ...filters];
  return { bool: { filter, ...(text && { must: [text] }) } };
}

/** What the caller may see at most; apart from the filters, so that no facet is ever counted without it. */
export function visibleTo(restrictTo: Restriction | undefined): Query[] {
  return [VISIBLE, ...(restrictTo ? [{ term: { [restrictTo.field]: restrictTo.value } }] : [])];
}

interface FacetFilter {
  readonly facet: FacetName;
  readonly clause: Query;
}

function facetFilters(query: SearchFilters): FacetFilter[] {
  return FACET_NAMES.flatMap((facet) => valuesClause(FACETS[facet], query).map((clause) => ({ facet, clause })));
}

/** Counted of what the filters of the other facets let through. */
function facetAggregation(facet: FacetName, chosen: readonly FacetFilter[]): estypes.AggregationsAggregationContainer {
  const others = chosen.filter((other) => other.facet !== facet).map(({ clause }) => clause);
  const terms = {
    field: FILTER_FIELDS[FACETS[facet]],
    size: MAX_FACET_VALUES,
    shard_size: MAX_SHARD_VALUES,
    order: [{ _count: 'desc' as const }, { _key: 'asc' as const }],
  };
  return { filter: { bool: { filter: others } }, aggs: { values: { terms } } };
}

/** The caller's filters that are of no facet. */
function plainFilters(query: SearchFilters): Query[] {
  const { placedFrom, placedTo, minTotalCents, maxTotalCents } = query;
  return [
    ...valuesClause('sku', query),
    ...valuesClause('customerId', query),
    ...rangeClause('placedAt', placedFrom && firstInstantOf(placedFrom), placedTo && lastInstantOf(placedTo)),
    ...rangeClause('totalCents', minTotalCents, maxTotalCents),
  ];
}

/** Repeats of one name are alternatives. */
function valuesClause(name: FilterName, query: SearchFilters): Query[] {
  const values = query[name] ?? [];
  return values.length > 0 ? [{ terms: { [FILTER_FIELDS[name]]: [...values] } }] : [];
}

function rangeClause(field: string, gte: string | number | undefined, lte: string | number | undefined): Query[] {
  if (gte === undefined && lte === undefined) return [];
  return [{ range: { [field]: { ...(gte !== undefined && { gte }), ...(lte !== undefined && { lte }) } } }];
}
