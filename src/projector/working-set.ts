import { LRUCache } from 'lru-cache';
import type { OrderState } from '../order/fold.ts';

/** The version of an order that is known to be in every write target of a registry epoch. */
interface Durable {
  readonly version: number;
  readonly epoch: number;
}

interface Entry {
  readonly state: OrderState;
  readonly durable: Durable | undefined;
}

export interface WorkingSetLimits {
  readonly maxOrders: number;
  /** Of stored events, as JSON. */
  readonly maxBytes: number;
}

/**
 * Order states as this instance has folded them. An order is in one round at a time (a batch that overlaps with that of another one
 * goes ahead with its other orders), so nothing is folded onto a state whose write may yet fail, or lose to another instance's. An
 * entry that turns out wrong is dropped, and the order loaded again.
 */
export class WorkingSet {
  readonly #entries: LRUCache<string, Entry>;
  /** The orders that are in a round now, each with what resolves when it is over. */
  readonly #claimed = new Map<string, Promise<void>>();

  constructor({ maxOrders, maxBytes }: WorkingSetLimits) {
    this.#entries = new LRUCache({
      max: maxOrders,
      maxSize: maxBytes,
      sizeCalculation: ({ state }) => state.eventBytes + 1_000,
    });
  }

  state(orderId: string): OrderState | undefined {
    return this.#entries.get(orderId)?.state;
  }

  /** Keeps a state unless a newer one is there. */
  fold(state: OrderState): void {
    const entry = this.#entries.get(state.orderId);
    if (entry && entry.state.version >= state.version) return;
    this.#entries.set(state.orderId, { state, durable: entry?.durable });
  }

  drop(orderId: string): void {
    this.#entries.delete(orderId);
  }

  /** Every write target of this epoch has the order at this version or a newer one. */
  confirm(orderId: string, durable: Durable): void {
    const entry = this.#entries.get(orderId);
    if (entry) this.#entries.set(orderId, { state: entry.state, durable });
  }

  isDurable(orderId: string, { version, epoch }: Durable): boolean {
    const durable = this.#entries.get(orderId)?.durable;
    return durable !== undefined && durable.epoch === epoch && durable.version >= version;
  }

  isClaimed(orderId: string): boolean {
    return this.#claimed.has(orderId);
  }

  /** Keeps the orders for one round; none of them may be claimed. The result gives them free again. */
  claim(orderIds: readonly string[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const orderId of orderIds) this.#claimed.set(orderId, promise);
    return () => {
      for (const orderId of orderIds) this.#claimed.delete(orderId);
      resolve();
    };
  }

  /** Resolves when one of these orders may be free. */
  async released(orderIds: readonly string[]): Promise<void> {
    await Promise.race(orderIds.map((orderId) => this.#claimed.get(orderId) ?? Promise.resolve()));
  }
}
