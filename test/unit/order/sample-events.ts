import type { CloudEventJson } from '../../support/oracle.ts';

export const PLACED = {
  customer: { id: 'c-7', name: 'Zoë Ångström', email: 'zoe@example.org' },
  sellerId: 's-9',
  currency: 'EUR',
  items: [
    { sku: 'sku-1', name: 'Paper lantern', quantity: 2, unitPriceCents: 1250 },
    { sku: 'sku-2', name: 'Paper lantern', quantity: 1, unitPriceCents: 500 },
    { sku: 'sku-1', name: 'Candle', quantity: 3, unitPriceCents: 0 },
  ],
  totalCents: 3000,
  tags: ['gift', 'vip', 'gift'],
} as const;

export const PLACED_V1 = {
  customerId: 'c-7',
  customerName: 'Zoë Ångström',
  sellerId: 's-9',
  currency: 'EUR',
  lines: [
    { sku: 'sku-1', name: 'Paper lantern', qty: 2, price: '12.5' },
    { sku: 'sku-2', name: 'Candle', qty: 3, price: '0.07' },
  ],
} as const;

export const SNAPSHOT = {
  ...PLACED,
  status: 'shipped',
  paidCents: 3000,
  refundedCents: 500,
  placedAt: '2010-12-01T08:00:00.000Z',
  paidAt: '2010-12-01T09:00:00.000Z',
  shippedAt: '2010-12-02T08:00:00.000Z',
  payments: [
    { at: '2010-12-01T09:00:00.000Z', amountCents: 2000, method: 'card' },
    { at: '2010-12-01T10:00:00.000Z', amountCents: 1000 },
  ],
  refunds: [{ refundId: 'r-1', at: '2010-12-03T08:00:00.000Z', amountCents: 500 }],
} as const;

/** The event at a sequence of order `o-1`; it happened that many hours into 2011 unless it is said otherwise. */
export function cloudEvent(
  sequence: number,
  type: string,
  data?: unknown,
  attributes: Readonly<Record<string, unknown>> = {},
): CloudEventJson {
  return {
    specversion: '1.0',
    id: `e-${sequence}`,
    source: '/order-service',
    type,
    subject: 'o-1',
    time: hour(Math.min(sequence, 1_000)),
    sequence,
    ...(data === undefined ? {} : { data }),
    ...attributes,
  };
}

/** `hours` hours into 2011. */
export function hour(hours: number): string {
  return new Date(Date.UTC(2011, 0, 1, hours)).toISOString();
}
