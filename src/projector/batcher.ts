/**
 * Collects what arrives into batches: one is full at `maxCount` or `maxBytes`, or due `delayMs` after its first item.
 * `emit` must not throw.
 */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  #items: T[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#bytes += this.#options.bytesOf(item);
    if (this.#items.length >= this.#options.maxCount || this.#bytes >= this.#options.maxBytes) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), this.#options.delayMs);
  }

  /** Emits what there is. */
  flush(): void {
    const items = this.drop();
    if (items.length > 0) this.#options.emit(items);
  }

  /** Forgets what there is, and returns it. */
  drop(): T[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }
}

export interface BatcherOptions<T> {
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly delayMs: number;
  readonly bytesOf: (item: T) => number;
  readonly emit: (items: T[]) => void;
}
