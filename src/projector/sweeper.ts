import type { OrderIndex, ParkedEvent } from '../order-index/port.ts';
import { load } from './plan.ts';
import { sweepOf, type OrderWork } from './work.ts';

const PAGE = 500;

/**
 * The parked events that are due: their order has reached the sequence before them, or has passed them. Another instance left them
 * (or died between two steps), so nobody else looks.
 * @throws IndexUnavailableError
 */
export async function* dueParked(
  index: Pick<OrderIndex, 'listParked' | 'registry' | 'load'>,
): AsyncGenerator<OrderWork[]> {
  let after: ParkedEvent | undefined;
  for (;;) {
    const page = await index.listParked({
      size: PAGE,
      ...(after && { after: { orderId: after.orderId, sequence: after.event.sequence } }),
    });
    if (page.length === 0) return;
    after = page.at(-1);
    const due = await dueOf(page, index);
    if (due.length > 0) yield due;
  }
}

async function dueOf(page: readonly ParkedEvent[], index: Pick<OrderIndex, 'registry' | 'load'>) {
  const byOrder = Map.groupBy(page, ({ orderId }) => orderId);
  const { live } = await index.registry();
  const documents = await load(index, live, [...byOrder.keys()]);
  return [...byOrder].flatMap(([orderId, parked]) => {
    const version = documents.get(orderId)?.version ?? 0;
    return parked.some(({ event }) => event.sequence <= version + 1) ? [sweepOf(orderId, parked)] : [];
  });
}
