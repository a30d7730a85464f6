import { BrokerUnavailableError, type Broker, type LiveDelivery } from '../broker/port.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics } from '../observability/metrics.ts';
import { SettledHeartbeats } from './freshness.ts';
import { readFreshness, recordProgress, trustIn, type InstanceProgress } from './shared-freshness.ts';

export interface HeartbeatOptions {
  readonly broker: Pick<Broker, 'publishHeartbeat'>;
  readonly index: Pick<OrderIndex, 'refresh' | 'readControl' | 'writeControl'>;
  readonly metrics: Pick<Metrics, 'eventToSearchableSeconds'>;
  readonly log: Logger;
  readonly intervalMs: number;
  /** Names this projector among those that use the same index. One that starts under the name of another takes its place. */
  readonly instance: string;
  /** How long the broker may take to notice a lost connection while it goes on handing out messages to others. */
  readonly lossNoticedMs: number;
}

/** How often the last word of an instance that stops is tried when others write theirs. */
const FAREWELL_ATTEMPTS = 5;

/**
 * Has a heartbeat published every beat (the broker's adapter sees to it that they never pile up), and turns those that have come
 * through settled, here and with every other projector, into `asOf`: after a refresh of the live index, so that what it promises is
 * visible. A beat that fails (no broker, no index) leaves `asOf` where it is: the lag shows.
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

  /**
   * Makes itself known before anything is taken: from then on the others reckon with what it has in hand.
   * @throws IndexUnavailableError
   */
  async announce(): Promise<void> {
    this.#settled.returned(Date.now());
    while (!(await this.#record(this.#progress(Date.now())))) continue;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#beat ??= this.#onBeat().finally(() => {
        this.#beat = undefined;
      });
    }, this.#options.intervalMs);
  }

  /** @param leftUnsettled whether deliveries go back to the queue when the connection is closed after this */
  async stop(leftUnsettled: boolean): Promise<void> {
    clearInterval(this.#timer);
    await this.#beat;
    const now = Date.now();
    const left = { settledTo: now, at: now, returnedAt: now + this.#options.lossNoticedMs + 10_000 };
    try {
      for (let attempt = 0; attempt < FAREWELL_ATTEMPTS; attempt++) {
        if (await this.#record(leftUnsettled ? left : undefined)) return;
      }
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      // Its last word stands until it expires: the others are careful for longer than they need be.
      this.#options.log.debug({ reason: error.message }, 'no farewell');
    }
  }

  delivered(delivery: LiveDelivery): void {
    this.#settled.delivered(delivery, Date.now());
  }

  settled({ position }: LiveDelivery): void {
    this.#settled.settled(position);
  }

  /** Everything in hand has gone back to the queue; `noticed` where the broker did not do it at our word, but has to find out. */
  returned(how: 'at our word' | 'to be noticed'): void {
    this.#settled.returned(Date.now() + (how === 'to be noticed' ? this.#options.lossNoticedMs : 0));
  }

  asOf(): number | undefined {
    return this.#asOf;
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
    const { index, instance, metrics } = this.#options;
    const read = await readFreshness(index);
    const now = Date.now();
    const progress = this.#progress(now);
    const newest = this.#settled.newest(trustIn(read.record, instance, now));
    if (newest !== undefined && newest > (this.#asOf ?? 0)) {
      await index.refresh();
      this.#asOf = newest;
      metrics.eventToSearchableSeconds.observe((Date.now() - newest) / 1_000);
    }
    await recordProgress(index, read, instance, progress, this.#asOf ?? 0);
  }

  /** Taken before anything is awaited: what is said of then stays true. */
  #progress(now: number): InstanceProgress {
    return { settledTo: this.#settled.settledTo(now), at: now, returnedAt: this.#settled.returnedAt() };
  }

  async #record(progress: InstanceProgress | undefined): Promise<boolean> {
    const { index, instance } = this.#options;
    return recordProgress(index, await readFreshness(index), instance, progress, this.#asOf ?? 0);
  }
}
