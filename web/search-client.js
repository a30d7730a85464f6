/**
 * @typedef {{ sku: string, name: string, quantity: number, unitPriceCents: number }} Item
 * @typedef {{
 *   orderId: string, status: string, customerId: string, customerName: string, customerEmail?: string, sellerId: string,
 *   items: Item[], itemNames: string[], skus: string[], tags: string[], currency: string,
 *   totalCents: number, paidCents: number, refundedCents: number, netCents: number,
 *   placedAt: string, paidAt?: string, shippedAt?: string, deliveredAt?: string, cancelledAt?: string,
 *   updatedAt: string, version: number,
 * }} Order
 * @typedef {{ order: Order, score: number | null, highlights: Record<string, string[]> }} Hit
 * @typedef {{ value: string, count: number }} FacetValue
 * @typedef {{ status: FacetValue[], tag: FacetValue[], seller: FacetValue[], currency: FacetValue[] }} Facets
 * @typedef {{ total: number, hits: Hit[], facets: Facets, nextCursor: string | null, asOf: string, lagSeconds: number }} SearchAnswer
 * @typedef {{ status: string[], tag: string[], sellerId: string[], currency: string[] }} Filters
 * @typedef {{ q: string, sort: string, filters: Filters }} Query
 */

const TOKEN_KEY = 'order-search-token';

/** An answer that is no success; `status` is 0 where there was no answer at all. */
export class SearchProblem extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The caller's token, where there is one. */
export function readToken() {
  return sessionStorage.getItem(TOKEN_KEY);
}

/** Keeps the caller's token for this tab. @param {string} token */
export function signIn(token) {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/**
 * The query as URL parameters, without what is left to its default.
 * @param {Query} query
 */
export function toParameters(query) {
  const parameters = new URLSearchParams();
  if (query.q.trim() !== '') parameters.set('q', query.q);
  for (const [name, values] of Object.entries(query.filters)) {
    for (const value of values) parameters.append(name, value);
  }
  if (query.sort !== '') parameters.set('sort', query.sort);
  return parameters;
}

/**
 * @param {Query} query
 * @param {{ size: number, cursor?: string | undefined, signal: AbortSignal }} page
 * @returns {Promise<SearchAnswer>}
 * @throws {SearchProblem} or, when it was aborted, the signal's reason
 */
export async function search(query, { size, cursor, signal }) {
  const parameters = toParameters(query);
  parameters.set('size', String(size));
  if (cursor) parameters.set('cursor', cursor);
  return get(`search?${parameters}`, signal);
}

/**
 * @param {string} q
 * @param {AbortSignal} signal
 * @returns {Promise<{ completions: { text: string, kind: 'item' | 'customer' | 'sku' | 'order' }[], didYouMean: string | null }>}
 * @throws {SearchProblem} or, when it was aborted, the signal's reason
 */
export async function suggest(q, signal) {
  return get(`suggest?${new URLSearchParams({ q })}`, signal);
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 */
async function get(address, signal) {
  const token = readToken();
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(address, { signal, headers }).catch((error) => {
    signal.throwIfAborted();
    throw new SearchProblem(0, `The service does not answer (${error.message}).`);
  });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new SearchProblem(response.status, problem.detail ?? `The service answered ${response.status}.`);
}
