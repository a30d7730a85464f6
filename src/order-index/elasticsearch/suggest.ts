import type { estypes } from '@elastic/elasticsearch';
import type { OrderDocument } from '../../order/document.ts';
import { COMPLETION_KINDS, isId, SUGGESTED_FROM } from '../../order/suggest.ts';
import type { CompletionKind, SuggestibleOrder, Typed } from '../../order/suggest.ts';
import { NEWEST_ORDERS, suggest } from '../suggest.ts';
import type { Rows } from '../suggest.ts';
import { IndexUnavailableError } from '../port.ts';
import type { SuggestQuery, Suggestions } from '../port.ts';
import { READ, serverTimeout } from './client.ts';
import { causeOf, unavailable, unavailableItem } from './errors.ts';
import { asked, pageOf, send } from './search.ts';
import type { Searching } from './search.ts';
import { searchRequest, visibleTo } from './search-query.ts';
import { allWithin, MAX_EXACT_CHARACTERS } from './text-clauses.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;

/** @throws IndexUnavailableError */
export function suggestFor(searching: Searching, query: SuggestQuery, signal?: AbortSignal): Promise<Suggestions> {
  const source = {
    newest: (typed: Typed) => asked(searching, signal, (until) => newest(searching, typed, query, until)),
    search: async (search: Parameters<typeof searchRequest>[0]) => {
      const request = { ...searchRequest(search), aggs: {}, track_total_hits: false, _source: [...SUGGESTED_FROM] };
      return pageOf(
        await asked(searching, signal, (until) => send<unknown, SuggestibleOrder>(searching, request, until)),
        search,
      );
    },
  };
  return suggest(source, query);
}

async function newest(
  { client, alias, requestTimeoutMs }: Searching,
  typed: Typed,
  query: SuggestQuery,
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<CompletionKind, Rows>>> {
  const timeout = serverTimeout(requestTimeoutMs);
  const requests = [...COMPLETION_KINDS.map((kind) => KINDS[kind](typed)), wholeIds(typed)];
  const searches = requests.flatMap((request) => [WHOLE, { ...newestRequest(request, query), timeout }]);
  let responses: estypes.MsearchResponse<OrderDocument>['responses'];
  try {
    ({ responses } = await client.msearch<OrderDocument>(
      { index: alias, searches },
      { ...READ, ...(signal && { signal }) },
    ));
  } catch (thrown) {
    signal?.throwIfAborted();
    throw unavailable('the completions', thrown);
  }
  const whole = responses[COMPLETION_KINDS.length];
  const rows = COMPLETION_KINDS.map((kind, at) => {
    return [kind, [...rowsOf(kind, responses[at]), ...(isId(kind) ? rowsOf(kind, whole) : [])]] as const;
  });
  return Object.fromEntries(rows) as Record<CompletionKind, Rows>;
}

/** A shard that does not answer is an outage, not a completion fewer. */
const WHOLE = { allow_partial_search_results: false };

/** Newest first, which the dates' points let it find without looking at every match. */
function newestRequest({ query, ...texts }: KindRequest, { restrictTo }: SuggestQuery) {
  return {
    query: { bool: { filter: [...visibleTo(restrictTo), query] } },
    sort: [{ placedAt: { order: 'desc' as const } }, { orderId: { order: 'asc' as const } }],
    size: NEWEST_ORDERS,
    track_total_hits: false,
    ...texts,
  };
}

interface KindRequest {
  readonly query: Query;
  readonly _source: boolean | string[];
  readonly docvalue_fields?: string[];
}

const NOTHING: Query = { match_none: {} };

/** Ids come from their columns: they spare the reading of whole documents. */
const KINDS: Readonly<Record<CompletionKind, (typed: Typed) => KindRequest>> = {
  item: ({ terms }) => ({ query: allWithin(terms, 'search.items') ?? NOTHING, _source: ['itemNames'] }),
  customer: ({ terms }) => ({ query: allWithin(terms, 'search.customer') ?? NOTHING, _source: ['customerName'] }),
  sku: ({ folded }) => ({ query: beginsWith('skus', folded), _source: false, docvalue_fields: ['skus'] }),
  order: ({ folded }) => ({ query: beginsWith('orderId', folded), _source: false, docvalue_fields: ['orderId'] }),
};

function wholeIds({ folded }: Typed): KindRequest {
  const query = folded.length > MAX_EXACT_CHARACTERS ? NOTHING : { term: { 'search.exact': folded } };
  return { query, _source: false, docvalue_fields: ['skus', 'orderId'] };
}

/** Elasticsearch refuses a prefix of more than 1,000 UTF-16 code units, and a character may fold to many: the rest is judged afterwards. */
const MAX_PREFIX_CHARACTERS = 500;

/** Where those ids stand that are folded in more than the case of ASCII letters. */
const FOLDED = { skus: 'search.foldedSkus', orderId: 'search.foldedOrderId' } as const;

/** In the ids themselves regardless of the case of ASCII letters. */
function beginsWith(field: keyof typeof FOLDED, folded: string): Query {
  const value = [...folded].slice(0, MAX_PREFIX_CHARACTERS).join('');
  const plain = { prefix: { [field]: { value, case_insensitive: true } } };
  return { bool: { should: [plain, { prefix: { [FOLDED[field]]: { value } } }], minimum_should_match: 1 } };
}

function rowsOf(kind: CompletionKind, response: estypes.MsearchResponseItem<OrderDocument> | undefined): Rows {
  if (!response || 'error' in response) {
    throw unavailableItem('the completions', response?.status ?? 0, causeOf(response));
  }
  if (response.timed_out) throw new IndexUnavailableError('the completions took too long');
  return response.hits.hits.map(({ _source, fields }) => {
    if (kind === 'item') return _source?.itemNames ?? [];
    if (kind === 'customer') return _source?.customerName === undefined ? [] : [_source.customerName];
    return (fields?.[kind === 'sku' ? 'skus' : 'orderId'] ?? []) as string[];
  });
}
