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
 * Order states as this instance has folded them. Batches take turns with an order (`order-lines.ts`), so nothing is folded onto a state whose write may yet fail, or lose to another instance's. An
 * entry that turns out wrong is dropped, and the order loaded again.
 */
export class WorkingSet {
  readonly #entries: LRUCache<string, Entry>;

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
}
