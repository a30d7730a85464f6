import { parseEvent, type ParseLimits } from '../order/parse-event.ts';
import { readRefusedSkip } from '../order/refused-skip.ts';
import type { OrderEvent } from '../order/event.ts';
import type { SourceEvent } from './event-source.ts';

const TYPE = Buffer.from('order.skipped.v1');

/** The sequences that operators declared missing, by order. */
export class Skips {
  /** By order and sequence, the keys of the skips that stand. */
  readonly #standing = new Map<string, Map<number, Set<string>>>();
  /** By key, the position of the last marker that says it was refused. */
  readonly #refused = new Map<string, number>();

  add(orderId: string, event: OrderEvent): void {
    const bySequence = this.#standing.get(orderId) ?? new Map<number, Set<string>>();
    const keys = bySequence.get(event.sequence) ?? new Set<string>();
    this.#standing.set(orderId, bySequence.set(event.sequence, keys.add(keyOf({ orderId, ...event }))));
  }

  /** Those before that position. One that is published again later counts anew. */
  refuse(skip: Place, position: number): void {
    const key = keyOf(skip);
    this.#standing.get(skip.orderId)?.get(skip.sequence)?.delete(key);
    this.#refused.set(key, position);
  }

  /** Whether an event has no effect: it stands where one was declared missing, or it is itself a skip that was refused. */
  excludes(orderId: string, event: OrderEvent, position: number): boolean {
    if (event.type === 'order.skipped.v1') return position < (this.#refused.get(keyOf({ orderId, ...event })) ?? -1);
    return (this.#standing.get(orderId)?.get(event.sequence)?.size ?? 0) > 0;
  }
}

interface Place {
  readonly orderId: string;
  readonly sequence: number;
  readonly source: string;
  readonly id: string;
}

function keyOf({ orderId, sequence, source, id }: Place): string {
  return JSON.stringify([orderId, sequence, source, id]);
}

/**
 * The skips of a source. They are read before anything is folded: a sequence that was declared missing stays so (contract §1), also
 * where the history has the missing event, and earlier. But where the event stood already when the skip came, the projector refused
 * the skip, and has said so in the history before it settled it: the first folded stands.
 */
export async function collectSkips(events: AsyncIterable<SourceEvent>, limits: ParseLimits): Promise<Skips> {
  const skips = new Skips();
  for await (const { body, position } of events) {
    const refused = readRefusedSkip(body);
    if (refused) skips.refuse(refused, position);
    // Parsing them all would take longer than reading them.
    if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(TYPE)) continue;
    const parsed = parseEvent(body, limits);
    if (parsed.kind === 'refused' || parsed.event.type !== 'order.skipped.v1') continue;
    skips.add(parsed.orderId, parsed.event);
  }
  return skips;
}
