/**
 * Collects what arrives into batches: one is full at `maxCount` or `maxBytes`, or due `delayMs` after its first item. One that is due and
 * not full grows on for as long as it could not be begun with anyway: batches are small while there is little to do, and large when
 * behind. `emit` must not throw.
 */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  #items: T[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDue = false;

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#bytes += this.#options.bytesOf(item);
    if (this.#items.length >= this.#options.maxCount || this.#bytes >= this.#options.maxBytes) this.flush();
    else this.#timer ??= setTimeout(() => this.#due(), this.#options.delayMs);
  }

  /** To be called whenever a batch could be begun with: emits the one that is due. */
  offer(): void {
    if (this.#isDue && this.#options.mayBegin()) this.flush();
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
    this.#isDue = false;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }

  #due(): void {
    this.#isDue = true;
    this.offer();
  }
}

export interface BatcherOptions<T> {
  readonly maxCount: number;
  readonly maxBytes: number;
  readonly delayMs: number;
  /** Whether a batch that is emitted now would be begun with at once. */
  readonly mayBegin: () => boolean;
  readonly bytesOf: (item: T) => number;
  readonly emit: (items: T[]) => void;
}
