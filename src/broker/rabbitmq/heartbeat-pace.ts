import type { LiveDelivery } from '../port.ts';

/** How long a heartbeat may be away before another one is thought of. */
const PATIENCE_MS = 5_000;

/**
 * When to publish the next heartbeat, so that they never pile up in a queue that nobody drains. They cannot be given an expiration:
 * what expires in the live queue would go to the dead letters. So the next one follows when the former has come back; or, if that
 * takes too long, when the queue is seen to be drained: by this process (something was delivered meanwhile: it works off a backlog),
 * or by another one (nothing waits: it took the former). At most one waits in a queue that stands still.
 */
export class HeartbeatPace {
  #former: { readonly publishedAt: number; readonly sentAtMs: number; drained: boolean } | undefined;

  /** Told of every delivery to this process. */
  delivered(delivery: LiveDelivery): void {
    if (this.#former === undefined) return;
    this.#former.drained = true;
    // Another process's later one is as good: ours was before it.
    if (delivery.kind === 'heartbeat' && delivery.publishedAt >= this.#former.publishedAt) this.#former = undefined;
  }

  /**
   * @param nowMs of a monotonic clock
   * @param waiting how many messages wait in the queue; asked only where it decides
   */
  async isDue(nowMs: number, waiting: () => Promise<number>): Promise<boolean> {
    const former = this.#former;
    if (former === undefined) return true;
    if (nowMs - former.sentAtMs < PATIENCE_MS) return false;
    return former.drained || (await waiting()) === 0;
  }

  sent(publishedAt: number, nowMs: number): void {
    this.#former = { publishedAt, sentAtMs: nowMs, drained: false };
  }

  /** It was not published after all. */
  failed(): void {
    this.#former = undefined;
  }
}
