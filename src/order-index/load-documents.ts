import type { OrderDocument } from '../order/document.ts';
import { IndexUnavailableError, type OrderIndex, type WriteTarget } from './port.ts';

/**
 * The documents that a generation has of these orders, in real time.
 * @throws IndexUnavailableError also where the generation has gone: the next look at the registry finds the one that is live
 */
export async function loadDocuments(
  index: Pick<OrderIndex, 'load'>,
  from: WriteTarget,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, OrderDocument>> {
  if (orderIds.length === 0) return new Map();
  const loaded = await index.load(from, orderIds);
  if (loaded.kind === 'loaded') return loaded.documents;
  throw new IndexUnavailableError(loaded.reason);
}
