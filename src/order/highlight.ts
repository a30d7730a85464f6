import type { OrderView } from './document.ts';
import { remember } from './remember.ts';
import { matchesTerm, spellings, writingsOf } from './search-text.ts';
import type { TextQuery, Word } from './search-text.ts';

/** By field, the values in which something matched: HTML-escaped, the matching words within `<mark>`. */
export type Highlights = Readonly<Record<string, readonly string[]>>;

/** The fields that `q` is matched against, in the order in which a reader looks at them. */
const FIELDS = ['orderId', 'customerName', 'itemNames', 'skus', 'tags', 'customerId'] as const;

/**
 * Marks what a query found on the original text of orders, by the rule by which the index found it. The highlighter remembers
 * its verdict on each word and each text, so use one for all hits of a page. A field without a match has no entry.
 */
export function createHighlighter(query: TextQuery): (order: OrderView) => Highlights {
  if (query.terms.length + query.phrases.length === 0) return () => ({});
  const markedOf = markerOf(query);
  return (order) => {
    const highlights: Record<string, string[]> = {};
    for (const field of FIELDS) {
      const value = order[field];
      if (value === undefined) continue;
      for (const text of typeof value === 'string' ? [value] : value) {
        const marked = markedOf(text);
        if (marked !== NOT_MARKED) (highlights[field] ??= []).push(marked);
      }
    }
    return highlights;
  };
}

/** No marked text is empty. */
const NOT_MARKED = '';

function markerOf(query: TextQuery): (text: string) => string {
  const { terms, phrases } = query;
  const isMatch = remember((word) => terms.some((term) => matchesTerm(term, word)));
  const isMarked = ({ folded, transcribed }: Word) =>
    isMatch(folded) || (transcribed !== undefined && isMatch(transcribed));
  const hasBeginning = beginningsOf(query);
  // Orders of one page have products in common.
  return remember((text) => {
    if (!hasBeginning(text)) return NOT_MARKED;
    const marks = writingsOf(text).flatMap((words) => {
      const inPhrase = phrases.length > 0 ? wordsInPhrases(words, phrases) : NOWHERE;
      return words.filter((word, at) => inPhrase.has(at) || isMarked(word));
    });
    return marks.length > 0 ? markText(text, marks) : NOT_MARKED;
  });
}

/** Letters of Latin scripts beyond ASCII, each of which folds to letters alone: none ends a word, or makes two of one. */
const LATIN = '\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u013e\\u0141-\\u017f';

/**
 * Tells at a glance of most texts that nothing in them matches: what does begins with the first letter of a term (`matchesTerm`) or of a
 * phrase. A word that begins with a letter beyond ASCII is not judged here, nor is a text in another script.
 */
function beginningsOf({ terms, phrases }: TextQuery): (text: string) => boolean {
  const firstWords = phrases.flatMap(({ forms }) => forms.map(([first = '']) => first));
  const forms = [...terms.flatMap((term) => term.forms), ...firstWords];
  const firsts = forms.flatMap((form) => /^[a-z0-9]/.exec(form) ?? []).join('');
  const pattern = new RegExp(`[^\\x00-\\x7f${LATIN}]|(?<![a-z0-9${LATIN}])[${firsts}${LATIN}]`, 'i');
  return (text) => pattern.test(text);
}

const NOWHERE: ReadonlySet<number> = new Set();

/** The positions of the words that are part of a phrase's occurrence. */
function wordsInPhrases(words: readonly Word[], phrases: TextQuery['phrases']): ReadonlySet<number> {
  const positions = new Set<number>();
  for (const { forms, prefix } of phrases) {
    for (const form of forms) {
      for (const start of spellings(words).flatMap((spelt) => startsOf(form, prefix, spelt)))
        form.forEach((_, at) => positions.add(start + at));
    }
  }
  return positions;
}

function startsOf(form: readonly string[], prefix: boolean, spelt: readonly string[]): number[] {
  const isThere = (word: string, at: number, found = '') =>
    prefix && at === form.length - 1 ? found.startsWith(word) : found === word;
  return spelt.flatMap((_, start) => (form.every((word, at) => isThere(word, at, spelt[start + at])) ? [start] : []));
}

/** Of marks that begin at one place the longest; whatever is within it is marked with it. */
function markText(text: string, marks: readonly Word[]): string {
  let html = '';
  let done = 0;
  for (const { start, end } of marks.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (start < done) continue;
    html += `${escapeHtml(text.slice(done, start))}<mark>${escapeHtml(text.slice(start, end))}</mark>`;
    done = end;
  }
  return html + escapeHtml(text.slice(done));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}
