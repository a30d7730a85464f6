import { readFilters } from './facets.js';
import { readRanges } from './ranges.js';

/**
 * @import { OrderStatus, SearchQuery } from './client/index.ts'
 * @import { Ranges } from './ranges.js'
 * @typedef {{ status: string[], tag: string[], sellerId: string[], currency: string[] }} Filters
 * @typedef {{ q: string, sort: string, filters: Filters, ranges: Ranges }} Query
 */

/** What is asked by an address or a form. @param {URLSearchParams | FormData} source @returns {Query} */
export function readQuery(source) {
  const text = (/** @type {string} */ name) => String(source.get(name) ?? '');
  return { q: text('q'), sort: text('sort'), filters: readFilters(source), ranges: readRanges(source) };
}

/** The query as URL parameters, without what is left to its default. @param {Query} query */
export function toParameters(query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(toSearchQuery(query))) {
    for (const one of [value].flat()) parameters.append(name, String(one));
  }
  return parameters;
}

/**
 * The query as the service is asked, without what is left to its default. An address may hold anything: the service refuses what it
 * does not know.
 * @param {Query} query
 * @returns {SearchQuery}
 */
export function toSearchQuery({ q, sort, filters, ranges }) {
  const { status, ...others } = filters;
  const { placedFrom, placedTo, minTotalCents, maxTotalCents } = ranges;
  return {
    ...(q.trim() !== '' && { q }),
    status: /** @type {OrderStatus[]} */ (status),
    ...others,
    ...(placedFrom !== '' && { placedFrom }),
    ...(placedTo !== '' && { placedTo }),
    ...(minTotalCents !== '' && { minTotalCents: Number(minTotalCents) }),
    ...(maxTotalCents !== '' && { maxTotalCents: Number(maxTotalCents) }),
    ...(sort !== '' && { sort: /** @type {NonNullable<SearchQuery['sort']>} */ (sort) }),
  };
}
