import { LRUCache } from 'lru-cache';
import { searchStrings } from './search-text.ts';

/** Some thousand products. */
const MAX_CHARACTERS = 500_000;

/**
 * {@link searchStrings}, made once of each text for as long as it is in use: for those that many orders have in common, as products and tags.
 * Keeps half a million characters of them at most.
 */
export function rememberStrings(): (text: string) => readonly string[] {
  const known = new LRUCache<string, readonly string[]>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_strings, text) => text.length + 1,
  });
  return (text) => {
    const before = known.get(text);
    if (before) return before;
    const strings = searchStrings(text);
    known.set(text, strings);
    return strings;
  };
}
