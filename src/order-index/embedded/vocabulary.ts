import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { withinEdits } from '../../order/search-text.ts';
import type { GenerationTables } from './schema.ts';

/** Words held in memory at most; beyond that they are forgotten and read again as they are needed. */
const MAX_WORDS = 500_000;
/** Typos of one word that a search follows, the closest first. */
const MAX_TYPOS = 1_024;

/** By length in code points. */
type WordsByLength = Map<number, Set<string>>;

/**
 * The index's words, to find those that are a typo away from a query's word. Words that start with one letter are read together, the
 * first time one is asked for; later writes add to them. A word that is in no document any more does no harm: it finds nothing.
 */
export class Vocabulary {
  readonly #words: StatementSync;
  readonly #byFirstLetter = new Map<string, WordsByLength>();
  #held = 0;

  constructor(database: DatabaseSync, { vocabulary }: GenerationTables) {
    this.#words = database.prepare(`SELECT term FROM ${vocabulary} WHERE term >= ? AND term <= ?`);
  }

  /** The words within `edits` of `word` and with its first letter, the closest first. */
  near(word: string, edits: 1 | 2): readonly string[] {
    const [first = '', ...others] = word;
    const isWithin = (candidate: string, within: number) => withinEdits(word, candidate, within);
    return closestFirst(others.length + 1, edits, this.#startingWith(first), isWithin);
  }

  /** `text`: words separated by single spaces. */
  add(text: string): void {
    if (this.#byFirstLetter.size > 0) for (const word of text.split(' ')) this.#keep(word);
  }

  #startingWith(letter: string): WordsByLength {
    const known = this.#byFirstLetter.get(letter);
    if (known) return known;
    if (this.#held > MAX_WORDS) {
      this.#byFirstLetter.clear();
      this.#held = 0;
    }
    const byLength: WordsByLength = new Map();
    this.#byFirstLetter.set(letter, byLength);
    for (const { term } of this.#words.iterate(letter, `${letter}\u{10ffff}`)) this.#keep(String(term));
    return byLength;
  }

  #keep(word: string): void {
    const [first = '', ...others] = word;
    const byLength = this.#byFirstLetter.get(first);
    if (!byLength) return;
    const sameLength = byLength.get(others.length + 1) ?? new Set();
    byLength.set(others.length + 1, sameLength);
    if (sameLength.has(word)) return;
    sameLength.add(word);
    this.#held += 1;
  }
}

function closestFirst(
  length: number,
  edits: 1 | 2,
  byLength: WordsByLength,
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
