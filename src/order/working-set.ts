import { LRUCache } from 'lru-cache';
import type { OrderState } from './fold.ts';

export interface WorkingSetLimits {
  readonly maxOrders: number;
  /** Of stored events, as JSON. */
  readonly maxBytes: number;
}

/**
 * Order states as this instance has folded them: those used last, within the limits. An order that is not there is loaded. Whoever
 * finds that a state is wrong, since its write has failed or lost to another instance's, drops it, and loads the order again.
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
  keep(state: OrderState): void {
    const known = this.#entries.get(state.orderId);
    if (!known || known.version < state.version) this.#entries.set(state.orderId, state);
  }

  drop(orderId: string): void {
    this.#entries.delete(orderId);
  }
}
