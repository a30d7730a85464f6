import { z } from 'zod';
import { READABLE_STATUSES } from '../../order/event.ts';
import { createHighlighter } from '../../order/highlight.ts';
import { MAX_Q_CHARACTERS, parseTextQuery } from '../../order/search-text.ts';
import type { SearchQuery } from '../../order-index/port.ts';
import { searchAnswer, suggestAnswer } from '../answers.ts';
import type { Caller } from '../auth.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { currency, cursor, day, oneOf, pageSize, repeatable, text, wholeNumber } from '../parameters.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';
import { restrictionOf } from '../visibility.ts';

const typed = text(MAX_Q_CHARACTERS).meta({ examples: ['lantren', '"white lantern" A-10'] });

/** Ids, SKUs and tags have at most as many (contract §1). */
const value = repeatable(text(256).min(1, 'must not be empty')).optional();
const cents = wholeNumber(0, Number.MAX_SAFE_INTEGER).optional();

const filters = {
  status: repeatable(oneOf(READABLE_STATUSES)).optional(),
  sku: value,
  tag: value,
  customerId: value,
  sellerId: value,
  currency: repeatable(currency()).optional(),
  placedFrom: day()
    .meta({ examples: ['2026-01-01'] })
    .optional(),
  placedTo: day().optional(),
  minTotalCents: cents,
  maxTotalCents: cents,
};

const searchQuery = z
  .strictObject({
    q: typed.optional(),
    ...filters,
    sort: oneOf(['relevance', '-placedAt', 'placedAt', '-totalCents', 'totalCents']).optional(),
    size: pageSize(),
    cursor: cursor(),
  })
  .refine(({ placedFrom, placedTo }) => !(placedFrom && placedTo && placedFrom > placedTo), {
    path: ['placedTo'],
    error: 'must not be before placedFrom',
  })
  .refine(({ minTotalCents = 0, maxTotalCents = Infinity }) => minTotalCents <= maxTotalCents, {
    path: ['maxTotalCents'],
    error: 'must not be less than minTotalCents',
  });

type SearchDependencies = Pick<HttpDependencies, 'search' | 'suggest' | 'freshness'>;

export function searchRoutes(dependencies: SearchDependencies): Route[] {
  return [searchRoute(dependencies), suggestRoute(dependencies)];
}

function searchRoute({ search, freshness }: SearchDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/search',
    summary: 'Orders that match a text and filters',
    access: 'reader',
    params: z.object({}),
    query: searchQuery,
    answers: { 200: searchAnswer },
    handle: async ({ query, caller, signal }) => {
      // Taken first: what is published while the search runs may be missing from it.
      const { asOf, lagSeconds } = await freshness();
      const page = await search(toSearchQuery(query, caller), signal);
      const highlight = createHighlighter(parseTextQuery(query.q ?? ''));
      const hits = page.hits.map(({ document: order, score }) => ({ order, score, highlights: highlight(order) }));
      const { total, facets, nextCursor, tookMs } = page;
      return { body: { total, hits, facets, nextCursor, tookMs, asOf, lagSeconds } };
    },
  });
}

function suggestRoute({ suggest, freshness }: SearchDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/suggest',
    summary: 'What a text in a search box may become, and what it may have been meant to be',
    access: 'reader',
    params: z.object({}),
    query: z.strictObject({ q: typed }),
    answers: { 200: suggestAnswer },
    handle: async ({ query: { q }, caller, signal }) => {
      const { asOf, lagSeconds } = await freshness();
      const restrictTo = restrictionOf(caller);
      const { completions, didYouMean } = await suggest({ q, ...(restrictTo && { restrictTo }) }, signal);
      return { body: { completions, didYouMean, asOf, lagSeconds } };
    },
  });
}

/** Without a text nothing is more relevant than anything else: newest first then, whatever was asked for. */
function toSearchQuery({ q, sort, cursor, ...rest }: z.output<typeof searchQuery>, caller: Caller): SearchQuery {
  const hasText = q !== undefined && q.trim() !== '';
  const restrictTo = restrictionOf(caller);
  return {
    ...rest,
    sort: !hasText && (sort ?? 'relevance') === 'relevance' ? '-placedAt' : (sort ?? 'relevance'),
    ...(hasText ? { q } : {}),
    ...(cursor === undefined ? {} : { cursor }),
    ...(restrictTo ? { restrictTo } : {}),
  };
}
