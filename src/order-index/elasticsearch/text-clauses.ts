import type { estypes } from '@elastic/elasticsearch';
import { MAX_BETWEEN_WORDS, spellingsOf } from '../../order/search-text.ts';
import type { QueryPhrase, QueryTerm, TextQuery } from '../../order/search-text.ts';

/** The client's own type admits undefined. */
type Query = NonNullable<estypes.QueryDslQueryContainer>;
type TextField = 'search.all' | NameField;
type NameField = 'search.items' | 'search.customer';

/** With `search.all` they hold all words of an order. */
const NAMES: readonly NameField[] = ['search.items', 'search.customer'];

/**
 * What a match adds to the score, the same as in the embedded index. Constants, not BM25: a score then depends on the order and
 * the query alone, so pages do not shift while orders arrive, and equal matches tie, of which the recent one comes first.
 */
const WORTH = {
  /** The whole query is one of the order's ids. */
  exactId: 1000,
  /** A term is one of the order's words, or one's beginning. A typo adds nothing. */
  word: 3,
  beginning: 2,
  /** It stands in an item's or the customer's name, and not merely in an id or a tag. */
  inName: 1,
  /** All terms stand in the item names, or all in the customer's name. */
  allInOne: 4,
  /** Its very words close to one another in one name, in whatever order. */
  together: 4,
  /** The words one after another, as they were typed. */
  inSequence: 8,
} as const;

/** `ignore_above` of `search.exact` (`mappings/`): no id folds to more, and Elasticsearch refuses what is longer still. */
export const MAX_EXACT_CHARACTERS = 8_191;
/** How many words the unfinished last word of a phrase may stand for. */
const MAX_EXPANSIONS = 1024;

/** What a document must match for a text query; undefined where nothing can. */
export function textClause({ terms, phrases, exact }: TextQuery): Query | undefined {
  const ways: Query[] = [];
  if (terms.length + phrases.length > 0) {
    const must = [...terms.map(termClause), ...phrases.map(phraseClause)];
    ways.push({ bool: { must, should: wholeClauses(terms) } });
  }
  if (exact !== '' && exact.length <= MAX_EXACT_CHARACTERS)
    ways.push(worth(WORTH.exactId, { term: { 'search.exact': exact } }));
  return ways.length === 0 ? undefined : anyOf(ways);
}

/**
 * That one of the document's words matches a term (`matchesTerm`), in whatever field; the best of the ways in which one does, and
 * whether it stands in a name, add to the score. What needs a look through the dictionary stands in it once a field.
 */
function termClause(term: QueryTerm): Query {
  const elsewhere = variantsOf(term, 'search.all');
  const inNames = NAMES.map((field) => variantsOf(term, field));
  const everywhere = [elsewhere, ...inNames];
  const exact = worth(WORTH.word, anyOf(everywhere.flatMap((variants) => variants.exact)));
  const beginnings = everywhere.flatMap((variants) => variants.beginning);
  const best =
    beginnings.length > 0 ? { dis_max: { queries: [exact, worth(WORTH.beginning, anyOf(beginnings))] } } : exact;
  return anyOf([worth(WORTH.inName, anyOf(inNames.map(anyVariant))), worth(0, anyVariant(elsewhere)), best]);
}

interface Variants {
  readonly exact: readonly Query[];
  readonly beginning: readonly Query[];
  readonly typos: readonly Query[];
}

function variantsOf({ forms, prefix, edits }: QueryTerm, field: TextField): Variants {
  return {
    exact: forms.map((form) => ({ term: { [field]: form } })),
    beginning: prefix ? forms.map((form) => beginning(field, form)) : [],
    typos: edits > 0 ? forms.map((form) => fuzzy(field, form, edits)) : [],
  };
}

/**
 * `index_prefixes` begins with two characters (`mappings/`), but takes a prefix for one of them by its UTF-16 code units, and would look
 * for a single character beyond the Basic Multilingual Plane where none is.
 */
function beginning(field: TextField, value: string): Query {
  const isOneOfTwoUnits = value.length === 2 && [...value].length === 1;
  return isOneOfTwoUnits ? { wildcard: { [field]: { value: `${value}*` } } } : { prefix: { [field]: { value } } };
}

/** The rewrite takes every word in reach; the default takes the 50 nearest and drops orders silently. */
function fuzzy(field: TextField, value: string, edits: number): Query {
  return {
    fuzzy: { [field]: { value, fuzziness: edits, prefix_length: 1, transpositions: true, rewrite: 'constant_score' } },
  };
}

function anyVariant({ exact, beginning, typos }: Variants): Query {
  return anyOf([...exact, ...beginning, ...typos]);
}

/** All terms in one field; undefined where there are none. */
export function allWithin(terms: readonly QueryTerm[], field: TextField): Query | undefined {
  return terms.length === 0 ? undefined : everyTerm(terms, field);
}

function everyTerm(terms: readonly QueryTerm[], field: TextField): Query {
  return { bool: { filter: terms.map((term) => anyVariant(variantsOf(term, field))) } };
}

function wholeClauses(terms: readonly QueryTerm[]): Query[] {
  if (terms.length < 2) return [];
  const isUnfinished = terms.at(-1)?.prefix === true;
  const written = spellingsOf(terms);
  const sequences = (field: TextField): Query[] =>
    written.map((words) => (isUnfinished ? unfinished : phrase)(field, words.join(' ')));
  return [
    ...NAMES.map((field) => worth(WORTH.allInOne, everyTerm(terms, field))),
    ...togetherClauses(written),
    worth(WORTH.inSequence, anyOf(NAMES.flatMap(sequences))),
  ];
}

/** Each word once, since one place may stand for both of two that are alike. */
function togetherClauses(written: readonly (readonly string[])[]): Query[] {
  const sets = written.map((words) => [...new Set(words)]);
  const queries = sets.filter((words) => words.length > 1).flatMap((words) => NAMES.map((field) => near(field, words)));
  return queries.length > 0 ? [worth(WORTH.together, anyOf(queries))] : [];
}

function near(field: TextField, words: readonly string[]): Query {
  const clauses = words.map((word) => ({ span_term: { [field]: word } }));
  return { span_near: { clauses, slop: MAX_BETWEEN_WORDS, in_order: false } };
}

function phraseClause({ forms, prefix }: QueryPhrase): Query {
  const inOrder = prefix ? unfinished : phrase;
  const within = (fields: readonly TextField[]) =>
    anyOf(fields.flatMap((field) => forms.map((words) => inOrder(field, words.join(' ')))));
  return anyOf([worth(WORTH.inName, within(NAMES)), worth(0, within(['search.all']))]);
}

function phrase(field: TextField, words: string): Query {
  return { match_phrase: { [field]: words } };
}

/** A phrase whose last word is a beginning. */
function unfinished(field: TextField, words: string): Query {
  return { match_phrase_prefix: { [field]: { query: words, max_expansions: MAX_EXPANSIONS } } };
}

function anyOf(queries: readonly Query[]): Query {
  const [only] = queries;
  return queries.length === 1 && only ? only : { bool: { should: [...queries], minimum_should_match: 1 } };
}

function worth(boost: number, filter: Query): Query {
  return { constant_score: { filter, boost } };
}
