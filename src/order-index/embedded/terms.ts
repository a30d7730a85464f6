import type { DatabaseSync } from 'node:sqlite';
import type { OrderView, SearchFields } from '../../order/document.ts';
import { createTermsTable, tablesOf } from './schema.ts';

/** The fields of which an order may have many values, or that no column holds. */
export type TermField = 'sku' | 'tag' | 'currency' | 'foldedSku' | 'foldedOrderId';

type Term = readonly [field: TermField, value: string];

/** Brings the terms of one document to what it says. Most events change none of them, and then nothing is written. */
export function prepareTerms(
  database: DatabaseSync,
  number: number,
): (id: number, view: OrderView, search: SearchFields | undefined) => void {
  const { terms } = tablesOf(number);
  const stored = database.prepare(`SELECT field, value FROM ${terms} WHERE id = ?`);
  const add = database.prepare(`INSERT OR IGNORE INTO ${terms} (field, value, id) VALUES (?, ?, ?)`);
  const drop = database.prepare(`DELETE FROM ${terms} WHERE field = ? AND value = ? AND id = ?`);
  return (id, view, search) => {
    const wanted = new Map(termsOf(view, search).map((term) => [JSON.stringify(term), term]));
    for (const { field, value } of stored.all(id)) {
      const isKept = wanted.delete(JSON.stringify([field, value]));
      if (!isKept) drop.run(String(field), String(value), id);
    }
    for (const [field, value] of wanted.values()) add.run(field, value, id);
  };
}

/** Makes the terms of a generation that was begun by code which had none. Within a transaction. */
export function completeTerms(database: DatabaseSync, number: number): void {
  const { terms, documents } = tablesOf(number);
  const isThere = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(terms);
  if (isThere !== undefined) return;
  createTermsTable(database, number);
  const setTerms = prepareTerms(database, number);
  const rows = database.prepare(`SELECT id, view, search FROM ${documents} WHERE visible = 1`);
  for (const { id, view, search } of rows.iterate()) {
    setTerms(Number(id), JSON.parse(String(view)) as OrderView, JSON.parse(String(search)) as SearchFields);
  }
}

/** A hidden order has none of these fields. */
function termsOf({ skus = [], tags = [], currency }: OrderView, search: SearchFields | undefined): Term[] {
  return [
    ...skus.map((sku): Term => ['sku', sku]),
    ...tags.map((tag): Term => ['tag', tag]),
    ...(currency === undefined ? [] : [['currency', currency] as const]),
    ...(search?.foldedSkus ?? []).map((folded): Term => ['foldedSku', folded]),
    ...(search?.foldedOrderId === undefined ? [] : [['foldedOrderId', search.foldedOrderId] as const]),
  ];
}
