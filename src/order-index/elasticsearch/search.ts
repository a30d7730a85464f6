import type { Client, estypes } from '@elastic/elasticsearch';
import type { OrderView } from '../../order/document.ts';
import { encodeSearchCursor } from '../cursor.ts';
import type { SortKey } from '../cursor.ts';
import { IndexUnavailableError } from '../port.ts';
import type { SearchPage, SearchQuery } from '../port.ts';
import type { Breaker } from './breaker.ts';
import { READ, serverTimeout } from './client.ts';
import { unavailable } from './errors.ts';
import { facetsOf, searchRequest } from './search-query.ts';
import type { SearchAggregations, SearchRequest } from './search-query.ts';

export interface Searching {
  readonly client: Client;
  readonly searches: Breaker;
  readonly alias: string;
  readonly requestTimeoutMs: number;
}

/** An answer with the aggregations `A`, and of the documents what was asked for: technical fields, the bulk of them, stay in the index. */
type Answer<A, D = OrderView> = estypes.SearchResponse<D, A>;

/** Hits of documents of which `D` was asked for. */
interface Page<D> extends Pick<SearchPage, 'nextCursor'> {
  readonly hits: readonly { readonly document: D; readonly score: number | null }[];
}

/** @throws InvalidCursorError, IndexUnavailableError */
export async function searchOrders(
  searching: Searching,
  query: SearchQuery,
  signal?: AbortSignal,
): Promise<SearchPage> {
  const request = searchRequest(query);
  const answer = await asked(searching, signal, (until) => send<SearchAggregations>(searching, request, until));
  const { total } = answer.hits;
  return {
    total: typeof total === 'number' ? total : (total?.value ?? 0),
    ...pageOf(answer, query),
    facets: facetsOf(answer.aggregations),
    tookMs: answer.took,
  };
}

/** The hits of one page, of which one more was asked for than is shown. */
export function pageOf<D>({ hits }: Answer<unknown, D>, query: SearchQuery): Page<D> {
  const shown = hits.hits.slice(0, query.size);
  const after = hits.hits.length > shown.length ? shown.at(-1)?.sort : undefined;
  return {
    hits: shown.flatMap(({ _source, _score }) => (_source ? [{ document: _source, score: _score ?? null }] : [])),
    nextCursor: after ? encodeSearchCursor(query, after as unknown as SortKey) : null,
  };
}

/** Past the breaker. Its probe of an outage runs to the end though nobody waits for it: an aborted one would say nothing. */
export function asked<T>(
  { searches }: Searching,
  signal: AbortSignal | undefined,
  request: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  return searches.run(() => request(searches.state() === 'closed' ? signal : undefined));
}

/** @throws IndexUnavailableError */
export async function send<A, D = OrderView>(
  { client, alias, requestTimeoutMs }: Searching,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<Answer<A, D>> {
  const timeout = serverTimeout(requestTimeoutMs);
  let answer: Answer<A, D>;
  try {
    answer = await client.search({ index: alias, timeout, ...request }, { ...READ, ...(signal && { signal }) });
  } catch (thrown) {
    signal?.throwIfAborted();
    throw unavailable('the search', thrown);
  }
  if (answer.timed_out) throw new IndexUnavailableError('the search took too long');
  return answer;
}
