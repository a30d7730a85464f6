/** A batch's place in the line of each of its orders. */
export interface Place {
  /** Whether it is this batch's turn with the order. */
  isFirst(orderId: string): boolean;
  /** Lets the next one in. */
  leave(orderIds: readonly string[]): void;
  /** Resolves when it may have become first somewhere since the last time that this resolved: `isFirst` tells. */
  changed(): Promise<void>;
}

/** Batches that overlap take turns with the orders that they share, first come first served: events are folded as they were sent. */
export class OrderLines {
  readonly #lines = new Map<string, Waiting[]>();

  enter(orderIds: readonly string[]): Place {
    const waiting: Waiting = { signal: Promise.withResolvers() };
    for (const orderId of orderIds) {
      const line = this.#lines.get(orderId);
      if (line) line.push(waiting);
      else this.#lines.set(orderId, [waiting]);
    }
    return {
      isFirst: (orderId) => this.#lines.get(orderId)?.[0] === waiting,
      leave: (left) => {
        for (const orderId of left) this.#leave(orderId, waiting);
      },
      changed: async () => {
        await waiting.signal.promise;
        waiting.signal = Promise.withResolvers();
      },
    };
  }

  #leave(orderId: string, waiting: Waiting): void {
    const line = (this.#lines.get(orderId) ?? []).filter((other) => other !== waiting);
    if (line.length > 0) this.#lines.set(orderId, line);
    else this.#lines.delete(orderId);
    line[0]?.signal.resolve();
  }
}

interface Waiting {
  signal: PromiseWithResolvers<void>;
}
