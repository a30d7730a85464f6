import type { OrderView } from './document.ts';
import { remember } from './remember.ts';
import { MAX_Q_CHARACTERS, foldText, matchesTerm, termsOf, withinEdits, wordsOf, writingsOf } from './search-text.ts';
import type { QueryTerm, Word } from './search-text.ts';

/** What a completion is the text of. */
export const COMPLETION_KINDS = ['item', 'customer', 'sku', 'order'] as const;
export type CompletionKind = (typeof COMPLETION_KINDS)[number];

export interface Completion {
  readonly text: string;
  readonly kind: CompletionKind;
}

/** The fields of an order that its completions and corrections are taken from, and by which it shows that a word is right as it is. */
export const SUGGESTED_FROM = [
  'orderId',
  'customerId',
  'sellerId',
  'customerName',
  'skus',
  'itemNames',
  'tags',
] as const;
export type SuggestibleOrder = Pick<OrderView, (typeof SUGGESTED_FROM)[number]>;

/** The kinds of completions are told in this order, and of each so many. */
const MAX_COMPLETIONS_OF_A_KIND = 5;

/** What is typed, understood: names are completed by their words, ids and SKUs from their beginning. */
export interface Typed {
  /** Without quotation marks, and without forgiveness for typos; the last word is a prefix while it is unfinished. */
  readonly terms: readonly QueryTerm[];
  /** The whole text, folded and trimmed. */
  readonly folded: string;
}

export function understandTyped(q: string): Typed {
  const terms = termsOf(unquoted(q)).map((term) => ({ ...term, edits: 0 as const }));
  return { terms, folded: foldText(q.trim()) };
}

/** Completions are not drawn by phrases. */
function unquoted(q: string): string {
  return q.replaceAll('"', ' ');
}

/** Whether a text of this kind is one that the typed text begins. */
export function completes(kind: CompletionKind, { terms, folded }: Typed, text: string): boolean {
  if (isId(kind)) return folded !== '' && foldText(text.trim()).startsWith(folded);
  return terms.length > 0 && standsIn(terms, wordsIn(text));
}

/** Whether an id was typed to its end. */
export function isWhole(kind: CompletionKind, { folded }: Typed, text: string): boolean {
  return isId(kind) && foldText(text.trim()) === folded;
}

/** Ids are completed from their beginning, names by their words. */
export function isId(kind: CompletionKind): boolean {
  return kind === 'sku' || kind === 'order';
}

/**
 * The completions that the texts of orders give (`rows`: one list an order, the newest order first): what is typed to its end first, then
 * those of the most orders, then the newer order's, then by text. None is longer than what may be searched for.
 */
export function completionsOf(
  kind: CompletionKind,
  rows: readonly (readonly string[])[],
  isWanted: (text: string) => boolean,
  isFirst: (text: string) => boolean = () => false,
): readonly Completion[] {
  const orders = new Map<string, number>();
  for (const row of rows) {
    for (const text of [...new Set(row)].sort()) orders.set(text, (orders.get(text) ?? 0) + 1);
  }
  // Judged once, however many orders have it.
  const wanted = [...orders].filter(([text]) => isSearchable(text) && isWanted(text));
  const ranked = wanted.map(([text, count]) => ({ text, count, first: Number(isFirst(text)) }));
  ranked.sort((a, b) => b.first - a.first || b.count - a.count);
  return ranked.slice(0, MAX_COMPLETIONS_OF_A_KIND).map(({ text }) => ({ text, kind }));
}

/** Whether a search takes it, which counts characters as events do: whole ones. */
function isSearchable(text: string): boolean {
  return text.length <= MAX_Q_CHARACTERS || [...text].length <= MAX_Q_CHARACTERS;
}

/** The names in orders that a search found, which have all words of the query in them, typos forgiven. */
export function namesNearby(q: string, orders: readonly SuggestibleOrder[]): readonly Completion[] {
  const terms = termsOf(unquoted(q));
  const isNear = (text: string) => terms.length > 0 && standsIn(terms, wordsIn(text));
  return [
    ...completionsOf('item', orders.map(({ itemNames = [] }) => itemNames), isNear),
    ...completionsOf('customer', orders.map(({ customerName = '' }) => [customerName]), isNear),
  ]; // prettier-ignore
}

/**
 * The query with its misspelt words put right from the item names of the orders that it found (`orders`, the best first), so that it
 * says nothing that is not in them; null where one of them has every word as it was typed, or none has a better one, or it is longer then
 * than what may be searched for.
 */
export function correctedQuery(q: string, orders: readonly SuggestibleOrder[]): string | null {
  const typed = wordsOf(q);
  // Orders that a search found have products in common.
  const wordsOnce = remember(wordsIn);
  const checks = termsOf(unquoted(q)).map((term) => checkOf(term, wordsOnce));
  const votes = new Map<string, number>();
  for (const order of orders) {
    const words = checks.map((check) => check(order));
    if (words.every(({ kind }) => kind === 'right')) return null;
    if (!words.some(({ kind }) => kind === 'misspelt')) continue;
    const text = replaceWords(q, typed, (at) => words[at]?.better);
    if (isSearchable(text)) votes.set(text, (votes.get(text) ?? 0) + 1);
  }
  const [best] = [...votes].sort(([, a], [, b]) => b - a);
  return best?.[0] ?? null;
}

/** What is between the words stays as it was typed; of several words that one character stands for, the first does. */
function replaceWords(q: string, typed: readonly Word[], better: (at: number) => string | undefined): string {
  let text = '';
  let done = 0;
  typed.forEach(({ start, end }, at) => {
    if (start < done) return;
    text += q.slice(done, start) + (better(at) ?? q.slice(start, end));
    done = end;
  });
  return text + q.slice(done);
}

interface CheckedWord {
  /** `unknown`: only a name that is no item's is like it. */
  readonly kind: 'right' | 'misspelt' | 'unknown';
  readonly better?: string;
}

/** Checks a typed word against one order after another, by the words of their texts. */
function checkOf(
  term: QueryTerm,
  wordsOnce: (text: string) => readonly Word[],
): (order: SuggestibleOrder) => CheckedWord {
  const asTyped = { ...term, edits: 0 as const };
  const isRight = remember((text) => standsIn([asTyped], wordsOnce(text)));
  const nearIn = remember((name) => nearWords(term, name, wordsOnce(name)));
  return ({ orderId, customerId = '', sellerId = '', customerName = '', skus = [], itemNames = [], tags = [] }) => {
    const all = [orderId, customerId, sellerId, customerName, ...skus, ...itemNames, ...tags];
    if (all.some(isRight)) return { kind: 'right' };
    const [nearest] = itemNames.flatMap(nearIn).sort((a, b) => a.edits - b.edits || (a.word < b.word ? -1 : 1));
    return nearest ? { kind: 'misspelt', better: nearest.word } : { kind: 'unknown' };
  };
}

interface NearWord {
  readonly edits: number;
  /** As it is written, in lower case. */
  readonly word: string;
}

function nearWords(term: QueryTerm, name: string, words: readonly Word[]): readonly NearWord[] {
  return words.flatMap((word) => {
    const edits = editsAway(term, word);
    return edits === undefined ? [] : [{ edits, word: name.slice(word.start, word.end).toLowerCase() }];
  });
}

function editsAway({ forms, edits }: QueryTerm, { folded, transcribed }: Word): number | undefined {
  const words = transcribed === undefined ? [folded] : [folded, transcribed];
  const within = (limit: number) => forms.some((form) => words.some((word) => withinEdits(form, word, limit)));
  return [1, 2].find((limit) => limit <= edits && within(limit));
}

/** However it is written. */
function wordsIn(text: string): readonly Word[] {
  return writingsOf(text).flat();
}

function standsIn(terms: readonly QueryTerm[], words: readonly Word[]): boolean {
  return terms.every((term) =>
    words.some(
      ({ folded, transcribed }) =>
        matchesTerm(term, folded) || (transcribed !== undefined && matchesTerm(term, transcribed)),
    ),
  );
}
