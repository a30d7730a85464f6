import {
  COMPLETION_KINDS,
  completes,
  completionsOf,
  correctedQuery,
  isWhole,
  namesNearby,
  understandTyped,
} from '../order/suggest.ts';
import type { CompletionKind, SuggestibleOrder, Typed } from '../order/suggest.ts';
import type { SearchQuery, SuggestQuery, Suggestions } from './port.ts';

/** Texts of the newest orders that match in a kind, one list an order. */
export type Rows = readonly (readonly string[])[];

/** What an index is asked for. Both ways are restricted as the query is. */
export interface SuggestSource {
  /**
   * Of each kind, the texts of its {@link NEWEST_ORDERS} newest orders that have one which the typed text begins; newest first. Of ids also
   * those of as many orders that have one which is the typed text, so that it is offered however many newer ones begin so.
   */
  newest(typed: Typed, query: SuggestQuery): Promise<Readonly<Record<CompletionKind, Rows>>>;
  /** Typo-tolerant; only the orders are looked at, and of them what they are for. */
  search(query: SearchQuery): Promise<{ readonly hits: readonly { readonly document: SuggestibleOrder }[] }>;
}

/** From so many orders a kind's completions are drawn: what is ordered now is what is looked for, and it bounds the work of a key. */
export const NEWEST_ORDERS = 30;
/** Found in spite of typos, to see what was meant. */
const NEARBY_ORDERS = 20;

/**
 * Completions, and where nothing begins with the text, what was probably meant. Everything offered stands in an order that a search under
 * the same restriction finds. @throws IndexUnavailableError
 */
export async function suggest(source: SuggestSource, query: SuggestQuery): Promise<Suggestions> {
  const typed = understandTyped(query.q);
  if (typed.folded === '') return { completions: [], didYouMean: null };
  const rows = await source.newest(typed, query);
  const completions = COMPLETION_KINDS.flatMap((kind) =>
    completionsOf(
      kind,
      rows[kind],
      (text) => completes(kind, typed, text),
      (text) => isWhole(kind, typed, text),
    ),
  );
  if (completions.length > 0) return { completions, didYouMean: null };
  // Quotation marks would forbid typos.
  const q = query.q.replaceAll('"', ' ');
  const { hits } = await source.search({ ...query, q, sort: 'relevance', size: NEARBY_ORDERS });
  const orders = hits.map(({ document }) => document);
  return { completions: namesNearby(query.q, orders), didYouMean: correctedQuery(query.q, orders) };
}
