import type { OrderEvent } from '../order/event.ts';

/** One event that the replay holds. */
export interface Replayed {
  readonly orderId: string;
  readonly event: OrderEvent;
  readonly position: number;
  /** Of its message. */
  readonly bytes: number;
}

const MAX_EVENTS = 50_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** Events of a replay that wait for an earlier one of their order. */
export class EarlyEvents {
  readonly #byOrder = new Map<string, readonly Replayed[]>();
  #count = 0;
  #bytes = 0;

  hold(events: readonly Replayed[]): void {
    const [first] = events;
    if (!first) return;
    const held = [...this.take(first.orderId), ...events];
    this.#byOrder.set(first.orderId, held);
    this.#count += held.length;
    this.#bytes += bytesOf(held);
  }

  /** Those of an order, which are then no longer held. */
  take(orderId: string): readonly Replayed[] {
    const held = this.#byOrder.get(orderId) ?? [];
    this.#byOrder.delete(orderId);
    this.#count -= held.length;
    this.#bytes -= bytesOf(held);
    return held;
  }

  takeAll(): readonly Replayed[] {
    const all = [...this.#byOrder.values()].flat();
    this.#byOrder.clear();
    this.#count = 0;
    this.#bytes = 0;
    return all;
  }

  /** Those before a position, which are then no longer held. */
  takeBefore(position: number): readonly Replayed[] {
    const orderIds = new Set(this.heldBefore(position).map(({ orderId }) => orderId));
    return [...orderIds].flatMap((orderId) => this.take(orderId));
  }

  heldBefore(position: number): readonly Replayed[] {
    return [...this.#byOrder.values()].flat().filter((one) => one.position < position);
  }

  isFull(): boolean {
    return this.#count >= MAX_EVENTS || this.#bytes >= MAX_BYTES;
  }

  /** The lowest position of those that are held; Infinity where there is none. */
  oldest(): number {
    let oldest = Infinity;
    for (const events of this.#byOrder.values()) for (const { position } of events) oldest = Math.min(oldest, position);
    return oldest;
  }
}

function bytesOf(events: readonly Replayed[]): number {
  return events.reduce((sum, { bytes }) => sum + bytes, 0);
}
