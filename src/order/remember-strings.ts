import { LRUCache } from 'lru-cache';
import type { StringsOf } from './flatten.ts';
import { searchStrings } from './search-text.ts';

/** Some thousand products. */
const MAX_CHARACTERS = 500_000;

/**
 * {@link searchStrings}, made once of each text for as long as it is in use: for those that many orders have in common, as products and
 * tags. Keeps half a million characters of them at most.
 */
export function rememberStrings(): StringsOf {
  const known = new LRUCache<string, readonly string[]>({
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (_strings, text) => text.length + 1,
    memoMethod: (text) => searchStrings(text),
  });
  return (text) => known.memo(text);
}
