import type { Refusal, RefusalReason } from '../order/event.ts';

/**
 * The part of the index that keeps dead letters for the operators (contract §4, `orders-dead-letters`). A queue cannot be listed:
 * they are moved here from the broker's.
 */
export interface DeadLetterStore {
  /**
   * Keeps a failure. Failures of one body for one reason are one entry: a later one raises its attempts and its last failure, and the
   * same one, handed in twice, changes nothing. Never refuses a body, whatever it is and however long. Returns the entry's id.
   * @throws IndexUnavailableError
   */
  putDeadLetter(failed: FailedMessage): Promise<string>;
  /** Newest last failure first. @throws InvalidCursorError, IndexUnavailableError */
  listDeadLetters(query: DeadLetterQuery): Promise<DeadLetterPage>;
  /** @throws IndexUnavailableError */
  getDeadLetter(id: string): Promise<DeadLetterWithBody | undefined>;
  /**
   * Takes an entry out, because it was replayed or discarded; false where it is not there. With `revision` only the very one that was
   * read: one that has failed again meanwhile stays. For a while its attempts are remembered, should it fail once more.
   * @throws IndexUnavailableError
   */
  settleDeadLetter(id: string, revision?: string): Promise<boolean>;
  /** @throws IndexUnavailableError */
  countDeadLetters(): Promise<number>;
  /** Forgets what is remembered of entries that were settled before that. @throws IndexUnavailableError */
  forgetSettledDeadLetters(settledBefore: Date): Promise<void>;
  /** Removes every trace of an erased order's dead letters. @throws IndexUnavailableError */
  forgetOrder(orderId: string): Promise<void>;
}

/** A message that was refused, byte for byte. */
export interface FailedMessage {
  readonly body: Uint8Array;
  readonly refusal: Refusal;
  /** Where they could be read from the message. */
  readonly orderId?: string;
  readonly sequence?: number;
  readonly eventId?: string;
  /** How often it was tried this time. */
  readonly attempts: number;
  /** RFC 3339. */
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

export interface DeadLetterEntry extends Omit<FailedMessage, 'body'> {
  readonly id: string;
  readonly bodyBytes: number;
  /** In a list left out where it is longer than {@link LISTED_BODY_BYTES}. */
  readonly body?: Uint8Array;
}

export interface DeadLetterWithBody extends DeadLetterEntry {
  readonly body: Uint8Array;
  /** Opaque; see {@link DeadLetterStore.settleDeadLetter}. */
  readonly revision: string;
}

/** Several values of one filter are ORed, an empty list finds nothing. */
export interface DeadLetterFilter {
  readonly reason?: readonly RefusalReason[];
  readonly orderId?: readonly string[];
}

export interface DeadLetterQuery extends DeadLetterFilter {
  readonly size: number;
  readonly cursor?: string;
}

export interface DeadLetterPage {
  readonly items: readonly DeadLetterEntry[];
  readonly nextCursor: string | null;
}

export const LISTED_BODY_BYTES = 32_768;
