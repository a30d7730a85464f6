import type { SQLOutputValue } from 'node:sqlite';

export type Row = Record<string, SQLOutputValue>;

/**
 * Reads messages until they have so many bytes together, or there are no more: at least one, however large it is.
 * @param mostBytes of their bodies
 */
export function upToBytes<T extends { readonly body: Uint8Array | undefined }>(
  rows: Iterable<Row>,
  toMessage: (row: Row) => T,
  mostBytes: number,
): T[] {
  const messages: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    const message = toMessage(row);
    messages.push(message);
    bytes += message.body?.byteLength ?? 0;
    if (bytes >= mostBytes) break;
  }
  return messages;
}
