import { decodeCursor, encodeCursor } from '../cursor/opaque-cursor.ts';
import { MAX_ORDER_ID_BYTES } from '../order/event-schemas.ts';
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

/** A cursor for this search alone: with another text, filter or sort it is another search. */
export function encodeSearchCursor(query: SearchQuery, key: SortKey): string {
  return encodeCursor(scopeOf(query), key);
}

/** @throws InvalidCursorError when it was not made by {@link encodeSearchCursor} for this search */
export function decodeSearchCursor(query: SearchQuery, cursor: string): SortKey {
  const key = decodeCursor(scopeOf(query), cursor);
  if (key && isSortKey(query.sort, key)) return key;
  throw new InvalidCursorError('the cursor was changed, or comes from another search');
}

/** The checksum is no secret: what is no place in the order of any orders is refused here, or an index might not take it. */
function isSortKey(sort: SearchSort, key: readonly unknown[]): key is SortKey {
  const [numbers, orderId] = [key.slice(0, -1), key.at(-1)];
  const isScore = (at: number) => sort === 'relevance' && at === 0;
  const areNumbers = numbers.every((value, at) => (isScore(at) ? isFloat(value) : Number.isSafeInteger(value)));
  return numbers.length === NUMBERS[sort] && areNumbers && typeof orderId === 'string' && isShort(orderId);
}

/** Of single precision, like Elasticsearch's scores. */
function isFloat(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

function isShort(orderId: string): boolean {
  return Buffer.byteLength(orderId) <= MAX_ORDER_ID_BYTES;
}

/** The page's size may change on the way; the caller's restriction is applied anew whatever the cursor says. */
function scopeOf({ size: _size, cursor: _cursor, restrictTo: _restrictTo, ...search }: SearchQuery): unknown {
  const given = Object.entries(search).filter(([, value]) => value !== undefined && String(value) !== '');
  return ['search-cursor-2', given.sort(([a], [b]) => (a < b ? -1 : 1))];
}
