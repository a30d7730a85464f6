import type { ParkedEvent, TakenPlace } from '../../src/order-index/port.ts';
import { eventAt } from './protocol.ts';

const PARKED_AT = '2026-01-01T00:00:00.000Z';

interface Page {
  readonly size: number;
}

/** As if so much were parked that nobody comes to its end: one event an order, which waits for its first one. */
export function endlesslyParked() {
  let pages = 0;
  const nextPage = async ({ size }: Page): Promise<TakenPlace[]> => {
    await new Promise((resolve) => setImmediate(resolve));
    pages += 1;
    return Array.from({ length: size }, (_, at) => {
      const orderId = `${String(pages).padStart(9, '0')}-${String(at).padStart(9, '0')}`;
      return { orderId, sequence: 2, parkedAt: PARKED_AT };
    });
  };
  const listParked = async (page: Page): Promise<ParkedEvent[]> => {
    const places = await nextPage(page);
    return places.map(({ orderId, sequence, parkedAt }) => ({ orderId, event: eventAt(sequence), parkedAt }));
  };
  return { listParked, listParkedPlaces: nextPage, pages: () => pages };
}
