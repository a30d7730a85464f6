import { BrokerUnavailableError, type Broker, type LiveDelivery } from '../broker/port.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import { SettledHeartbeats } from './freshness.ts';

export interface HeartbeatOptions {
  readonly broker: Pick<Broker, 'publishHeartbeat'>;
  readonly index: Pick<OrderIndex, 'refresh' | 'writeControl'>;
  readonly log: Logger;
  readonly intervalMs: number;
}

/** The document of `orders-control` by which instances that only serve the API know how far the index has caught up. */
export const FRESHNESS_RECORD = 'freshness';

/**
 * With more heartbeats than this on their way, there is a backlog that needs no finer measure, or they go to another consumer: then one
 * in a while is enough to notice that they come through again.
 */
const MAX_UNDERWAY = 300;
const SELDOM_MS = 10_000;

/**
 * Publishes a heartbeat a beat, and turns those that have come through settled into `asOf`: after a refresh of the live index, so that
 * what it promises is visible. A beat that fails (no broker, no index) leaves `asOf` where it is: the lag shows.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #settled = new SettledHeartbeats();
  #underway = 0;
  #publishedAt = 0;
  #asOf: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beat: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#beat ??= this.#onBeat().finally(() => {
        this.#beat = undefined;
      });
    }, this.#options.intervalMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beat;
  }

  delivered(delivery: LiveDelivery): void {
    this.#settled.delivered(delivery);
    if (delivery.kind === 'heartbeat') this.#underway = Math.max(0, this.#underway - 1);
  }

  settled({ position }: LiveDelivery): void {
    this.#settled.settled(position);
  }

  returned(): void {
    this.#settled.returned(Date.now());
    this.#underway = 0;
  }

  asOf(): number | undefined {
    return this.#asOf;
  }

  unsettled(): number {
    return this.#settled.unsettled();
  }

  async #onBeat(): Promise<void> {
    try {
      await this.#advance();
      const now = Date.now();
      if (this.#underway >= MAX_UNDERWAY && now - this.#publishedAt < SELDOM_MS) return;
      await this.#options.broker.publishHeartbeat(new Date(now));
      this.#underway += 1;
      this.#publishedAt = now;
    } catch (error) {
      if (!(error instanceof IndexUnavailableError) && !(error instanceof BrokerUnavailableError)) throw error;
      this.#options.log.debug({ reason: error.message }, 'heartbeat skipped');
    }
  }

  async #advance(): Promise<void> {
    const newest = this.#settled.newest();
    if (newest === undefined || newest <= (this.#asOf ?? 0)) return;
    await this.#options.index.refresh();
    this.#asOf = newest;
    await this.#options.index.writeControl(FRESHNESS_RECORD, { asOf: new Date(newest).toISOString() });
  }
}
