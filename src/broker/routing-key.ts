import { withoutAlias } from '../order/event.ts';

/**
 * The routing key of an event: its type without its version, `order.payment_captured.v1` → `order.payment_captured`. An alias has the key
 * of its type.
 */
export function routingKeyOf(type: string): string {
  return withoutAlias(type).replace(/\.v\d+$/, '');
}
