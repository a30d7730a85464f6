import type { OrderDocument, OrderView } from './document.ts';
import type { OrderEvent } from './event.ts';
import { viewOf } from './flatten.ts';
import { evolve, newOrder, UNLIMITED } from './fold.ts';

/** By field, what it was before an event and what it is since; null where it does not apply. */
export type Changes = Readonly<Record<string, { readonly before: unknown; readonly after: unknown }>>;

export type AuditEntry = OrderEvent & { readonly changes: Changes };

/**
 * The public fields that an entry compares. Not those that change with every event (version, updatedAt, projectedAt), that repeat the
 * items (skus, itemNames), or that only ever grow by what the event itself says (payments, refunds).
 */
const FIELDS = [
  ...(['status', 'customerId', 'customerName', 'customerEmail', 'sellerId', 'items', 'tags', 'currency'] as const),
  ...(['totalCents', 'paidCents', 'refundedCents', 'netCents'] as const),
  ...(['placedAt', 'paidAt', 'shippedAt', 'deliveredAt', 'cancelledAt'] as const),
] as const;

/**
 * The order's events, in sequence, each with what it changed. Of times at which the reader may not see the order, such as before it was
 * corrected to be his, there is nothing: neither the events nor what was before.
 */
export function auditTrail(document: OrderDocument, maySee: (order: OrderView) => boolean): AuditEntry[] {
  const entries: AuditEntry[] = [];
  let state = newOrder(document.orderId);
  let before: OrderView | undefined;
  for (const event of document.events) {
    const evolved = evolve(state, event, UNLIMITED);
    if (evolved.kind === 'refused')
      throw new Error(`stored event ${event.id} does not fold: ${evolved.refusal.message}`);
    state = evolved.state;
    const after = viewOf(state, document.projectedAt);
    const isSeen = maySee(after);
    if (isSeen) entries.push({ ...event, changes: changesBetween(before, state.facts && after) });
    before = isSeen && state.facts ? after : undefined;
  }
  return entries;
}

function changesBetween(before: OrderView | undefined, after: OrderView | undefined): Changes {
  const changes = FIELDS.flatMap((field) => {
    const [was, is] = [before?.[field], after?.[field]];
    const isSame = was === is || JSON.stringify(was) === JSON.stringify(is);
    return isSame ? [] : [[field, { before: was ?? null, after: is ?? null }] as const];
  });
  return Object.fromEntries(changes);
}
