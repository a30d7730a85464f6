import type { LiveDelivery } from '../broker/port.ts';

/**
 * How far the index has caught up, from heartbeats (design §5): a heartbeat whose predecessors in the queue are all settled says that
 * everything published before it is written. Positions are the deliveries' own, in their order.
 */
export class SettledHeartbeats {
  /** Deliveries that are not settled, in order of arrival. */
  readonly #open = new Set<number>();
  #pending: { readonly position: number; readonly publishedAt: number }[] = [];
  #newest: number | undefined;
  #distrustedUntil = 0;

  delivered(delivery: LiveDelivery): void {
    if (delivery.kind === 'event') this.#open.add(delivery.position);
    else if (delivery.publishedAt > this.#distrustedUntil) this.#pending.push(delivery);
  }

  settled(position: number): void {
    this.#open.delete(position);
  }

  /**
   * Deliveries went back to the queue. They stand before whatever is published from now on, and somewhere among what was published
   * before: heartbeats from before prove nothing any more.
   */
  returned(now: number): void {
    this.#open.clear();
    this.#pending = [];
    this.#distrustedUntil = now;
  }

  /** Events delivered and not settled yet. */
  unsettled(): number {
    return this.#open.size;
  }

  /** Publish time (epoch ms) of the newest heartbeat whose predecessors are all settled; undefined before there was one. */
  newest(): number | undefined {
    const [firstOpen = Infinity] = this.#open;
    let passed = 0;
    for (const { position, publishedAt } of this.#pending) {
      if (position > firstOpen) break;
      this.#newest = Math.max(this.#newest ?? 0, publishedAt);
      passed += 1;
    }
    this.#pending.splice(0, passed);
    return this.#newest;
  }
}
