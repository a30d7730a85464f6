/**
 * Collects what arrives, by order, and emits it in batches. One is due `delayMs` after its first item, or once `maxCount` have come, and is
 * emitted as soon as it could be begun with; it takes the orders whose first item is the oldest, with all that has come of them, up to
 * `maxCount` and `maxBytes`. So batches are small while there is little to do; and when behind, whatever comes of an order while older
 * ones are being written joins its batch: the events of an order within the whole window are one write. `emit` must not throw.
 */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  /** In the order of their first items. */
  readonly #byOrder = new Map<string, Waiting<T>>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    const orderId = this.#options.orderOf(item);
    const waiting = this.#byOrder.get(orderId);
    if (waiting) waiting.items.push(item);
    else this.#byOrder.set(orderId, { items: [item], since: this.#options.now() });
    this.#count += 1;
    if (this.#count < this.#options.maxCount) this.#timer ??= setTimeout(() => this.offer(), this.#options.delayMs);
    else if (this.#options.mayBegin()) this.offer();
  }

  /** To be called whenever a batch could be begun with: emits what is due. */
  offer(): void {
    // One look at the clock: what is not due yet when it is looked at here is waited for below.
    const now = this.#options.now();
    while (this.#options.mayBegin() && this.#dueInMs(now) <= 0) this.#options.emit(this.#takeOldest());
    this.#wake(now);
  }

  /** Emits all there is. */
  flush(): void {
    while (this.#count > 0) this.#options.emit(this.#takeOldest());
    this.#wake(this.#options.now());
  }

  /** Forgets what there is. */
  drop(): void {
    this.#byOrder.clear();
    this.#count = 0;
    this.#wake(this.#options.now());
  }

  /** Infinity where nothing waits. */
  #dueInMs(now: number): number {
    if (this.#count >= this.#options.maxCount) return 0;
    const [oldest] = this.#byOrder.values();
    return oldest ? oldest.since + this.#options.delayMs - now : Infinity;
  }

  /** While none could be begun with there is nothing to wake up for: `offer` will be called. */
  #wake(now: number): void {
    clearTimeout(this.#timer);
    const dueInMs = this.#dueInMs(now);
    const isNeeded = dueInMs !== Infinity && dueInMs > 0;
    this.#timer = isNeeded ? setTimeout(() => this.offer(), dueInMs) : undefined;
  }

  /** At least one item. Of an order that has too many the first ones; the rest keeps its place. */
  #takeOldest(): T[] {
    const { maxCount, maxBytes, bytesOf } = this.#options;
    const taken: T[] = [];
    let bytes = 0;
    const take = (item: T): boolean => {
      const size = bytesOf(item);
      if (taken.length > 0 && (taken.length >= maxCount || bytes + size > maxBytes)) return false;
      taken.push(item);
      bytes += size;
      return true;
    };
    for (const [orderId, { items, since }] of this.#byOrder) {
      const before = taken.length;
      if (!items.every(take)) {
        this.#byOrder.set(orderId, { items: items.slice(taken.length - before), since });
        break;
      }
      this.#byOrder.delete(orderId);
    }
    this.#count -= taken.length;
    return taken;
  }
}

interface Waiting<T> {
  readonly items: T[];
  /** When its first item came, ms. */
  readonly since: number;
}

export interface BatcherOptions<T> {
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly delayMs: number;
  /** Whether a batch that is emitted now would be begun with at once. */
  readonly mayBegin: () => boolean;
  readonly orderOf: (item: T) => string;
  readonly bytesOf: (item: T) => number;
  /** A clock that never goes back, ms. */
  readonly now: () => number;
  readonly emit: (items: T[]) => void;
}
