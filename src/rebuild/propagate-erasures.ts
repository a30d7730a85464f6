import { loadDocuments } from '../order-index/load-documents.ts';
import { behindLive } from './compare.ts';
import type { OrderDocument } from '../order/document.ts';
import { isBare } from '../order/fold.ts';
import { diverge } from '../order-index/diverge.ts';
import { forgetOrder } from '../order-index/forget-order.ts';
import { parkedPages } from '../order-index/parked-pages.ts';
import type { WriteTarget } from '../order-index/port.ts';
import type { RebuildIndex } from './state.ts';
import { LostTargetError, RefusedError, writeUntilStored } from './write-until-stored.ts';

export interface PropagationDependencies {
  readonly index: RebuildIndex;
  readonly signal: AbortSignal;
  /** Told how many orders have been compared, of one standby after the other. */
  readonly onCompared: (orders: number) => void;
}

/** Each may be megabytes long. */
const PARKED_PAGE = 20;
const DEAD_LETTERS_PAGE = 100;
const LOADED_AT_ONCE = 200;

/**
 * What readers were moved to may know of erasures that no projector has handled, since a history or a file alone told of them. So of these
 * orders all goes now that is kept elsewhere: their dead letters, what is parked of them, and what the other write targets say.
 * @throws IndexUnavailableError, SnapshotLostError, the signal's reason: the same again
 */
export async function propagateErasures(deps: PropagationDependencies): Promise<void> {
  const { index, signal } = deps;
  const { live, targets } = await index.registry();
  const orderIds = [...new Set([...(await ordersParked(deps)), ...(await ordersWithDeadLetters(deps))])];
  for (let at = 0; at < orderIds.length; at += LOADED_AT_ONCE) {
    signal.throwIfAborted();
    for (const erased of await erasedOf(orderIds.slice(at, at + LOADED_AT_ONCE), live, index)) {
      signal.throwIfAborted();
      await forgetOrder(index, erased);
    }
  }
  const standbys = targets.map(({ generation }) => generation).filter((one) => one !== live.generation);
  let compared = 0;
  for (const standby of standbys) {
    const before = compared;
    const onCompared = (orders: number): void => {
      compared = before + orders;
      deps.onCompared(compared);
    };
    await buryOrDiverge(standby, live, { ...deps, onCompared });
  }
}

/** A standby that does not take a tombstone would bring back what was erased: nobody may be moved there. */
async function buryOrDiverge(standby: string, live: WriteTarget, deps: PropagationDependencies): Promise<void> {
  try {
    await bury(standby, live, deps);
  } catch (error) {
    if (!(error instanceof LostTargetError) && !(error instanceof RefusedError)) throw error;
    await diverge(deps.index, standby, `it lacks the erasure of an order: ${error.message}`);
  }
}

async function erasedOf(orderIds: readonly string[], live: WriteTarget, index: RebuildIndex): Promise<OrderDocument[]> {
  const documents = await loadDocuments(index, live, orderIds);
  return [...documents.values()].filter(({ erasedAt }) => erasedAt !== undefined);
}

/** Those of which more than the place of an event is parked. */
async function ordersParked({ index, signal }: PropagationDependencies): Promise<Set<string>> {
  const orderIds = new Set<string>();
  for await (const page of parkedPages(index, PARKED_PAGE)) {
    signal.throwIfAborted();
    for (const { orderId, event } of page) if (!isBare(event)) orderIds.add(orderId);
  }
  return orderIds;
}

async function ordersWithDeadLetters({ index, signal }: PropagationDependencies): Promise<Set<string>> {
  const orderIds = new Set<string>();
  for (let cursor: string | null = ''; cursor !== null;) {
    signal.throwIfAborted();
    const page = await index.listDeadLetters({ size: DEAD_LETTERS_PAGE, ...(cursor !== '' && { cursor }) });
    for (const { orderId } of page.items) if (orderId !== undefined) orderIds.add(orderId);
    cursor = page.nextCursor;
  }
  return orderIds;
}

/** Writes the tombstones that a standby lacks. @throws LostTargetError, RefusedError */
async function bury(standby: string, live: WriteTarget, deps: PropagationDependencies): Promise<void> {
  const { index, signal } = deps;
  for await (const suspects of behindLive(standby, live, deps)) {
    const erased = await erasedOf(suspects, live, index);
    const writes = erased.map((document) => ({ orderId: document.orderId, version: document.version, document }));
    await writeUntilStored(index, standby, writes, signal);
  }
}
