import { MAX_BETWEEN_WORDS, spellingsOf } from '../../order/search-text.ts';
import type { QueryTerm, TextQuery } from '../../order/search-text.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A text query as FTS5 expressions. Every word stands in a quoted string, so nothing that a person types is ever syntax. */
export interface MatchExpressions {
  /** What a document's words must match; undefined where no words can: the query has none, or one that is no document's. */
  readonly match: string | undefined;
  /** Each adds its weight to the score of the documents that match it. */
  readonly boosts: readonly { readonly expression: string; readonly weight: number }[];
}

/** A document matches a term by the very word, by a word that starts with it, or by a typo: each counts less than the one before. */
const EXACT_WORD = 3;
const BEGINNING = 2;
/** Found in an item's or the customer's name, not merely in an id or a tag. */
const IN_NAME = 1;
/** All words in the item names, or all in the customer's name. */
const ALL_IN_ONE = 4;
/** Its very words close to one another in one name, in whatever order. */
const TOGETHER = 4;
/** The words as they were typed, one after the other. */
const IN_SEQUENCE = 8;

const NAMES = 'items customer';
/** Together they hold all words of an order. */
const EVERYWHERE = `words ${NAMES}`;

export function matchExpressions({ terms, phrases }: TextQuery, vocabulary: Vocabulary): MatchExpressions {
  const variants = terms.map((term) => variantsOf(term, vocabulary));
  const isHopeless = terms.length + phrases.length === 0 || variants.some(({ all }) => all.length === 0);
  if (isHopeless) return { match: undefined, boosts: [] };
  const quoted = phrases.map(({ forms, prefix }) => forms.map((words) => inOrder(words, prefix)));
  const required = [...variants.map(({ all }) => all), ...quoted].map((ways) => inColumns(EVERYWHERE, ways));
  return {
    match: allOf(required),
    boosts: [
      ...variants.flatMap(termBoosts),
      ...quoted.map((ways) => ({ expression: inColumns(NAMES, ways), weight: IN_NAME })),
      ...wholeBoosts(terms, variants),
    ],
  };
}

/** All terms in one column, typos aside; undefined where nothing can match. */
export function wordsWithin(terms: readonly QueryTerm[], column: 'items' | 'customer'): string | undefined {
  const variants = terms.map((term) => {
    const { exact, beginning } = wholeOrBegun(term);
    return [...exact, ...beginning];
  });
  if (variants.length === 0 || variants.some((alternatives) => alternatives.length === 0)) return undefined;
  return allOf(variants.map((alternatives) => inColumns(column, alternatives)));
}

interface Variants {
  readonly exact: readonly string[];
  readonly beginning: readonly string[];
  readonly all: readonly string[];
}

function variantsOf(term: QueryTerm, vocabulary: Vocabulary): Variants {
  const { edits } = term;
  const { words, exact, beginning } = wholeOrBegun(term);
  const typos = edits === 0 ? [] : words.flatMap((word) => vocabulary.near(word, edits).map(quote));
  return { exact, beginning, all: [...new Set([...exact, ...beginning, ...typos])] };
}

function wholeOrBegun({ forms, prefix }: QueryTerm) {
  // No word of a document has white space in it; in a quoted string it would make a phrase.
  const words = forms.filter((form) => form !== '' && !/\s/u.test(form));
  return { words, exact: words.map(quote), beginning: prefix ? words.map((word) => `${quote(word)} *`) : [] };
}

function termBoosts({ exact, beginning, all }: Variants) {
  return [
    { expression: inColumns(EVERYWHERE, exact), weight: beginning.length > 0 ? EXACT_WORD - BEGINNING : EXACT_WORD },
    ...(beginning.length > 0 ? [{ expression: inColumns(EVERYWHERE, beginning), weight: BEGINNING }] : []),
    { expression: inColumns(NAMES, all), weight: IN_NAME },
  ];
}

function wholeBoosts(terms: readonly QueryTerm[], variants: readonly Variants[]) {
  if (terms.length < 2) return [];
  const written = spellingsOf(terms);
  const inSequence = written.map((words) => inOrder(words, terms.at(-1)?.prefix === true));
  return [
    ...['items', 'customer'].map((column) => ({
      expression: allOf(variants.map(({ all }) => inColumns(column, all))),
      weight: ALL_IN_ONE,
    })),
    ...togetherBoosts(written),
    { expression: inColumns(NAMES, inSequence), weight: IN_SEQUENCE },
  ];
}

/** One after another; `prefix`: the last may be a beginning. */
function inOrder(words: readonly string[], prefix: boolean): string {
  return `${quote(words.join(' '))}${prefix ? ' *' : ''}`;
}

/** Each word once, since one place may stand for both of two that are alike. */
function togetherBoosts(written: readonly (readonly string[])[]) {
  const sets = written.map((words) => [...new Set(words)]).filter((words) => words.length > 1);
  // FTS5 counts all words between the first and the last one, those looked for too.
  const near = sets.map((words) => `NEAR(${words.map(quote).join(' ')}, ${MAX_BETWEEN_WORDS + words.length - 2})`);
  return near.length > 0 ? [{ expression: inColumns(NAMES, near), weight: TOGETHER }] : [];
}

function inColumns(columns: string, alternatives: readonly string[]): string {
  return `{${columns}} : (${alternatives.join(' OR ')})`;
}

function allOf(expressions: readonly string[]): string {
  return expressions.map((expression) => `(${expression})`).join(' AND ');
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
