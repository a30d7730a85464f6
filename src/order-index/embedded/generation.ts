import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { OrderDocument, OrderView, SearchFields } from '../../order/document.ts';
import { toOrderView } from '../../order/order-view.ts';
import { isTooBig } from '../../sqlite/database.ts';
import type { DocumentWrite, WriteOutcome } from '../port.ts';
import { prepareTrace } from './aggregate-trace.ts';
import { tablesOf } from './schema.ts';
import { prepareTerms } from './terms.ts';
import { Vocabulary } from './vocabulary.ts';

/** The documents of one generation, and the words that they are found by. */
export interface Generation {
  readonly number: number;
  readonly vocabulary: Vocabulary;
  /** Any order, hidden ones too. */
  load(orderId: string): OrderDocument | undefined;
  /** Undefined for hidden orders. */
  get(orderId: string): OrderDocument | undefined;
  /** As search shows them: without their technical fields. */
  shown(ids: readonly number[]): readonly OrderView[];
  /** Within a transaction. Throws during an outage only. */
  write(write: DocumentWrite): WriteOutcome;
}

export function openGeneration(database: DatabaseSync, number: number): Generation {
  const tables = tablesOf(number);
  const { documents } = tables;
  const vocabulary = new Vocabulary(database, tables);
  const byOrderId = database.prepare(`SELECT view, search, events FROM ${documents} WHERE order_id = ?`);
  const visible = database.prepare(`SELECT view, search, events FROM ${documents} WHERE order_id = ? AND visible = 1`);
  const byId = database.prepare(`SELECT view FROM ${documents} WHERE id = ?`);
  const write = prepareWrite(database, number, vocabulary);
  return {
    number,
    vocabulary,
    load: (orderId) => documentOfRow(byOrderId.get(orderId)),
    get: (orderId) => documentOfRow(visible.get(orderId)),
    shown: (ids) => ids.flatMap((id) => viewOfRow(byId.get(id))),
    write: (one) => blamingTheDocument(() => write(one)),
  };
}

type Row = Readonly<Record<string, unknown>> | undefined;

function documentOfRow(row: Row): OrderDocument | undefined {
  if (!row) return undefined;
  const view = JSON.parse(String(row['view'])) as OrderView;
  const events = JSON.parse(String(row['events'])) as OrderDocument['events'];
  const search = row['search'];
  return { ...view, ...(typeof search === 'string' && { search: JSON.parse(search) as SearchFields }), events };
}

function viewOfRow(row: Row): OrderView[] {
  return row ? [toOrderView(JSON.parse(String(row['view'])) as OrderDocument)] : [];
}

function blamingTheDocument(write: () => WriteOutcome): WriteOutcome {
  try {
    return write();
  } catch (error) {
    if (isTooBig(error)) return { kind: 'refused', reason: 'the document is too large', path: '' };
    throw error;
  }
}

function prepareWrite(
  database: DatabaseSync,
  number: number,
  vocabulary: Vocabulary,
): (write: DocumentWrite) => WriteOutcome {
  const { documents } = tablesOf(number);
  const stored = database.prepare(`SELECT id, version, search FROM ${documents} WHERE order_id = ?`);
  const insert = database.prepare(
    `INSERT INTO ${documents} (version, visible, status, customer_id, seller_id, placed_at_ms, total_cents, search, view, events, order_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = database.prepare(
    `UPDATE ${documents} SET version = ?, visible = ?, status = ?, customer_id = ?, seller_id = ?, placed_at_ms = ?, total_cents = ?,
       search = ?, view = ?, events = ? WHERE order_id = ?`,
  );
  const indexWords = prepareWords(database, number, vocabulary);
  const setTerms = prepareTerms(database, number);
  const trace = prepareTrace(database, number);
  return ({ orderId, version, document: { search, events, ...view } }) => {
    const row = stored.get(orderId);
    if (row && Number(row['version']) >= version) return { kind: 'present' };
    const words = search ? JSON.stringify(search) : null;
    const json = [words, JSON.stringify(view), JSON.stringify(events)];
    const { lastInsertRowid } = (row ? update : insert).run(version, ...columnsOf(view), ...json, orderId);
    const id = Number(row?.['id'] ?? lastInsertRowid);
    if ((row?.['search'] ?? null) !== words) indexWords(id, row !== undefined, search);
    setTerms(id, view, search);
    trace(id, view);
    return { kind: 'written' };
  };
}

/** What searches filter and sort by. A hidden order is in no search, so it needs none of it. */
function columnsOf(view: OrderView): SQLInputValue[] {
  const { status, customerId = null, sellerId = null, placedAt, totalCents = 0 } = view;
  const visible = status === 'incomplete' || status === 'erased' ? 0 : 1;
  return [visible, status, customerId, sellerId, placedAt === undefined ? 0 : Date.parse(placedAt), totalCents];
}

function prepareWords(database: DatabaseSync, number: number, vocabulary: Vocabulary) {
  const { words, exact } = tablesOf(number);
  const forgetWords = database.prepare(`DELETE FROM ${words} WHERE rowid = ?`);
  const forgetExact = database.prepare(`DELETE FROM ${exact} WHERE id = ?`);
  const addWords = database.prepare(`INSERT INTO ${words} (rowid, words, items, customer) VALUES (?, ?, ?, ?)`);
  const addExact = database.prepare(`INSERT OR IGNORE INTO ${exact} (folded, id) VALUES (?, ?)`);
  return (id: number, isKnown: boolean, search: SearchFields | undefined): void => {
    if (isKnown) {
      forgetWords.run(id);
      forgetExact.run(id);
    }
    if (!search) return;
    addWords.run(id, search.all, search.items, search.customer);
    for (const folded of search.exact) addExact.run(folded, id);
    for (const text of [search.all, search.items, search.customer]) vocabulary.add(text);
  };
}
