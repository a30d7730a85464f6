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
 * Order states as this instance has folded them, confirmed or not yet: overlapping batches fold onto them (design §2). An entry that
 * turns out wrong (failed write, unexplained conflict, a gap) is dropped, and the order loaded again.
 */
export class WorkingSet {
  readonly #entries: LRUCache<string, Entry>;
  /** Orders that a batch is loading now: another batch waits for that instead of folding onto an older load of its own. */
  readonly #loading = new Map<string, Promise<void>>();

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

  /** Waits until no other batch is loading any of these orders. */
  async loaded(orderIds: readonly string[]): Promise<void> {
    for (const orderId of orderIds) {
      for (let load = this.#loading.get(orderId); load; load = this.#loading.get(orderId)) await load;
    }
  }

  /** Runs a load with the orders marked as being loaded. */
  async loading<T>(orderIds: readonly string[], load: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const orderId of orderIds) this.#loading.set(orderId, promise);
    try {
      return await load();
    } finally {
      for (const orderId of orderIds) if (this.#loading.get(orderId) === promise) this.#loading.delete(orderId);
      resolve();
    }
  }
}
