import type { OrderDocument } from '../order/document.ts';
import { isBare } from '../order/fold.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import { IndexUnavailableError, type OrderIndex, type ParkedEvent } from '../order-index/port.ts';
import { Interrupted } from './back-off.ts';
import { sweepOf, type OrderWork } from './work.ts';

/** Parked events are read in pages of about so many bytes, of so many events at first and at most: each may be megabytes long. */
const PAGE_BYTES = 8 * 1024 * 1024;
const FIRST_PAGE = 20;
const MAX_PAGE = 500;
/** How soon after it is asked for a sweep begins. */
const SOON_MS = 1_000;
/** Sweeps that are asked for take up no more than this share of the time, however many events are parked. */
const SHARE = 0.1;

type SweptIndex = Pick<OrderIndex, 'listParked' | 'registry' | 'load' | 'stripParked'>;

export interface SweeperOptions {
  readonly index: SweptIndex & Pick<OrderIndex, 'countParked'>;
  readonly intervalMs: number;
  /** Hands a sweep over to be run beside the batches. It rejects with {@link Interrupted} where it is stopped halfway. */
  readonly run: (sweep: () => Promise<void>) => void;
  /** Takes parked events through the projector's own pipeline. */
  readonly project: (works: readonly OrderWork[]) => Promise<void>;
  /** Told after each sweep how many events are parked. */
  readonly onCount: (parkedEvents: number) => void;
}

/** Sweeps at the start, every interval, and soon after somebody is known to have left something. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #state: 'idle' | 'sweeping' | 'stopped' = 'idle';
  #askedFor = false;
  /** Of the monotonic clock: when the next one begins, and the earliest that one that is asked for may. */
  #dueAtMs = Infinity;
  #notBeforeMs = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  /** A sweep under way ends with the page that it is at. */
  stop(): void {
    this.#state = 'stopped';
    this.#stopping.abort(new Interrupted());
    clearTimeout(this.#timer);
  }

  /** Brings the next sweep forward. */
  soon(): void {
    this.#askedFor = true;
    if (this.#state !== 'idle') return;
    const now = performance.now();
    const inMs = Math.max(SOON_MS, this.#notBeforeMs - now);
    if (now + inMs < this.#dueAtMs) this.#schedule(inMs);
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    this.#dueAtMs = performance.now() + inMs;
    this.#timer = setTimeout(() => {
      this.#state = 'sweeping';
      this.#options.run(() => this.#sweepAndGoOn());
    }, inMs);
  }

  async #sweepAndGoOn(): Promise<void> {
    this.#askedFor = false;
    const startedAt = performance.now();
    try {
      await this.#sweep();
    } finally {
      const now = performance.now();
      this.#notBeforeMs = now + (now - startedAt) / SHARE;
      this.#goOn();
    }
  }

  #goOn(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'idle';
    this.#schedule(this.#options.intervalMs);
    if (this.#askedFor) this.soon();
  }

  async #sweep(): Promise<void> {
    const { index, project, onCount } = this.#options;
    try {
      for await (const works of dueParked(index, this.#stopping.signal)) await project(works);
      onCount(await index.countParked());
    } catch (error) {
      // The next sweep tries again; the batches report the outage.
      if (!(error instanceof IndexUnavailableError)) throw error;
    }
  }
}

/**
 * The parked events that are due: their order has reached the sequence before them, or has passed them. Another instance left them
 * (or died between two steps), so nobody else looks. Of an erased order no more than places are left parked, whoever parked them.
 * @throws IndexUnavailableError, the signal's reason
 */
export async function* dueParked(index: SweptIndex, signal: AbortSignal): AsyncGenerator<OrderWork[]> {
  let after: ParkedEvent | undefined;
  for (let size = FIRST_PAGE; ;) {
    signal.throwIfAborted();
    const page = await index.listParked({
      size,
      ...(after && { after: { orderId: after.orderId, sequence: after.event.sequence } }),
    });
    if (page.length === 0) return;
    after = page.at(-1);
    size = nextSize(page);
    const { live } = await index.registry();
    const documents = await loadDocuments(index, live, [...new Set(page.map(({ orderId }) => orderId))]);
    await stripErased(page, documents, index);
    const due = dueOf(page, documents);
    if (due.length > 0) yield due;
  }
}

function nextSize(page: readonly ParkedEvent[]): number {
  const bytes = page.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0);
  return Math.max(1, Math.min(MAX_PAGE, Math.floor((PAGE_BYTES / bytes) * page.length)));
}

type Documents = ReadonlyMap<string, OrderDocument>;

async function stripErased(page: readonly ParkedEvent[], documents: Documents, index: SweptIndex): Promise<void> {
  const whole = page.filter(({ orderId, event }) => documents.get(orderId)?.erasedAt !== undefined && !isBare(event));
  await index.stripParked(whole.map(({ orderId, event: { sequence } }) => ({ orderId, sequence })));
}

function dueOf(page: readonly ParkedEvent[], documents: Documents): OrderWork[] {
  const byOrder = Map.groupBy(page, ({ orderId }) => orderId);
  return [...byOrder].flatMap(([orderId, parked]) => {
    const version = documents.get(orderId)?.version ?? 0;
    return parked.some(({ event }) => event.sequence <= version + 1) ? [sweepOf(orderId, parked)] : [];
  });
}
