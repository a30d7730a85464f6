import type { ParkedEvent } from '../../src/order-index/port.ts';
import { eventAt } from './protocol.ts';

const PARKED_AT = '2026-01-01T00:00:00.000Z';

/** As if so much were parked that nobody comes to its end: one event an order, which waits for its first one. */
export function endlesslyParked() {
  let pages = 0;
  const listParked = async ({ size }: { readonly size: number }): Promise<ParkedEvent[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    pages += 1;
    return Array.from({ length: size }, (_, at) => {
      const orderId = `${String(pages).padStart(9, '0')}-${String(at).padStart(9, '0')}`;
      return { orderId, event: eventAt(2), parkedAt: PARKED_AT };
    });
  };
  return { listParked, pages: () => pages };
}
