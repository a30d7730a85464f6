import { LRUCache } from 'lru-cache';
import type { OrderState } from '../order/fold.ts';

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
  readonly #entries: LRUCache<string, OrderState>;

  constructor({ maxOrders, maxBytes }: WorkingSetLimits) {
    this.#entries = new LRUCache({
      max: maxOrders,
      maxSize: maxBytes,
      sizeCalculation: ({ eventBytes }) => eventBytes + 1_000,
    });
  }

  state(orderId: string): OrderState | undefined {
    return this.#entries.get(orderId);
  }

  /** Keeps a state unless a newer one is there. */
  fold(state: OrderState): void {
    const known = this.#entries.get(state.orderId);
    if (!known || known.version < state.version) this.#entries.set(state.orderId, state);
  }

  drop(orderId: string): void {
    this.#entries.delete(orderId);
  }
}
