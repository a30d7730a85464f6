import type { OrderDocument } from '../../../src/order/document.ts';
import { sameIdentity, type OrderEvent } from '../../../src/order/event.ts';
import { foldStored, newOrder, type StorageLimits } from '../../../src/order/fold.ts';
import { offer, storedDocumentOf } from './parsed-events.ts';

/**
 * One order's projection in memory, by the projector's rules: a batch is folded onto the stored document, what is early is kept
 * aside, and offered again as soon as it is due. Nothing but the document is remembered between two batches.
 */
export interface Projection {
  document: OrderDocument | undefined;
  readonly parked: Map<number, OrderEvent>;
  readonly deadLettered: { readonly event: OrderEvent; readonly reason: string }[];
  duplicates: number;
}

export function emptyProjection(): Projection {
  return { document: undefined, parked: new Map(), deadLettered: [], duplicates: 0 };
}

/** Delivers a batch, and then what was parked and is due. `onWrite` sees every document that is written. */
export function deliver(
  projection: Projection,
  batch: readonly OrderEvent[],
  limits: StorageLimits,
  onWrite: (document: OrderDocument) => void,
): void {
  let offered = [...batch];
  while (offered.length > 0) {
    const start = projection.document
      ? foldStored('o-1', projection.document.events, projection.document.aggregateKeys)
      : newOrder('o-1');
    const { state, placements } = offer(start, offered, limits);
    offered.forEach((event, index) => {
      const placement = placements[index];
      if (placement?.kind === 'early') park(projection, event);
      if (placement?.kind === 'duplicate') projection.duplicates += 1;
      if (placement?.kind === 'refused') projection.deadLettered.push({ event, reason: placement.refusal.reason });
    });
    if (state.version > start.version) {
      projection.document = storedDocumentOf(state);
      onWrite(projection.document);
    }
    offered = takeDue(projection);
  }
}

function park({ parked, deadLettered }: Projection, event: OrderEvent): void {
  const there = parked.get(event.sequence);
  if (there === undefined) parked.set(event.sequence, event);
  else if (!sameIdentity(there, event)) deadLettered.push({ event, reason: 'sequence_conflict' });
}

/** What the document contains now is dropped; what follows it is due. */
function takeDue({ parked, document }: Projection): OrderEvent[] {
  const version = document?.version ?? 0;
  for (const sequence of [...parked.keys()]) if (sequence <= version) parked.delete(sequence);
  const next = parked.get(version + 1);
  parked.delete(version + 1);
  return next ? [next] : [];
}
