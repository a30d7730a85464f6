import { parseEvent, type ParseLimits } from '../order/parse-event.ts';
import type { SourceEvent } from './event-source.ts';

/** By order, the sequences that an operator declared missing. */
export type Skips = ReadonlyMap<string, ReadonlySet<number>>;

const TYPE = Buffer.from('order.skipped.v1');

/**
 * The skips of a source. They are read before anything is folded: a sequence that was declared missing stays so (contract §1), also
 * where the history has the missing event, and earlier.
 */
export async function collectSkips(events: AsyncIterable<SourceEvent>, limits: ParseLimits): Promise<Skips> {
  const skips = new Map<string, Set<number>>();
  for await (const { body } of events) {
    // Parsing them all would take longer than reading them.
    if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(TYPE)) continue;
    const parsed = parseEvent(body, limits);
    if (parsed.kind === 'refused' || parsed.event.type !== 'order.skipped.v1') continue;
    const { orderId, event } = parsed;
    skips.set(orderId, (skips.get(orderId) ?? new Set()).add(event.sequence));
  }
  return skips;
}
