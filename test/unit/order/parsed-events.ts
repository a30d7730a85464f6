import assert from 'node:assert/strict';
import type { OrderDocument } from '../../../src/order/document.ts';
import { documentOf } from '../../../src/order/flatten.ts';
import { DEFAULT_STORAGE_LIMITS, newOrder, type OrderState, type StorageLimits } from '../../../src/order/fold.ts';
import type { OrderEvent } from '../../../src/order/event.ts';
import { parseEvent, type ParsedEvent } from '../../../src/order/parse-event.ts';
import { sequence, type Placement } from '../../../src/order/sequencing.ts';
import type { CloudEventJson } from '../../support/oracle.ts';

export const PROJECTED_AT = '2030-01-01T00:00:00.000Z';
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

export function parseJson(value: unknown): ParsedEvent {
  return parseEvent(Buffer.from(JSON.stringify(value)), { maxMessageBytes: MAX_MESSAGE_BYTES });
}

/** The events of one order as the projector sees them. */
export function parsed(history: readonly CloudEventJson[]): OrderEvent[] {
  return history.map((raw) => {
    const result = parseJson(raw);
    assert(result.kind === 'event', `refused: ${JSON.stringify(result)} of ${JSON.stringify(raw)}`);
    return result.event;
  });
}

/** A history's state, folded in one pass. */
export function foldOf(
  events: readonly OrderEvent[],
  limits: StorageLimits = DEFAULT_STORAGE_LIMITS,
  orderId = 'o-1',
): OrderState {
  return offer(newOrder(orderId), events, limits).state;
}

export function offer(
  state: OrderState,
  events: readonly OrderEvent[],
  limits: StorageLimits = DEFAULT_STORAGE_LIMITS,
): { state: OrderState; placements: Placement[] } {
  const offered = events.map((event) => ({ event }));
  const sequenced = sequence(state, offered, limits);
  const placements = offered.map((one) => sequenced.placements.get(one)).filter((placement) => placement !== undefined);
  return { state: sequenced.state, placements };
}

/** As a backend gives it back. */
export function storedDocumentOf(state: OrderState): OrderDocument {
  return JSON.parse(JSON.stringify(documentOf(state, PROJECTED_AT))) as OrderDocument;
}
