import type { LiveDelivery } from '../broker/port.ts';
import type { Trust } from './shared-freshness.ts';

interface Heard {
  readonly position: number;
  readonly publishedAt: number;
  readonly receivedAt: number;
}

/**
 * How far the index has caught up, from heartbeats (design §5): a heartbeat whose predecessors in the queue are all settled says that
 * everything published before it is written. Positions are the deliveries' own, in their order; times are epoch milliseconds.
 */
export class SettledHeartbeats {
  /** For each delivery that is not settled, in order of arrival, a time before which the broker did not send it. */
  readonly #open = new Map<number, number>();
  #heard: Heard[] = [];
  #distrustedUntil = 0;
  #returnedAt = 0;

  delivered(delivery: LiveDelivery, receivedAt: number, sentAfter = receivedAt): void {
    const { position } = delivery;
    if (delivery.kind === 'event') this.#open.set(position, sentAfter);
    else this.#heard.push({ position, publishedAt: delivery.publishedAt, receivedAt });
  }

  settled(position: number): void {
    this.#open.delete(position);
  }

  /**
   * Deliveries went back to the queue: those given, or all that are open. They stand before whatever is published from now on, and
   * somewhere among what was published before: heartbeats from before prove nothing any more.
   */
  requeued(until: number, positions: Iterable<number> = [...this.#open.keys()]): void {
    for (const position of positions) this.#open.delete(position);
    this.#heard = [];
    this.distrust(until);
  }

  /** Heartbeats published up to then prove nothing, whoever receives them. */
  distrust(until: number): void {
    this.#distrustedUntil = Math.max(this.#distrustedUntil, until);
    this.warnOthers(until);
  }

  /**
   * Deliveries that never arrived here may have gone back to the queue up to then: heartbeats that others receive may have overtaken them.
   */
  warnOthers(until: number): void {
    this.#returnedAt = Math.max(this.#returnedAt, until);
  }

  /** Everything that the broker sent before then is settled. */
  settledTo(now: number): number {
    const [oldest] = this.#open.values();
    return oldest ?? now;
  }

  /** Events that are not settled. */
  inHand(): number {
    return this.#open.size;
  }

  returnedAt(): number {
    return this.#returnedAt;
  }

  /**
   * Publish time of the newest heartbeat that proves something, as far as the other projectors leave it to be believed. One that was
   * published after `until` was published by a clock that was wrong: it proves nothing.
   */
  newest({ publishedAfter, receivedBefore }: Trust, until = Infinity): number | undefined {
    const [firstOpen = Infinity] = this.#open.keys();
    const trustedFrom = Math.max(publishedAfter, this.#distrustedUntil);
    this.#heard = this.#heard.filter(({ publishedAt }) => publishedAt > trustedFrom && publishedAt <= until);
    const proven = this.#heard.filter((one) => one.position < firstOpen && one.receivedAt < receivedBefore);
    if (proven.length === 0) return undefined;
    this.#heard = this.#heard.filter((one) => !proven.includes(one));
    return Math.max(...proven.map(({ publishedAt }) => publishedAt));
  }
}
