import type { PartHealth } from '../observability/health.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import { Interrupted } from './back-off.ts';
import { listGaps, type GapIndex, type GapOptions } from './gaps.ts';

export interface GapSummary {
  readonly parkedEvents: number;
  readonly gappedOrders: number;
  /** How long the event has waited that was parked first; 0 where none is. */
  readonly oldestParkedSeconds: number;
  /** There may be more gapped orders, and an event that has waited longer: counting has stopped. */
  readonly isAtLeast: boolean;
  /** One of them. */
  readonly example: string | undefined;
}

export interface GapMonitorOptions extends Omit<GapOptions, 'signal'> {
  readonly index: GapIndex & Pick<OrderIndex, 'countParked'>;
  readonly intervalMs: number;
  readonly onSummary: (summary: GapSummary) => void;
}

/** Enough to know that something is badly wrong. */
const MAX_COUNTED = 1_000;

/** Looks now and then which orders are gapped: health must answer at once. One that cannot be counted now keeps its last number. */
export class GapMonitor {
  readonly #options: GapMonitorOptions;
  readonly #stopping = new AbortController();
  #summary: GapSummary | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: GapMonitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#look();
    this.#timer = setInterval(() => this.#look(), this.#options.intervalMs);
  }

  /** A look under way ends with the page that it reads. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort(new Interrupted());
    await this.#looking;
  }

  /** Undefined before the first look. */
  summary(): GapSummary | undefined {
    return this.#summary;
  }

  #look(): void {
    this.#looking ??= this.#count().finally(() => {
      this.#looking = undefined;
    });
  }

  async #count(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      const summary = await summarize(this.#options, signal);
      this.#summary = summary;
      this.#options.onSummary(summary);
    } catch (error) {
      if (error === signal.reason) return;
      // The index's own part of `/health` says so, and the next look tries again.
      if (!(error instanceof IndexUnavailableError)) throw error;
    }
  }
}

async function summarize({ index, ...options }: GapMonitorOptions, signal: AbortSignal): Promise<GapSummary> {
  const parkedEvents = await index.countParked();
  let gappedOrders = 0;
  let example: string | undefined;
  let oldestParkedSeconds = 0;
  if (parkedEvents > 0) {
    for await (const gap of listGaps(index, { ...options, signal })) {
      oldestParkedSeconds = Math.max(oldestParkedSeconds, secondsSince(gap.oldestParkedAt, options.now()));
      if (!gap.gapped) continue;
      example ??= gap.orderId;
      gappedOrders += 1;
      if (gappedOrders === MAX_COUNTED) break;
    }
  }
  return { parkedEvents, gappedOrders, oldestParkedSeconds, isAtLeast: gappedOrders === MAX_COUNTED, example };
}

function secondsSince(instant: string, now: Date): number {
  return (now.getTime() - Date.parse(instant)) / 1_000;
}

/** Gapped orders degrade the projector: what they wait for does not come by itself, unless it is what the projector is held up with. */
export function withGaps(health: PartHealth, summary: GapSummary | undefined): PartHealth {
  if (summary === undefined) return health;
  const { parkedEvents, gappedOrders, isAtLeast, example } = summary;
  const details = { ...health.details, parkedEvents, gappedOrders };
  if (gappedOrders === 0) return { ...health, details };
  const orders = `${isAtLeast ? 'at least ' : ''}${gappedOrders} ${gappedOrders === 1 ? 'order waits' : 'orders wait'}`;
  const waiting = `${orders} for events that have not come (such as ${example})`;
  if (health.reason !== undefined) {
    // A repair now would declare lost what comes once this is over.
    const reason = `${health.reason.replace(/[;\s]+$/, '')}; ${waiting}: they may yet, once that is over`;
    return { ...health, reason, details };
  }
  const repair =
    'see GET /admin/parked, and repair with POST /admin/parked/repair {"missing": "history"}, or {"missing": "skip"} for what is lost';
  return { state: 'degraded', reason: `${waiting}: ${repair}`, details };
}
