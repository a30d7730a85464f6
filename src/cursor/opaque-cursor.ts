import { createHash } from 'node:crypto';

/** What a cursor goes on from: numbers and strings that JSON keeps as they are. */
export type CursorValues = readonly (string | number)[];

const CHECKSUM_CHARACTERS = 12;

/**
 * An opaque cursor: base64url of JSON, with a checksum that binds it to what it goes on with (the list's kind and filters, as JSON). It
 * grants nothing: whoever takes it applies filters and the caller's restriction anew.
 */
export function encodeCursor(scope: unknown, values: CursorValues): string {
  return Buffer.from(JSON.stringify([checksum(scope, values), ...values])).toString('base64url');
}

/** The values of a cursor that {@link encodeCursor} made for this scope; undefined for anything else. */
export function decodeCursor(scope: unknown, cursor: string): CursorValues | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  // Buffer passes over what is no base64url: two texts must not be one cursor.
  if (bytes.toString('base64url') !== cursor) return undefined;
  const [given, ...values] = parse(bytes);
  const isOurs = values.every((value) => typeof value === 'string' || typeof value === 'number');
  return isOurs && given === checksum(scope, values) ? values : undefined;
}

function parse(bytes: Buffer): unknown[] {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return Array.isArray(value) ? value : [];
  } catch {
    // No JSON is no cursor of ours either.
    return [];
  }
}

function checksum(scope: unknown, values: CursorValues): string {
  const hash = createHash('sha256').update(JSON.stringify([scope, values]));
  return hash.digest('base64url').slice(0, CHECKSUM_CHARACTERS);
}
