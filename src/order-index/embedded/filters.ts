import { firstInstantOf, lastInstantOf } from '../../order/day.ts';
import type { Restriction, SearchFilters } from '../port.ts';
import type { GenerationTables } from './schema.ts';
import { isAmong } from './sql.ts';
import type { Sql } from './sql.ts';
import type { TermField } from './terms.ts';

/** The caller's own filters as conditions on a document `d`; see {@link SearchFilters}. */
export function filterConditions(tables: GenerationTables, filters: SearchFilters): Sql[] {
  const { status, sku, tag, customerId, sellerId, currency } = filters;
  return [
    ...columnCondition('d.status', status),
    ...columnCondition('d.customer_id', customerId),
    ...columnCondition('d.seller_id', sellerId),
    ...termCondition(tables, 'sku', sku),
    ...termCondition(tables, 'tag', tag),
    ...termCondition(tables, 'currency', currency),
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
