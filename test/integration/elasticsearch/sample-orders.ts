import type { OrderDocument } from '../../../src/order/document.ts';
import type { KnownEvent, OrderEvent, PlacedData } from '../../../src/order/event.ts';
import { documentOf } from '../../../src/order/flatten.ts';
import { foldStored } from '../../../src/order/fold.ts';
import type { DocumentWrite } from '../../../src/order-index/port.ts';

export interface SampleOrder {
  readonly orderId: string;
  readonly customer?: PlacedData['customer'];
  readonly sellerId?: string;
  readonly currency?: string;
  /** Item names, or [SKU, name]. */
  readonly items?: readonly (string | readonly [sku: string, name: string])[];
  readonly totalCents?: number;
  readonly tags?: readonly string[];
  readonly placedAt?: string;
  /** Events after the first one; their sequences are counted on. */
  readonly then?: readonly Pick<KnownEvent, 'type' | 'data'>[];
}

const PLACED_AT = '2026-03-01T10:00:00.000Z';
const PROJECTED_AT = '2026-03-01T10:00:01.000Z';

function eventsOf(order: SampleOrder): OrderEvent[] {
  const placedAt = order.placedAt ?? PLACED_AT;
  const events = [{ type: 'order.placed.v2', data: placedData(order) }, ...(order.then ?? [])];
  return events.map(({ type, data }, position) => ({
    id: `${order.orderId}:${position + 1}`,
    source: '/test',
    time: placedAt,
    sequence: position + 1,
    type,
    data,
  }));
}

function placedData(order: SampleOrder): PlacedData {
  const items = (order.items ?? ['Paper lantern']).map((item, position) => {
    const [sku, name] = typeof item === 'string' ? [`SKU${position}`, item] : item;
    return { sku, name, quantity: 1, unitPriceCents: 1_000 };
  });
  return {
    customer: order.customer ?? { id: 'C-1', name: 'Ada Lovelace' },
    sellerId: order.sellerId ?? 'S-1',
    currency: order.currency ?? 'EUR',
    items,
    totalCents: order.totalCents ?? 1_000,
    tags: order.tags ?? [],
  };
}

export function sampleDocument(order: SampleOrder): OrderDocument {
  return documentOf(foldStored(order.orderId, eventsOf(order)), PROJECTED_AT);
}

export function sampleWrite(order: SampleOrder): DocumentWrite {
  const document = sampleDocument(order);
  return { orderId: document.orderId, version: document.version, document };
}
