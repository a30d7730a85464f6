import { firstInstantOf, lastInstantOf } from '../../order/day.ts';
import type { FacetName, Restriction, SearchFilters } from '../port.ts';
import type { GenerationTables } from './schema.ts';
import { allOf, isAmong } from './sql.ts';
import type { Sql } from './sql.ts';
import type { TermField } from './terms.ts';

/** The filters that facets belong to, as conditions on a document `d`: one each, true where it narrows nothing. */
export function facetConditions(tables: GenerationTables, filters: SearchFilters): Readonly<Record<FacetName, Sql>> {
  const { status, tag, sellerId, currency } = filters;
  return {
    status: allOf(columnCondition('d.status', status)),
    tag: allOf(termCondition(tables, 'tag', tag)),
    seller: allOf(columnCondition('d.seller_id', sellerId)),
    currency: allOf(termCondition(tables, 'currency', currency)),
  };
}

/** The caller's other filters. */
export function plainConditions(tables: GenerationTables, filters: SearchFilters): Sql[] {
  return [
    ...columnCondition('d.customer_id', filters.customerId),
    ...termCondition(tables, 'sku', filters.sku),
    ...rangeConditions(filters),
  ];
}

/** What a caller may see at most. */
export function restrictionConditions(restrictTo: Restriction | undefined): Sql[] {
  if (!restrictTo) return [];
  const column = { customerId: 'customer_id', sellerId: 'seller_id' }[restrictTo.field];
  return [{ text: `d.${column} = ?`, values: [restrictTo.value] }];
}

function columnCondition(column: string, values: readonly string[] | undefined): Sql[] {
  return values && values.length > 0 ? [isAmong(column, values)] : [];
}

function termCondition({ terms }: GenerationTables, field: TermField, values: readonly string[] | undefined): Sql[] {
  if (!values || values.length === 0) return [];
  const { text } = isAmong('value', values);
  return [{ text: `d.id IN (SELECT id FROM ${terms} WHERE field = '${field}' AND ${text})`, values }];
}

function rangeConditions({ placedFrom, placedTo, minTotalCents, maxTotalCents }: SearchFilters): Sql[] {
  return [
    ...boundCondition('d.placed_at_ms >=', placedFrom && Date.parse(firstInstantOf(placedFrom))),
    ...boundCondition('d.placed_at_ms <=', placedTo && Date.parse(lastInstantOf(placedTo))),
    ...boundCondition('d.total_cents >=', minTotalCents),
    ...boundCondition('d.total_cents <=', maxTotalCents),
  ];
}

function boundCondition(comparison: string, bound: number | '' | undefined): Sql[] {
  return typeof bound === 'number' ? [{ text: `${comparison} ?`, values: [bound] }] : [];
}
