import type { OrderView } from '../order/document.ts';
import { READABLE_STATUSES } from '../order/event.ts';
import type { Restriction } from '../order-index/port.ts';
import type { Caller } from './auth.ts';

/** What a caller may see at most; undefined: everything. */
export function restrictionOf(caller: Caller): Restriction | undefined {
  switch (caller.role) {
    case 'customer':
      return { field: 'customerId', value: caller.sub };
    case 'seller':
      return { field: 'sellerId', value: caller.sub };
    case 'support':
    case 'admin':
      return undefined;
  }
}

/** Whether a caller may know that this order exists. Incomplete and erased orders are hidden from everyone. */
export function isVisible(document: OrderView, restriction: Restriction | undefined): boolean {
  if (!READABLE_STATUSES.some((status) => status === document.status)) return false;
  return isWithin(document, restriction);
}

export function isWithin(order: OrderView, restriction: Restriction | undefined): boolean {
  return restriction === undefined || order[restriction.field] === restriction.value;
}
