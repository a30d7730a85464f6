import { contribution } from '../order/contribution.ts';
import { dayOf, lastInstantOf } from '../order/day.ts';
import { MAX_AHEAD_MS } from '../order/event-time.ts';
import type { OrderEvent } from '../order/event.ts';
import { evolve, UNLIMITED, type OrderState } from '../order/fold.ts';
import type { Plan } from './plan.ts';

export interface LateEventsOptions {
  readonly graceMs: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly onLate: () => void;
}

/** They count on the day on which they happened. */
const MONEY: ReadonlySet<string> = new Set(['order.payment_captured.v1', 'order.refunded.v1']);
/** They may change any day on which the order counts. */
const SWEEPING: ReadonlySet<string> = new Set(['order.corrected.v1', 'order.erased.v1', 'order.snapshot.v1']);

/**
 * Tells which events change a day of the aggregates that was final already: the watermark, made of event times, had passed its end when
 * they were delivered, or taken out of what was parked. Events of one batch are applied order by order, and so overtake one another.
 */
export class LateEvents {
  readonly #options: LateEventsOptions;
  /** Epoch milliseconds. */
  #newest = -Infinity;
  /** Of events that may be late: what the newest time was before them. */
  readonly #newestBefore = new WeakMap<OrderEvent, number>();

  constructor(options: LateEventsOptions) {
    this.#options = options;
  }

  /** An event time that was seen, here or elsewhere. RFC 3339. */
  saw(time: string): void {
    const at = Date.parse(time);
    if (at <= this.#options.now() + MAX_AHEAD_MS) this.#newest = Math.max(this.#newest, at);
  }

  /** In the order of their delivery. */
  delivered(event: OrderEvent): void {
    if (this.#mayBeLate(event)) this.#newestBefore.set(event, this.#newest);
    this.saw(event.time);
  }

  /** Told once of what the live generation has taken; where its answer got lost, of nothing. */
  wrote({ before, placements }: Pick<Plan, 'before' | 'placements'>): void {
    const applied: OrderEvent[] = [];
    for (const [{ origin, event }, { kind }] of placements) {
      if (kind !== 'applied') continue;
      if (origin === 'parked' && this.#mayBeLate(event)) this.#newestBefore.set(event, this.#newest);
      applied.push(event);
    }
    if (applied.some((event) => this.#newestBefore.has(event))) this.#judge(applied, before);
  }

  /** Folds them once more, since each is judged by what it changes itself. */
  #judge(applied: readonly OrderEvent[], before: OrderState): void {
    let state = before;
    for (const event of applied.toSorted((a, b) => a.sequence - b.sequence)) {
      const evolved = evolve(state, event, UNLIMITED);
      if (evolved.kind === 'refused') throw new Error(`the applied event ${event.id} is refused`);
      const newest = this.#newestBefore.get(event);
      const isLate =
        newest !== undefined && this.#finalDaysOf(state, newest) !== this.#finalDaysOf(evolved.state, newest);
      if (isLate) this.#options.onLate();
      state = evolved.state;
    }
  }

  #mayBeLate({ type, time }: OrderEvent): boolean {
    return SWEEPING.has(type) || (MONEY.has(type) && this.#isFinal(dayOf(time), this.#newest));
  }

  #isFinal(day: string, newest: number): boolean {
    return Date.parse(lastInstantOf(day)) < newest - this.#options.graceMs;
  }

  /** What an order adds to the days that are final by that watermark, to be compared. */
  #finalDaysOf({ facts, erasedAt }: OrderState, newest: number): string {
    if (!facts || erasedAt !== undefined) return NOTHING;
    const { contributions, sales } = contribution(facts);
    const final = contributions.filter(({ day }) => this.#isFinal(day, newest));
    const keys = new Set(final.map(({ key }) => key));
    return JSON.stringify([...final, ...sales.filter(({ key }) => keys.has(key))]);
  }
}

const NOTHING = JSON.stringify([]);
