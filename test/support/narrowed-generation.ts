import { Client } from '@elastic/elasticsearch';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { eventAt } from './protocol.ts';
import type { TestBackend } from './test-backend.ts';

export type AmountField = 'totalCents' | 'paidCents' | 'refundedCents';

/** More than an `integer` holds. */
const HUGE_CENTS = 3_000_000_000;

/** Makes an empty generation that nobody writes to yet anew, with a mapping whose field is too small for a huge amount. */
export async function narrow({ environment }: TestBackend, index: string, field: AmountField): Promise<void> {
  const client = new Client({ node: environment['ELASTICSEARCH_URL'] ?? '' });
  try {
    const { mappings = {} } = (await client.indices.getMapping({ index }))[index] ?? {};
    await client.indices.delete({ index });
    await client.indices.create({
      index,
      settings: { number_of_shards: 1, number_of_replicas: 0, refresh_interval: '-1' },
      mappings: { ...mappings, properties: { ...mappings.properties, [field]: { type: 'integer' } } },
    });
  } finally {
    await client.close();
  }
}

/** An order of which one amount is huge, and whose other events are small. */
export function hugeOrder(orderId: string, field: AmountField): CloudEvent[] {
  const placed = eventAt(1);
  const total = field === 'totalCents' ? HUGE_CENTS : 100;
  const sku = { sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: total };
  const events = [
    { ...placed, data: { ...(placed.data as object), items: [sku], totalCents: total } },
    {
      ...eventAt(2),
      type: 'order.payment_captured.v1',
      data: { amountCents: field === 'paidCents' ? HUGE_CENTS : 100 },
    },
    {
      ...eventAt(3),
      type: 'order.refunded.v1',
      data: { refundId: 'r-1', amountCents: field === 'refundedCents' ? HUGE_CENTS : 100 },
    },
  ];
  return events.map((event) => ({
    ...event,
    specversion: '1.0',
    id: `${orderId}-${event.id}`,
    subject: orderId,
    partitionkey: orderId,
    datacontenttype: 'application/json',
  }));
}
