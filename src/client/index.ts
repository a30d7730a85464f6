import { isProblem, OrderSearchProblem, problemOf, saysThereIsNone } from './problem.ts';
import type {
  CustomerOrdersAnswer,
  HistoryAnswer,
  Hit,
  LagAnswer,
  OrderAnswer,
  RevenueDailyAnswer,
  RevenueQuery,
  SearchAnswer,
  SearchQuery,
  SellerDashboardAnswer,
  SuggestAnswer,
} from './types.ts';

export { OrderSearchProblem };
export type * from './types.ts';

export interface ClientOptions {
  /** Where the service is, with the path where it has one: `https://orders.example`. */
  readonly url: string;
  /** A bearer token, or what gives one for each request; without one the request has none. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined;
  /** How often a request is sent at most, where the service says that it may be tried again (429, 503); default: 3. */
  readonly attempts?: number | undefined;
  readonly fetch?: typeof fetch | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait at most, in milliseconds; default: 10,000. */
  readonly waitMs?: number | undefined;
}

/**
 * A client of the service's HTTP interface. Everything rejects with {@link OrderSearchProblem} for an answer that is no success, with
 * `fetch`'s own error where there is no answer, with the signal's reason once it is aborted, and with a `TypeError` for an id that no
 * address can have: an empty one, `.`, `..`, and one that is no Unicode.
 */
export interface OrderSearchClient {
  search(query: SearchQuery, options?: CallOptions): Promise<SearchAnswer>;
  /**
   * Every hit of a search, page by page; each order once, though others arrive meanwhile. One that changes its own place in the order
   * of hits meanwhile may be left out. The ids of all that were given are kept to the end.
   */
  hits(query: Omit<SearchQuery, 'cursor'>, options?: CallOptions): AsyncGenerator<Hit, void, undefined>;
  suggest(q: string, options?: CallOptions): Promise<SuggestAnswer>;
  /** `at`: as the order was at that instant, RFC 3339. Undefined where there is none that the caller may see. */
  order(
    orderId: string,
    options?: CallOptions & { readonly at?: string | undefined },
  ): Promise<OrderAnswer | undefined>;
  history(orderId: string, options?: CallOptions): Promise<HistoryAnswer | undefined>;
  customerOrders(
    customerId: string,
    options?: CallOptions & { readonly size?: number | undefined; readonly cursor?: string | undefined },
  ): Promise<CustomerOrdersAnswer | undefined>;
  /** What was paid and refunded on each day, over all sellers. */
  revenueDaily(query?: RevenueQuery, options?: CallOptions): Promise<RevenueDailyAnswer>;
  /** Undefined where it is not the caller's to see. */
  sellerDashboard(
    sellerId: string,
    query?: RevenueQuery,
    options?: CallOptions,
  ): Promise<SellerDashboardAnswer | undefined>;
  /** For admins: how far answers are behind, and were. `since`: RFC 3339, only what was seen after that. */
  lag(options?: CallOptions & { readonly since?: string | undefined }): Promise<LagAnswer>;
  /** The order once it has arrived at the version, or at a newer one; undefined where it has not in time. */
  waitForVersion(orderId: string, version: number, options?: WaitOptions): Promise<OrderAnswer | undefined>;
}

type Parameters = Readonly<Record<string, string | number | readonly string[] | undefined>>;

const PAGE_SIZE = 100;
/** The longest that one request may wait. */
const MAX_WAIT_MS = 10_000;

export function createClient(options: ClientOptions): OrderSearchClient {
  const get = <T>(path: string, parameters: Parameters, signal: AbortSignal | undefined) =>
    send<T>(options, path, parameters, signal);
  const client: OrderSearchClient = {
    search: (query, { signal } = {}) => get('search', { ...query }, signal),
    hits: (query, call) => allHits(client, query, call),
    suggest: (q, { signal } = {}) => get('suggest', { q }, signal),
    order: async (orderId, { at, signal } = {}) => orNothing(get(`orders/${segmentOf(orderId)}`, { at }, signal)),
    history: async (orderId, { signal } = {}) => orNothing(get(`orders/${segmentOf(orderId)}/history`, {}, signal)),
    customerOrders: async (customerId, { signal, ...page } = {}) =>
      orNothing(get(`customers/${segmentOf(customerId)}/orders`, page, signal)),
    revenueDaily: (query = {}, { signal } = {}) => get('revenue/daily', { ...query }, signal),
    sellerDashboard: async (sellerId, query = {}, { signal } = {}) =>
      orNothing(get(`sellers/${segmentOf(sellerId)}/dashboard`, { ...query }, signal)),
    lag: ({ since, signal } = {}) => get('admin/lag', { since }, signal),
    async waitForVersion(orderId, minVersion, { waitMs = MAX_WAIT_MS, signal } = {}) {
      const path = `orders/${segmentOf(orderId)}`;
      const until = performance.now() + waitMs;
      for (;;) {
        const leftMs = Math.max(0, Math.round(until - performance.now()));
        const parameters = { minVersion, waitMs: Math.min(leftMs, MAX_WAIT_MS) };
        try {
          // An order that is hidden by now has arrived all the same.
          return await orNothing(get<OrderAnswer>(path, parameters, signal));
        } catch (error) {
          if (!isProblem(error, 412)) throw error;
          if (leftMs <= MAX_WAIT_MS) return undefined;
        }
      }
    },
  };
  return client;
}

async function* allHits(
  client: Pick<OrderSearchClient, 'search'>,
  query: Omit<SearchQuery, 'cursor'>,
  options: CallOptions | undefined,
): AsyncGenerator<Hit, void, undefined> {
  let cursor: string | undefined;
  const given = new Set<string>();
  do {
    const page = await client.search({ size: PAGE_SIZE, ...query, cursor }, options);
    for (const hit of page.hits) {
      const { orderId } = hit.order;
      if (given.has(orderId)) continue;
      given.add(orderId);
      yield hit;
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (saysThereIsNone(error)) return undefined;
    throw error;
  }
}

async function send<T>(
  { url, token, attempts = 3, fetch: request = fetch }: ClientOptions,
  path: string,
  parameters: Parameters,
  signal: AbortSignal | undefined,
): Promise<T> {
  const address = new URL(`${path}${queryOf(parameters)}`, url.endsWith('/') ? url : `${url}/`);
  for (let attempt = 1; ; attempt++) {
    const bearer = typeof token === 'function' ? await token() : token;
    const headers = { accept: 'application/json', ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
    const response = await request(address, { headers, ...(signal && { signal }) });
    if (response.ok) return (await response.json()) as T;
    const problem = await problemOf(response);
    const mayRepeat = problem.status === 429 || problem.status === 503;
    if (!mayRepeat || problem.retryAfterSeconds === undefined || attempt >= attempts) throw problem;
    await pause(problem.retryAfterSeconds * 1_000, signal);
  }
}

/** No id is empty, and addresses resolve `.` and `..` however they are written. @throws TypeError for an id that no address can have */
function segmentOf(id: string): string {
  if (id.isWellFormed() && !['', '.', '..'].includes(id)) return encodeURIComponent(id);
  throw new TypeError(`No address can have the id ${JSON.stringify(id)}`);
}

function queryOf(parameters: Parameters): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of value === undefined ? [] : [value].flat()) query.append(name, String(one));
  }
  return query.size > 0 ? `?${query.toString()}` : '';
}

/** Rejects with the signal's reason once it is aborted. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
