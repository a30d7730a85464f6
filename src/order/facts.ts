import type {
  KnownEvent,
  Payment,
  PlacedData,
  PlacedPatch,
  ReadableStatus,
  Refund,
  Refusal,
  SnapshotData,
} from './event.ts';
import { placedSchema } from './event-schemas.ts';
import { fieldPath } from './parse-event.ts';
import { upcastPlaced } from './upcast.ts';

/** What is known of an order that was placed. Lists are in event order. */
export interface OrderFacts {
  readonly placed: PlacedData;
  readonly status: ReadableStatus;
  readonly paidCents: number;
  readonly refundedCents: number;
  readonly payments: readonly Payment[];
  readonly refunds: readonly Refund[];
  readonly placedAt: string;
  readonly paidAt?: string;
  readonly shippedAt?: string;
  readonly deliveredAt?: string;
  readonly cancelledAt?: string;
}

/** What each event does to the facts (contract §1, Folding); undefined while nothing was placed. A correction may be refused. */
export function evolveFacts(facts: OrderFacts | undefined, event: KnownEvent): OrderFacts | Refusal | undefined {
  if (!facts) {
    if (event.type === 'order.placed.v1') return factsOfPlaced(upcastPlaced(event.data), event.time);
    if (event.type === 'order.placed.v2') return factsOfPlaced(event.data, event.time);
    return undefined;
  }
  switch (event.type) {
    case 'order.payment_captured.v1':
      return capture(facts, { at: event.time, ...event.data });
    case 'order.shipped.v1':
      return { ...facts, status: 'shipped', shippedAt: event.time };
    case 'order.delivered.v1':
      return { ...facts, status: 'delivered', deliveredAt: event.time };
    case 'order.cancelled.v1':
      return { ...facts, status: 'cancelled', cancelledAt: event.time };
    case 'order.refunded.v1':
      return refund(facts, {
        refundId: event.data.refundId,
        at: event.time,
        amountCents: event.data.amountCents,
      });
    case 'order.tagged.v1':
      return {
        ...facts,
        placed: { ...facts.placed, tags: retag(facts.placed.tags, event.data) },
      };
    case 'order.corrected.v1':
      return correct(facts, event.data.patch);
    // A second placed has no effect; a declared-missing sequence only takes its place. The other two never get here.
    case 'order.placed.v1':
    case 'order.placed.v2':
    case 'order.skipped.v1':
    case 'order.snapshot.v1':
    case 'order.erased.v1':
      return facts;
  }
}

function factsOfPlaced(placed: PlacedData, placedAt: string): OrderFacts {
  const start = {
    status: 'placed',
    paidCents: 0,
    refundedCents: 0,
    payments: [],
    refunds: [],
  } as const;
  return {
    placed: { ...placed, tags: [...new Set(placed.tags)] },
    ...start,
    placedAt,
  };
}

function capture(facts: OrderFacts, payment: Payment): OrderFacts | Refusal {
  const paidCents = facts.paidCents + payment.amountCents;
  if (!Number.isSafeInteger(paidCents)) return beyondMoney('captures');
  return {
    ...facts,
    status: 'paid',
    paidCents,
    payments: [...facts.payments, payment],
    paidAt: facts.paidAt ?? payment.at,
  };
}

/** Beyond 2^53 - 1 a sum would lose cents in silence. */
function beyondMoney(what: string): Refusal {
  return {
    reason: 'invalid',
    path: 'data.amountCents',
    message: `makes the order's ${what} more than 2^53 - 1 minor units`,
  };
}

/** Counts once per refund id. It may exceed what was paid. */
function refund(facts: OrderFacts, made: Refund): OrderFacts | Refusal {
  if (facts.refunds.some(({ refundId }) => refundId === made.refundId)) return facts;
  const refundedCents = facts.refundedCents + made.amountCents;
  if (!Number.isSafeInteger(refundedCents)) return beyondMoney('refunds');
  const status = refundedCents >= facts.paidCents ? 'refunded' : facts.status;
  return { ...facts, status, refundedCents, refunds: [...facts.refunds, made] };
}

function retag(tags: readonly string[], { add, remove }: { add: readonly string[]; remove: readonly string[] }) {
  const removed = new Set(remove);
  return [...new Set([...tags.filter((tag) => !removed.has(tag)), ...add])];
}

function correct(facts: OrderFacts, patch: PlacedPatch): OrderFacts | Refusal {
  const { customer, ...others } = patch;
  const merged = {
    ...facts.placed,
    ...others,
    customer: { ...facts.placed.customer, ...customer },
  };
  const corrected = placedSchema.safeParse(merged);
  if (corrected.success) {
    const placed = corrected.data;
    return { ...facts, placed: { ...placed, tags: [...new Set(placed.tags)] } };
  }
  const [issue] = corrected.error.issues;
  const path = fieldPath(['data', 'patch', ...(issue?.path ?? [])]);
  return {
    reason: 'invalid_correction',
    path,
    message: `${issue?.message ?? 'is invalid'} once it is applied`,
  };
}

/** Without its lists, a snapshot's sums count on the day of the first capture and on the snapshot's own (contract §1). */
export function factsOfSnapshot(
  data: SnapshotData,
  event: { readonly time: string; readonly sequence: number },
): OrderFacts {
  const { status, paidCents, refundedCents, placedAt, paidAt, shippedAt, deliveredAt, cancelledAt, ...rest } = data;
  const { payments, refunds, ...placed } = rest;
  const captured = payments ?? presumedPayments(paidCents, paidAt, event.time);
  const refundId = `presumed by snapshot ${event.sequence}`;
  const firstCapture = paidAt ?? captured[0]?.at;
  return {
    placed: { ...placed, tags: [...new Set(placed.tags)] },
    status,
    paidCents,
    refundedCents,
    payments: captured,
    refunds: refunds ?? (refundedCents > 0 ? [{ refundId, at: event.time, amountCents: refundedCents }] : []),
    placedAt,
    ...(firstCapture !== undefined && { paidAt: firstCapture }),
    ...(shippedAt !== undefined && { shippedAt }),
    ...(deliveredAt !== undefined && { deliveredAt }),
    ...(cancelledAt !== undefined && { cancelledAt }),
  };
}

function presumedPayments(paidCents: number, paidAt: string | undefined, snapshotAt: string): Payment[] {
  if (paidCents === 0 && paidAt === undefined) return [];
  return [{ at: paidAt ?? snapshotAt, amountCents: paidCents }];
}

/** A snapshot's data that says the same as these facts: the inverse of {@link factsOfSnapshot}. */
export function snapshotOf({ placed, ...rest }: OrderFacts): SnapshotData {
  return { ...placed, ...rest };
}
