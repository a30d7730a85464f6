/** Types whose routing key is another type's: `OrderPaid` is an alias of `order.payment_captured.v1` (contract §1). */
const ALIASES: ReadonlyMap<string, string> = new Map([['OrderPaid', 'order.payment_captured']]);

/** The routing key of an event: its type without its version, `order.payment_captured.v1` → `order.payment_captured`. */
export function routingKeyOf(type: string): string {
  return ALIASES.get(type) ?? type.replace(/\.v\d+$/, '');
}
