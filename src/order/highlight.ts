import type { OrderView } from './document.ts';
import { matchesTerm, spellings, wordsOf } from './search-text.ts';
import type { TextQuery, Word } from './search-text.ts';

/** By field, the values in which something matched: HTML-escaped, the matching words within `<mark>`. */
export type Highlights = Readonly<Record<string, readonly string[]>>;

/** The fields that `q` is matched against, in the order in which a reader looks at them. */
const FIELDS = ['orderId', 'customerName', 'itemNames', 'skus', 'tags', 'customerId'] as const;

/**
 * Marks what a query found on the original text of orders, by the rule by which the index found it. The highlighter remembers
 * its verdict on each word and each text, so use one for all hits of a page. A field without a match has no entry.
 */
export function createHighlighter({ terms, phrases }: TextQuery): (order: OrderView) => Highlights {
  if (terms.length + phrases.length === 0) return () => ({});
  const isMatch = remember((word) => terms.some((term) => matchesTerm(term, word)));
  const isMarked = ({ folded, transcribed }: Word) =>
    isMatch(folded) || (transcribed !== undefined && isMatch(transcribed));
  // Orders of one page have products in common.
  const markedOf = remember((text): readonly string[] => {
    const words = wordsOf(text);
    const inPhrase = phrases.length > 0 ? wordsInPhrases(words, phrases) : NOWHERE;
    const marks = words.filter((word, at) => inPhrase.has(at) || isMarked(word));
    return marks.length > 0 ? [markText(text, marks)] : [];
  });
  return (order) => {
    const highlights: Record<string, string[]> = {};
    for (const field of FIELDS) {
      const marked = textsOf(order[field]).flatMap(markedOf);
      if (marked.length > 0) highlights[field] = marked;
    }
    return highlights;
  };
}

function textsOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

const NOWHERE: ReadonlySet<number> = new Set();

function remember<T extends NonNullable<unknown>>(judge: (text: string) => T): (text: string) => T {
  const verdicts = new Map<string, T>();
  return (text) => {
    const known = verdicts.get(text);
    if (known !== undefined) return known;
    const verdict = judge(text);
    verdicts.set(text, verdict);
    return verdict;
  };
}

/** The positions of the words that are part of a phrase's occurrence. */
function wordsInPhrases(words: readonly Word[], phrases: TextQuery['phrases']): ReadonlySet<number> {
  const positions = new Set<number>();
  for (const form of phrases.flatMap(({ forms }) => forms)) {
    for (const start of spellings(words).flatMap((spelt) => startsOf(form, spelt)))
      form.forEach((_, at) => positions.add(start + at));
  }
  return positions;
}

function startsOf(form: readonly string[], spelt: readonly string[]): number[] {
  return spelt.flatMap((_, start) => (form.every((word, at) => spelt[start + at] === word) ? [start] : []));
}

function markText(text: string, marks: readonly Word[]): string {
  let html = '';
  let done = 0;
  for (const { start, end } of marks) {
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
