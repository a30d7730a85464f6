import type { DatabaseSync } from 'node:sqlite';
import { parseTextQuery } from '../../order/search-text.ts';
import { decodeSearchCursor, encodeSearchCursor } from '../cursor.ts';
import type { SortKey } from '../cursor.ts';
import type { SearchPage, SearchQuery, SearchSort } from '../port.ts';
import { countFacets } from './facets.ts';
import { facetConditions, plainConditions, restrictionConditions } from './filters.ts';
import type { Generation } from './generation.ts';
import { matchExpressions } from './match-expression.ts';
import { tablesOf } from './schema.ts';
import type { GenerationTables } from './schema.ts';
import { allOf } from './sql.ts';
import type { Sql } from './sql.ts';

/** More than all boosts of the longest query together: a whole id comes first. */
const EXACT_ID = 1_000;

type Direction = 'ASC' | 'DESC';

/** By which columns, then by order id. */
const ORDERS: Readonly<Record<SearchSort, readonly (readonly [column: string, direction: Direction])[]>> = {
  relevance: [['score', 'DESC'], ['placed_at_ms', 'DESC']],
  '-placedAt': [['placed_at_ms', 'DESC']],
  placedAt: [['placed_at_ms', 'ASC']],
  '-totalCents': [['total_cents', 'DESC']],
  totalCents: [['total_cents', 'ASC']],
}; // prettier-ignore

/**
 * One page. A score is made of the query and the document alone, of no statistics: it stays the same while other orders arrive, so
 * a walk by relevance sees every order once too.
 * @throws InvalidCursorError
 */
export function searchPage(database: DatabaseSync, generation: Generation, query: SearchQuery): SearchPage {
  const startedMs = performance.now();
  const after = query.cursor === undefined ? undefined : decodeSearchCursor(query, query.cursor);
  const text = understood(query, generation);
  const tables = tablesOf(generation.number);
  const conditions = facetConditions(tables, query);
  const from = fromClause(tables, query, text.matches);
  const page = pageSql(query, text.score, alsoWith(from, Object.values(conditions)), after);
  const rows = database.prepare(page.text).all(...page.values);
  const shown = rows.slice(0, query.size);
  const last = shown.at(-1);
  const isRanked = query.sort === 'relevance';
  return {
    ...countFacets(database, tables, from, conditions),
    hits: generation
      .shown(shown.map(({ id }) => Number(id)))
      .map((document, index) => ({ document, score: isRanked ? Number(shown[index]?.['score']) : null })),
    nextCursor: last && rows.length > shown.length ? encodeSearchCursor(query, sortKeyOf(query.sort, last)) : null,
    tookMs: Math.round(performance.now() - startedMs),
  };
}

/** One more than a page, to see whether there is a next one. */
function pageSql({ sort, size }: SearchQuery, score: Sql, from: Sql, after: SortKey | undefined): Sql {
  const inner = `SELECT d.id, d.order_id, d.placed_at_ms, d.total_cents, ${score.text} AS score ${from.text}`;
  const order = [...ORDERS[sort].map(([column, direction]) => `${column} ${direction}`), 'order_id ASC'].join(', ');
  const beyond: Sql = after ? afterClause(sort, after) : { text: '1', values: [] };
  return {
    text: `SELECT id, order_id, placed_at_ms, total_cents, score FROM (${inner}) WHERE ${beyond.text} ORDER BY ${order} LIMIT ?`,
    values: [...score.values, ...from.values, ...beyond.values, size + 1],
  };
}

/** Without the filters of facets. */
function fromClause(tables: GenerationTables, query: SearchQuery, matches: Sql | undefined): Sql {
  const { text, values } = allOf([
    { text: 'd.visible = 1', values: [] },
    ...(matches ? [{ text: `d.id IN (${matches.text})`, values: matches.values }] : []),
    ...restrictionConditions(query.restrictTo),
    ...plainConditions(tables, query),
  ]);
  return { text: `FROM ${tables.documents} d WHERE ${text}`, values };
}

function alsoWith(from: Sql, conditions: readonly Sql[]): Sql {
  const { text, values } = allOf(conditions);
  return { text: `${from.text} AND ${text}`, values: [...from.values, ...values] };
}

/** Which documents a text query finds (undefined: all), and what their score is. */
function understood({ q, sort }: SearchQuery, generation: Generation): { readonly matches?: Sql; readonly score: Sql } {
  if (q === undefined) return { score: { text: '0', values: [] } };
  const { words, exact } = tablesOf(generation.number);
  const textQuery = parseTextQuery(q);
  const { match, boosts } = matchExpressions(textQuery, generation.vocabulary);
  const exactIds: Sql = { text: `SELECT id FROM ${exact} WHERE folded = ?`, values: [textQuery.exact] };
  const boostSql = [
    { text: `${EXACT_ID} * (d.id IN (${exactIds.text}))`, values: exactIds.values },
    ...boosts.map(({ expression, weight }) => ({
      text: `${weight} * (d.id IN (SELECT rowid FROM ${words} WHERE ${words} MATCH ?))`,
      values: [expression],
    })),
  ];
  const score =
    sort === 'relevance'
      ? { text: boostSql.map(({ text }) => text).join(' + '), values: boostSql.flatMap(({ values }) => values) }
      : { text: '0', values: [] };
  if (match === undefined) return { matches: exactIds, score };
  const text = `SELECT rowid FROM ${words} WHERE ${words} MATCH ? UNION ${exactIds.text}`;
  return { matches: { text, values: [match, ...exactIds.values] }, score };
}

/** What comes behind a place in the order: greater (or, descending, less) at the first column that differs. */
function afterClause(sort: SearchSort, after: SortKey): Sql {
  const columns = [...ORDERS[sort], ['order_id', 'ASC'] as const];
  const alternatives = columns.map(([column, direction], index): Sql => {
    const same = columns.slice(0, index).map(([before]) => `${before} = ?`);
    const beyond = `${column} ${direction === 'ASC' ? '>' : '<'} ?`;
    return { text: `(${[...same, beyond].join(' AND ')})`, values: after.slice(0, index + 1) };
  });
  return {
    text: `(${alternatives.map(({ text }) => text).join(' OR ')})`,
    values: alternatives.flatMap(({ values }) => values),
  };
}

function sortKeyOf(sort: SearchSort, row: Readonly<Record<string, unknown>>): SortKey {
  return [...ORDERS[sort].map(([column]) => Number(row[column])), String(row['order_id'])];
}
