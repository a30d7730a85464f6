import type { DatabaseSync } from 'node:sqlite';
import { MAX_FACET_VALUES } from '../port.ts';
import type { FacetName, Facets, FacetValue } from '../port.ts';
import type { GenerationTables } from './schema.ts';
import type { Sql } from './sql.ts';

export interface Counted {
  /** Of what all filters let through. */
  readonly total: number;
  readonly facets: Facets;
}

/**
 * Counts what the text, the restriction and the filters of no facet let through (`from`: the documents `d`), with each facet's own
 * condition noted beside each document: so the text is looked up once, and each facet can ignore its own.
 */
export function countFacets(
  database: DatabaseSync,
  tables: GenerationTables,
  from: Sql,
  conditions: Readonly<Record<FacetName, Sql>>,
): Counted {
  const own = Object.entries(conditions).map(([facet, { text }]) => `(${text}) AS in_${facet}`);
  const others = (facet?: FacetName) =>
    Object.keys(conditions).flatMap((other) => (other === facet ? [] : [`in_${other}`])).join(' AND '); // prettier-ignore
  const columns: [FacetName, string, string][] = [
    ['status', 'base.status', ''],
    ['seller', 'base.seller_id', ''],
    ['tag', 't.value', `JOIN ${tables.terms} t ON t.id = base.id AND t.field = 'tag'`],
    ['currency', 't.value', `JOIN ${tables.terms} t ON t.id = base.id AND t.field = 'currency'`],
  ];
  const counts = columns.map(
    ([facet, value, join]) =>
      `SELECT '${facet}' AS facet, value, count FROM (
         SELECT ${value} AS value, count(*) AS count FROM base ${join} WHERE ${others(facet)}
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${MAX_FACET_VALUES})`,
  );
  const sql = `
    WITH base AS MATERIALIZED (SELECT d.id, d.status, d.seller_id, ${own.join(', ')} ${from.text})
    SELECT 'total' AS facet, '' AS value, count(*) AS count FROM base WHERE ${others()}
    UNION ALL ${counts.join(' UNION ALL ')} ORDER BY facet, count DESC, value`;
  const values = [...Object.values(conditions).flatMap((condition) => condition.values), ...from.values];
  return countedOf(database.prepare(sql).all(...values));
}

function countedOf(rows: readonly Readonly<Record<string, unknown>>[]): Counted {
  const byFacet = Map.groupBy(rows, ({ facet }) => String(facet));
  const valuesOf = (facet: FacetName | 'total'): FacetValue[] =>
    (byFacet.get(facet) ?? []).map(({ value, count }) => ({ value: String(value), count: Number(count) }));
  const facets = {
    status: valuesOf('status'),
    tag: valuesOf('tag'),
    seller: valuesOf('seller'),
    currency: valuesOf('currency'),
  };
  return { total: valuesOf('total')[0]?.count ?? 0, facets };
}
