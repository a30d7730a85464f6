import type { DatabaseSync } from 'node:sqlite';
import type { OrderView } from '../../order/document.ts';
import { COMPLETION_KINDS, isId } from '../../order/suggest.ts';
import type { CompletionKind, Typed } from '../../order/suggest.ts';
import type { SuggestQuery } from '../port.ts';
import { NEWEST_ORDERS } from '../suggest.ts';
import type { Rows, SuggestSource } from '../suggest.ts';
import { restrictionConditions } from './filters.ts';
import type { Generation } from './generation.ts';
import { wordsWithin } from './match-expression.ts';
import { tablesOf } from './schema.ts';
import type { GenerationTables } from './schema.ts';
import { allOf } from './sql.ts';
import type { Sql } from './sql.ts';
import type { TermField } from './terms.ts';

/** What {@link SuggestSource.newest} promises. */
export function newestTexts(
  database: DatabaseSync,
  { number }: Generation,
  typed: Typed,
  { restrictTo }: SuggestQuery,
): Awaited<ReturnType<SuggestSource['newest']>> {
  const tables = tablesOf(number);
  const restriction = allOf(restrictionConditions(restrictTo));
  const rowsOf = (kind: CompletionKind, matching: Sql | undefined): Rows => {
    if (!matching) return [];
    const sql = `SELECT d.view FROM ${tables.documents} d WHERE d.visible = 1 AND ${restriction.text}
      AND d.id IN (${matching.text}) ORDER BY d.placed_at_ms DESC, d.order_id LIMIT ${NEWEST_ORDERS}`;
    const rows = database.prepare(sql).all(...restriction.values, ...matching.values);
    return rows.map(({ view }) => textsOf(kind, JSON.parse(String(view)) as OrderView));
  };
  const whole: Sql = { text: `SELECT id FROM ${tables.exact} WHERE folded = ?`, values: [typed.folded] };
  const rows = COMPLETION_KINDS.map((kind) => {
    return [kind, [...rowsOf(kind, KINDS[kind](tables, typed)), ...(isId(kind) ? rowsOf(kind, whole) : [])]] as const;
  });
  return Object.fromEntries(rows) as Record<CompletionKind, Rows>;
}

/** Of each kind, the documents that have a text which the typed one begins; undefined: none. */
const KINDS: Readonly<Record<CompletionKind, (tables: GenerationTables, typed: Typed) => Sql | undefined>> = {
  item: (tables, typed) => wordsIn(tables, 'items', typed),
  customer: (tables, typed) => wordsIn(tables, 'customer', typed),
  sku: (tables, { folded }) => {
    const skus = `JOIN ${tables.terms} t ON t.id = e.id AND t.field = 'sku' AND lower(t.value) = e.folded`;
    return idsFrom(tables, folded, skus, 'foldedSku');
  },
  order: (tables, { folded }) => {
    const orderIds = `JOIN ${tables.documents} o ON o.id = e.id AND lower(o.order_id) = e.folded`;
    return idsFrom(tables, folded, orderIds, 'foldedOrderId');
  },
};

/**
 * @param toKind joins the ids `e` with those of a kind, as far as ASCII goes
 * @param beyondAscii where the others of the kind stand
 */
function idsFrom({ exact, terms }: GenerationTables, folded: string, toKind: string, beyondAscii: TermField): Sql {
  const bounds = [folded, `${folded}\u{10ffff}`];
  const plain = `SELECT e.id FROM ${exact} e ${toKind} WHERE e.folded >= ? AND e.folded <= ?`;
  const beyond = `SELECT id FROM ${terms} WHERE field = '${beyondAscii}' AND value >= ? AND value <= ?`;
  return { text: `${plain} UNION ${beyond}`, values: [...bounds, ...bounds] };
}

function wordsIn({ words }: GenerationTables, column: 'items' | 'customer', { terms }: Typed): Sql | undefined {
  const match = wordsWithin(terms, column);
  return match === undefined
    ? undefined
    : { text: `SELECT rowid FROM ${words} WHERE ${words} MATCH ?`, values: [match] };
}

function textsOf(
  kind: CompletionKind,
  { itemNames = [], customerName, skus = [], orderId }: OrderView,
): readonly string[] {
  switch (kind) {
    case 'item':
      return itemNames;
    case 'customer':
      return customerName === undefined ? [] : [customerName];
    case 'sku':
      return skus;
    case 'order':
      return [orderId];
  }
}
