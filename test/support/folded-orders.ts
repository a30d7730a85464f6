import { documentOf } from '../../src/order/flatten.ts';
import { foldStored } from '../../src/order/fold.ts';
import type { OrderEvent } from '../../src/order/event.ts';
import { parseEvent } from '../../src/order/parse-event.ts';
import type { DocumentWrite } from '../../src/order-index/port.ts';

const PROJECTED_AT = '2026-03-01T00:00:00.000Z';

/**
 * The documents of CloudEvents in JSON, each order's events up to its first hole; an order without its first one is left out. @throws Error
 * for an event that the contract refuses
 */
export function foldedOrders(messages: Iterable<string>): DocumentWrite[] {
  const events = [...messages].map(parsed);
  return [...Map.groupBy(events, ({ orderId }) => orderId)].flatMap(([orderId, ofOrder]) => {
    const inSequence = ofOrder.map(({ event }) => event).sort((a, b) => a.sequence - b.sequence);
    const hole = inSequence.findIndex(({ sequence }, at) => sequence !== at + 1);
    const state = foldStored(orderId, hole < 0 ? inSequence : inSequence.slice(0, hole));
    const document = documentOf(state, PROJECTED_AT);
    return state.version === 0 ? [] : [{ orderId, version: state.version, document }];
  });
}

function parsed(message: string): { readonly orderId: string; readonly event: OrderEvent } {
  const result = parseEvent(Buffer.from(message), { maxMessageBytes: 4 * 1024 * 1024 });
  if (result.kind === 'refused') throw new Error(`${result.refusal.path}: ${result.refusal.message}`);
  return result;
}
