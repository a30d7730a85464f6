import { aggregateKey } from '../../../src/order/contribution.ts';
import type { AggregateKey, Contribution, Sale } from '../../../src/order/contribution.ts';
import type { DocumentWrite } from '../../../src/order-index/port.ts';
import { sampleDocument } from './sample-orders.ts';

/** What an order contributes, whatever its events: so a few documents hold as many keys, rows and products as a test needs. */
export interface Counted {
  readonly contributions?: readonly Contribution[];
  readonly sales?: readonly Sale[];
  /** Beside those that it contributes to. */
  readonly aggregateKeys?: readonly string[];
}

export function countedWrite(
  orderId: string,
  { contributions = [], sales = [], aggregateKeys = [] }: Counted,
): DocumentWrite {
  const keys = [...contributions, ...sales].map(({ key }) => key);
  const document = {
    ...sampleDocument({ orderId }),
    aggregateKeys: [...new Set([...aggregateKeys, ...keys])],
    contributions,
    sales,
  };
  return { orderId, version: 1, document };
}

/** One order and a cent. */
export function oneCent(of: AggregateKey): Contribution {
  return { key: aggregateKey(of), ...of, orders: 1, revenueCents: 1, refundedCents: 0, refundCount: 0 };
}

/** `2026-01-01` and on. */
export function dayNumber(number: number): string {
  return new Date(Date.UTC(2026, 0, 1 + number)).toISOString().slice(0, 10);
}

export function numbered<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, number) => make(number));
}
