const MAX_ORDERS = 1_000;
/** An order's events may have a mebibyte: a page of so many would have a gigabyte. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * Of a walk over whole orders: as many as hold 4 MiB of events, by those of the last page; at most twice as many as then.
 * @param size orders that the last page could have
 * @param orders that it had
 * @param bytes of their events as JSON
 */
export function nextPageSize(size: number, orders: number, bytes: number): number {
  const fitting = Math.floor((orders * PAGE_BYTES) / Math.max(bytes, 1));
  return Math.max(1, Math.min(fitting, 2 * size, MAX_ORDERS));
}
