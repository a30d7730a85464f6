import { createHash } from 'node:crypto';
import { decodeCursor, encodeCursor } from '../cursor/opaque-cursor.ts';
import type { DeadLetterFilter, FailedMessage } from './dead-letter-port.ts';
import { InvalidCursorError } from './port.ts';

/** What both backends have to agree on: which failures are one entry, what becomes of it, and where a page of them ended. */

const ID_CHARACTERS = 32;

/** The same for the same body refused for the same reason. Hexadecimal, 128 bits. */
export function deadLetterId({ body, orderId, refusal }: FailedMessage): string {
  const hash = createHash('sha256').update(JSON.stringify([orderId ?? null, refusal.reason]));
  return hash.update('\n').update(body).digest('hex').slice(0, ID_CHARACTERS);
}

/** The failures of one entry. */
export type FailureCount = Pick<FailedMessage, 'attempts' | 'firstFailedAt' | 'lastFailedAt'>;

/** `settled`: the entry itself was taken out, and its failures are only remembered. */
export interface KnownFailures extends FailureCount {
  readonly settled: boolean;
}

/**
 * The entry's failures with this one added; undefined where it is known already, since a letter may be delivered more than once. Known is
 * what is not newer than the last failure. Of an entry that was settled only the very same failure is: by the clock of another machine
 * that is behind, what has failed again would seem older, and be lost.
 */
export function addFailure(known: KnownFailures | undefined, failed: FailedMessage): FailureCount | undefined {
  const firstFailedAt = new Date(failed.firstFailedAt).toISOString();
  const lastFailedAt = new Date(failed.lastFailedAt).toISOString();
  if (!known) return { attempts: failed.attempts, firstFailedAt, lastFailedAt };
  const isKnown = known.settled ? lastFailedAt === known.lastFailedAt : lastFailedAt <= known.lastFailedAt;
  if (isKnown) return undefined;
  return {
    attempts: known.attempts + failed.attempts,
    firstFailedAt: known.firstFailedAt < firstFailedAt ? known.firstFailedAt : firstFailedAt,
    lastFailedAt: known.lastFailedAt > lastFailedAt ? known.lastFailedAt : lastFailedAt,
  };
}

/** The last entry of a page. */
export interface PageEnd {
  readonly lastFailedAt: string;
  readonly id: string;
}

/** A cursor for the list with this filter alone. */
export function encodeDeadLetterCursor(filter: DeadLetterFilter, { lastFailedAt, id }: PageEnd): string {
  return encodeCursor(scopeOf(filter), [lastFailedAt, id]);
}

/** @throws InvalidCursorError when it was not made by {@link encodeDeadLetterCursor} for this filter */
export function decodeDeadLetterCursor(filter: DeadLetterFilter, cursor: string): PageEnd {
  const [lastFailedAt, id] = decodeCursor(scopeOf(filter), cursor) ?? [];
  if (typeof lastFailedAt === 'string' && typeof id === 'string' && !Number.isNaN(Date.parse(lastFailedAt)))
    return { lastFailedAt, id };
  throw new InvalidCursorError('the cursor was changed, or comes from a list with another filter');
}

function scopeOf({ reason, orderId }: DeadLetterFilter): unknown {
  return ['dead-letter-cursor-1', reason ?? null, orderId ?? null];
}
