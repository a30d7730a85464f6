import { createHash } from 'node:crypto';
import { InvalidCursorError } from './port.ts';
import type { SearchQuery, SearchSort } from './port.ts';

/**
 * Where a page of a search ended: the last hit's sort key, the order id last. By `relevance` that is
 * [score, placedAt in epoch milliseconds, order id]; by date [placedAt in epoch milliseconds, order id]; by total [totalCents, order id].
 */
export type SortKey = readonly [...numbers: number[], orderId: string];

const NUMBERS: Readonly<Record<SearchSort, number>> = {
  relevance: 2,
  '-placedAt': 1,
  placedAt: 1,
  '-totalCents': 1,
  totalCents: 1,
};
const CHECKSUM_CHARACTERS = 12;

/**
 * An opaque cursor: base64url of JSON, with a checksum that binds it to the search: another text, filter or sort is another search, and
 * its cursor does not go on with this one. It grants nothing: filters and the caller's restriction are applied anew.
 */
export function encodeCursor(query: SearchQuery, key: SortKey): string {
  return Buffer.from(JSON.stringify([checksum(query, key), ...key])).toString('base64url');
}

/** @throws InvalidCursorError when it was not made by {@link encodeCursor} for this search */
export function decodeCursor(query: SearchQuery, cursor: string): SortKey {
  const [given, ...key] = parse(cursor);
  if (!isSortKey(query.sort, key) || given !== checksum(query, key)) {
    throw new InvalidCursorError('the cursor was changed, or comes from another search');
  }
  return key;
}

function parse(cursor: string): unknown[] {
  let value: unknown;
  // Buffer passes over what is no base64url.
  if (Buffer.from(cursor, 'base64url').toString('base64url') !== cursor) {
    throw new InvalidCursorError('the cursor is not one that a search returned');
  }
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch (error) {
    throw new InvalidCursorError('the cursor is not one that a search returned', { cause: error });
  }
  return Array.isArray(value) ? value : [];
}

function isSortKey(sort: SearchSort, key: readonly unknown[]): key is SortKey {
  const numbers = key.slice(0, -1);
  const isNumeric = numbers.every((value) => typeof value === 'number' && Number.isFinite(value));
  return numbers.length === NUMBERS[sort] && isNumeric && typeof key.at(-1) === 'string';
}

function checksum(
  { size: _size, cursor: _cursor, restrictTo: _restrictTo, ...search }: SearchQuery,
  key: SortKey,
): string {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && String(value) !== '');
  const named = given.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(['search-cursor-2', named, key]))
    .digest('base64url')
    .slice(0, CHECKSUM_CHARACTERS);
}
