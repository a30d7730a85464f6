import type { DatabaseSync } from 'node:sqlite';
import { withinEdits } from '../../order/search-text.ts';
import type { GenerationTables } from './schema.ts';

/** Words held in memory at most; beyond that they are forgotten and read again as they are needed. */
const MAX_WORDS = 500_000;
/** Typos of one word that a search follows, the closest first. */
const MAX_TYPOS = 1_024;

/**
 * The index's words, to find those that are a typo away from a query's word. Words that start with one letter are read together, the
 * first time one is asked for; later writes add to them. A word that is in no document any more does no harm: it finds nothing.
 */
export interface Vocabulary {
  /** The words within `edits` of `word` and with its first letter, the closest first. */
  near(word: string, edits: 1 | 2): readonly string[];
  /** `text`: words separated by single spaces. */
  add(text: string): void;
}

/** By first letter, by length in code points. */
type Words = Map<string, Map<number, Set<string>>>;

export function createVocabulary(database: DatabaseSync, tables: GenerationTables): Vocabulary {
  const words: Words = new Map();
  let held = 0;

  function keep(word: string): void {
    const letters = [...word];
    const byLength = words.get(letters[0] ?? '');
    if (!byLength) return;
    const sameLength = byLength.get(letters.length) ?? new Set();
    byLength.set(letters.length, sameLength);
    if (sameLength.has(word)) return;
    sameLength.add(word);
    held += 1;
  }

  function startingWith(letter: string): ReadonlyMap<number, ReadonlySet<string>> {
    const known = words.get(letter);
    if (known) return known;
    if (held > MAX_WORDS) {
      words.clear();
      held = 0;
    }
    const byLength = new Map<number, Set<string>>();
    words.set(letter, byLength);
    const statement = database.prepare(`SELECT term FROM ${tables.vocabulary} WHERE term >= ? AND term <= ?`);
    for (const { term } of statement.iterate(letter, `${letter}\u{10ffff}`)) keep(String(term));
    return byLength;
  }

  return {
    near(word, edits) {
      const [first = '', ...others] = word;
      const byLength = startingWith(first);
      return closestFirst(others.length + 1, edits, byLength, (candidate, within) =>
        withinEdits(word, candidate, within),
      );
    },
    add(text) {
      if (words.size > 0) for (const word of text.split(' ')) keep(word);
    },
  };
}

function closestFirst(
  length: number,
  edits: 1 | 2,
  byLength: ReadonlyMap<number, ReadonlySet<string>>,
  isWithin: (candidate: string, edits: number) => boolean,
): readonly string[] {
  const found: { readonly one: string[]; readonly two: string[] } = { one: [], two: [] };
  for (let other = length - edits; other <= length + edits; other++) {
    for (const candidate of byLength.get(other) ?? []) {
      if (!isWithin(candidate, edits)) continue;
      (edits === 1 || isWithin(candidate, 1) ? found.one : found.two).push(candidate);
    }
  }
  return [...found.one.sort(), ...found.two.sort()].slice(0, MAX_TYPOS);
}
