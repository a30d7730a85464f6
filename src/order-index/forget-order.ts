import { parkedPages } from './parked-pages.ts';
import type { OrderIndex, ParkedEvent, ParkedPlace } from './port.ts';

/** How many parked events at once: each may be megabytes long. */
const PARKED_PAGE = 20;

/**
 * An erased order's dead letters go, and so does what is parked of it; what is parked behind a hole keeps its place and nothing else.
 * @param version of its tombstone
 * @throws IndexUnavailableError: the same again
 */
export async function forgetOrder(
  index: Pick<OrderIndex, 'forgetOrder' | 'listParked' | 'unpark' | 'stripParked'>,
  { orderId, version }: { readonly orderId: string; readonly version: number },
): Promise<void> {
  await index.forgetOrder(orderId);
  for await (const page of parkedPages(index, PARKED_PAGE, { orderId, sequence: 0 })) {
    const parked = page.filter((one) => one.orderId === orderId);
    if (parked.length === 0) return;
    const { contained = [], later = [] } = Object.groupBy(parked, ({ event }) =>
      event.sequence <= version ? 'contained' : 'later',
    );
    await index.unpark(contained.map(placeOf));
    await index.stripParked(later.map(placeOf));
  }
}

function placeOf({ orderId, event: { sequence } }: ParkedEvent): ParkedPlace {
  return { orderId, sequence };
}
