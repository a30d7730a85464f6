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
 * Has a heartbeat published every beat (the broker's adapter sees to it that they never pile up), and turns those that have come through settled into `asOf`: after a refresh of the live index, so that
 * what it promises is visible. A beat that fails (no broker, no index) leaves `asOf` where it is: the lag shows.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #settled = new SettledHeartbeats();
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
  }

  settled({ position }: LiveDelivery): void {
    this.#settled.settled(position);
  }

  returned(): void {
    this.#settled.returned(Date.now());
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
      await this.#options.broker.publishHeartbeat(new Date());
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
