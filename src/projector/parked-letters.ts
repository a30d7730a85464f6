import type { Refusal } from '../order/event.ts';
import type { ParkedEvent } from '../order-index/port.ts';
import type { Unparked } from './work.ts';

export interface ParkedLetters {
  /**
   * Whether the letter of a parked event is durable. Where the broker takes none now the event stays parked, and a later sweep tries again.
   */
  readonly deadLetterParked: (parked: Unparked, refusal: Refusal) => Promise<boolean>;
  /** Whether an event stays parked for that reason alone: to offer it to its order again would lead here again, without an end. */
  readonly isKeptParked: (parked: ParkedEvent) => boolean;
}

/** @param send publishes once, and tells whether the broker has taken it */
export function createParkedLetters(send: (parked: Unparked, refusal: Refusal) => Promise<boolean>): ParkedLetters {
  const kept = new Set<string>();
  return {
    deadLetterParked: async (parked, refusal) => {
      const isSent = await send(parked, refusal);
      if (isSent) kept.delete(keyOf(parked));
      else kept.add(keyOf(parked));
      return isSent;
    },
    isKeptParked: (parked) => kept.has(keyOf(parked)),
  };
}

function keyOf({ orderId, event: { sequence, source, id } }: ParkedEvent): string {
  return JSON.stringify([orderId, sequence, source, id]);
}
