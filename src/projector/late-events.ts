import { dayOf, lastInstantOf } from '../order/day.ts';
import type { OrderEvent } from '../order/event.ts';

export interface LateEventsOptions {
  readonly graceMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly onLate: () => void;
}

type TimedEvent = Pick<OrderEvent, 'type' | 'time'>;

/** Event times that are further ahead of the clock are believed by nobody (contract §1, `final`). */
const AHEAD_MS = 5 * 60_000;

/**
 * Tells which payments and refunds change a day that was final already: the watermark, made of event times, had passed its end when they
 * were delivered. Events of one batch are applied order by order, and so overtake one another.
 */
export class LateEvents {
  readonly #options: LateEventsOptions;
  /** Epoch milliseconds. */
  #newest = -Infinity;
  readonly #late = new WeakSet<TimedEvent>();

  constructor(options: LateEventsOptions) {
    this.#options = options;
  }

  /** An event time that was seen, here or elsewhere. RFC 3339. */
  saw(time: string): void {
    const at = Date.parse(time);
    if (at <= this.#options.now() + AHEAD_MS) this.#newest = Math.max(this.#newest, at);
  }

  /** In the order of their delivery. */
  delivered(event: TimedEvent): void {
    const { type, time } = event;
    const isMoney = type === 'order.payment_captured.v1' || type === 'order.refunded.v1';
    if (isMoney && this.#isFinal(time)) this.#late.add(event);
    this.saw(time);
  }

  /** One that was delivered, and was no duplicate. */
  applied(event: TimedEvent): void {
    if (this.#late.has(event)) this.#options.onLate();
  }

  #isFinal(time: string): boolean {
    return Date.parse(lastInstantOf(dayOf(time))) < this.#newest - this.#options.graceMs;
  }
}
