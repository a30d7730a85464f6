import type { Item, PlacedData, PlacedDataV1 } from './event.ts';

/** `"12.5"` → 1250. The text must be digits with at most two decimals (checked when the event is parsed). */
function centsOf(price: string): number {
  const [whole = '', decimals = ''] = price.split('.');
  return Number(whole) * 100 + Number(decimals.padEnd(2, '0'));
}

/** `order.placed.v1` in the v2 shape: no tags, and the total is the sum of its lines. */
export function upcastPlaced(v1: PlacedDataV1): PlacedData {
  const items = v1.lines.map((line): Item => ({
    sku: line.sku,
    name: line.name,
    quantity: line.qty,
    unitPriceCents: centsOf(line.price),
  }));
  return {
    customer: { id: v1.customerId, name: v1.customerName },
    sellerId: v1.sellerId,
    currency: v1.currency,
    items,
    totalCents: items.reduce((sum, item) => sum + item.quantity * item.unitPriceCents, 0),
    tags: [],
  };
}
