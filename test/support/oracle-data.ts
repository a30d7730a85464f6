/** The oracle's reading of contract §1's table: which fields of an event's data are known, and how instants are written. */

/** `true` keeps a value as it is, `instant` normalises it, a list holds the shape of its members. */
type Shape = true | 'instant' | readonly [Shape] | { readonly [field: string]: Shape };

const ITEMS: Shape = [{ sku: true, name: true, quantity: true, unitPriceCents: true }];
const PLACED = {
  customer: { id: true, name: true, email: true },
  sellerId: true,
  currency: true,
  items: ITEMS,
  totalCents: true,
  tags: true,
} as const;

const KNOWN_DATA: Readonly<Record<string, Shape>> = {
  'order.placed.v2': PLACED,
  'order.placed.v1': {
    customerId: true,
    customerName: true,
    sellerId: true,
    currency: true,
    lines: [{ sku: true, name: true, qty: true, price: true }],
  },
  'order.payment_captured.v1': { amountCents: true, method: true },
  'order.shipped.v1': { carrier: true, trackingNumber: true },
  'order.delivered.v1': {},
  'order.cancelled.v1': { reason: true },
  'order.refunded.v1': { refundId: true, amountCents: true, reason: true, items: [{ sku: true, quantity: true }] },
  'order.tagged.v1': { add: true, remove: true },
  'order.corrected.v1': { patch: PLACED, reason: true },
  'order.erased.v1': { reason: true },
  'order.skipped.v1': { reason: true },
  'order.snapshot.v1': {
    ...PLACED,
    status: true,
    paidCents: true,
    refundedCents: true,
    placedAt: 'instant',
    paidAt: 'instant',
    shippedAt: 'instant',
    deliveredAt: 'instant',
    cancelledAt: 'instant',
    payments: [{ at: 'instant', amountCents: true, method: true }],
    refunds: [{ refundId: true, at: 'instant', amountCents: true }],
  },
};

/** An event's data without the fields that its type does not know; an unknown type's data as it is. */
export function shownData(type: string, data: unknown): unknown {
  const shape = KNOWN_DATA[type];
  return shape === undefined ? data : keep(shape, data);
}

function keep(shape: Shape, value: unknown): unknown {
  if (shape === true) return value;
  if (shape === 'instant') return utcMilliseconds(String(value));
  if (Array.isArray(shape))
    return Array.isArray(value) ? value.map((member) => keep((shape as [Shape])[0], member)) : value;
  if (typeof value !== 'object' || value === null) return value;
  const fields = shape as Readonly<Record<string, Shape>>;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([field]) => Object.hasOwn(fields, field))
      .map(([field, inner]) => [field, keep(fields[field] ?? true, inner)]),
  );
}

/** RFC 3339 → UTC with milliseconds, further digits cut off. */
export function utcMilliseconds(text: string): string {
  const match = /^(\d+-\d+-\d+)t(\d+:\d+:\d+)(\.\d+)?(z|[+-]\d+:\d+)$/i.exec(text);
  if (!match) throw new Error(`The oracle judges no event at "${text}"`);
  const [, day = '', clock = '', fraction = '', offset = ''] = match;
  const milliseconds = fraction.slice(1, 4).padEnd(3, '0');
  return new Date(`${day}T${clock}.${milliseconds}${offset.toUpperCase()}`).toISOString();
}
