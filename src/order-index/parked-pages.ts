import type { OrderIndex, ParkedEvent, ParkedPlace } from './port.ts';

/**
 * What is parked, a page at a time, in its order, from behind a place on where one is given. What is taken out or put back meanwhile, of
 * pages that were given, changes nothing for those that come.
 * @throws IndexUnavailableError
 */
export async function* parkedPages(
  index: Pick<OrderIndex, 'listParked'>,
  size: number,
  from?: ParkedPlace,
): AsyncGenerator<readonly ParkedEvent[]> {
  for (let after = from; ;) {
    const page = await index.listParked({ size, ...(after && { after }) });
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = { orderId: last.orderId, sequence: last.event.sequence };
  }
}
