import { randomUUID } from 'node:crypto';
import { BrokerUnavailableError, type Broker, type LiveDelivery } from '../broker/port.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics } from '../observability/metrics.ts';
import { SettledHeartbeats } from './freshness.ts';
import { searchableSeconds } from './searchable-seconds.ts';
import { SilenceWatch } from './silence-watch.ts';
import {
  farewell,
  hasLeft,
  isFarAhead,
  MOST_AHEAD_MS,
  readFreshness,
  recordProgress,
  SKEW_MS,
  trustIn,
  withoutGone,
  type FreshnessRecord,
  type InstanceProgress,
  type SilentProjector,
} from './shared-freshness.ts';

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
  /** Learns from every beat whether the others could have their say; one of its own unless given. */
  readonly silence?: SilenceWatch | undefined;
}

/** How often an instance tries to have its say when others write theirs: those whose beats coincide would else never let it. */
const RECORD_ATTEMPTS = 5;
/** After its last word the connection is closed within that time. */
const CLOSING_MS = 10_000;

/**
 * Has a heartbeat published every beat (the broker's adapter sees to it that they never pile up), and turns those that have come
 * through settled, here and with every other projector, into `asOf`: after a refresh of the live index, so that what it promises is
 * visible. A beat that fails (no broker, no index) leaves `asOf` where it is: the lag shows.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #settled = new SettledHeartbeats();
  readonly #silence: SilenceWatch;
  readonly #process = randomUUID();
  #instance: string;
  #asOf: number | undefined;
  #asOfAnyone: number | undefined;
  /** Ids of the projectors that were silent at the last beat. */
  #silent = new Set<string>();
  #lookedAt: number | undefined;
  #lookedBeforeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #beat: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#instance = options.instance;
    this.#silence = options.silence ?? new SilenceWatch();
  }

  /**
   * Makes itself known before anything is taken: from then on the others reckon with what it has in hand. One that had its name and
   * has not left in good order is dead, but the broker may not have noticed.
   * @throws IndexUnavailableError
   */
  async announce(): Promise<void> {
    const { index, lossNoticedMs } = this.#options;
    for (;;) {
      const read = await readFreshness(index);
      const predecessor = read.record.instances[this.#instance];
      const soon = Date.now() + SKEW_MS;
      const noticed = soon + (!predecessor || hasLeft(predecessor) ? 0 : lossNoticedMs);
      // None says so of a later time, unless its clock was ahead.
      const latest = soon + lossNoticedMs + CLOSING_MS;
      this.#settled.requeued(Math.max(noticed, Math.min(predecessor?.returnedAt ?? 0, latest)));
      const progress = this.#progress(Date.now());
      if (await recordProgress(index, read, this.#instance, progress, this.#asOf ?? 0)) return;
    }
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
    const returnedAt = leftUnsettled ? now + this.#options.lossNoticedMs + CLOSING_MS : this.#settled.returnedAt();
    try {
      await this.#recordPatiently(farewell(now, returnedAt));
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      // Its last word stands until it expires: the others are careful for longer than they need be.
      this.#options.log.debug({ reason: error.message }, 'no farewell');
    }
  }

  /** Of a process that was stopped for a while it may have waited in the socket since the look before the former. */
  delivered(delivery: LiveDelivery): void {
    this.#settled.delivered(delivery, Date.now(), this.#lookedBeforeAt);
  }

  settled({ position }: LiveDelivery): void {
    this.#settled.settled(position);
  }

  /** Everything in hand has gone back to the queue; `noticed` where the broker did not do it at our word, but has to find out. */
  returned(how: 'at our word' | 'to be noticed'): void {
    this.#settled.requeued(Date.now() + SKEW_MS + (how === 'to be noticed' ? this.#options.lossNoticedMs : 0));
  }

  /** Some of what is in hand has gone back to the queue at our word. */
  returnedSome(deliveries: readonly LiveDelivery[]): void {
    const positions = deliveries.map(({ position }) => position);
    this.#settled.requeued(Date.now() + SKEW_MS, positions);
  }

  /** Taking has ended: what was on its way then has gone back to the queue unseen, and comes to whoever takes next. */
  stoppedTaking(): void {
    this.#settled.warnOthers(Date.now() + SKEW_MS);
  }

  asOf(): number | undefined {
    return this.#asOf;
  }

  /** How old is what is found, by the word of whichever projector knows best; undefined before the first beat. */
  lagMs(): number | undefined {
    return this.#asOfAnyone === undefined ? undefined : Date.now() - Math.max(this.#asOfAnyone, this.#asOf ?? 0);
  }

  async #onBeat(): Promise<void> {
    try {
      await this.#silence.accessing(() => this.#advance());
      await this.#options.broker.publishHeartbeat(new Date());
    } catch (error) {
      if (!(error instanceof IndexUnavailableError) && !(error instanceof BrokerUnavailableError)) throw error;
      this.#options.log.debug({ reason: error.message }, 'heartbeat skipped');
    }
  }

  async #advance(): Promise<void> {
    const { index } = this.#options;
    const { record, revision } = await readFreshness(index);
    this.#expectOwn(record);
    const instance = this.#instance;
    this.#asOfAnyone = record.asOf;
    const now = Date.now();
    this.#forgetWhatIsAhead(now);
    this.#noteSilent(this.#silence.silentOthers(record, instance));
    const newest = this.#settled.newest(trustIn(record, instance, now), now + MOST_AHEAD_MS);
    const kept = withoutGone(record, instance, now);
    this.#settled.distrust(kept.distrustedUntil);
    const progress = this.#progress(now);
    if (newest !== undefined && newest > (this.#asOf ?? 0)) {
      await index.refresh();
      this.#observe(newest, record.asOf);
      this.#asOf = newest;
    }
    const isRecorded = await recordProgress(index, { ...kept, revision }, instance, progress, this.#asOf ?? 0);
    if (!isRecorded) await this.#recordPatiently(progress);
  }

  /** The clock was put back: what it said before is no promise any more. */
  #forgetWhatIsAhead(now: number): void {
    if (this.#asOf !== undefined && isFarAhead(this.#asOf, now)) this.#asOf = undefined;
  }

  /**
   * Whoever else writes under this name lives: two of them would each undo what the other one says of what it has in hand. So this one goes
   * by another name from now on.
   */
  #expectOwn({ instances }: FreshnessRecord): void {
    const { process } = instances[this.#instance] ?? {};
    if (process === undefined || process === this.#process) return;
    const name = this.#instance;
    this.#instance = `${this.#options.instance}/${this.#process}`;
    this.#options.log.error(
      { projector: name, now: this.#instance },
      'another projector has the same host name, HOST and PORT',
    );
  }

  #noteSilent(silent: readonly SilentProjector[]): void {
    for (const { id, saidLastAt, waitedForUntil } of silent) {
      if (this.#silent.has(id)) continue;
      const times = {
        saidLastAt: new Date(saidLastAt).toISOString(),
        waitedForUntil: new Date(waitedForUntil).toISOString(),
      };
      this.#options.log.warn({ projector: id, ...times }, 'another projector says nothing: answers grow older');
    }
    this.#silent = new Set(silent.map(({ id }) => id));
  }

  /** What another instance has made visible is not measured anew. At a process's first heartbeat nobody knows what was visible before. */
  #observe(newest: number, asOfAnyone: number): void {
    const before = this.#asOf === undefined ? newest : Math.max(this.#asOf, asOfAnyone);
    const { eventToSearchableSeconds } = this.#options.metrics;
    for (const seconds of searchableSeconds(before, newest, Date.now())) eventToSearchableSeconds.observe(seconds);
  }

  /**
   * Taken before anything is awaited: what is said of then stays true. What the broker had sent by the look before has surely been
   * received. What it has sent since may still wait in the socket, where the process was stopped for a while: so it counts from the next
   * look on.
   */
  #progress(now: number): InstanceProgress {
    const received = this.#lookedAt ?? now;
    this.#lookedBeforeAt = received;
    this.#lookedAt = now;
    const settledTo = Math.min(this.#settled.settledTo(now), received);
    const inHand = this.#settled.inHand();
    return { settledTo, at: now, returnedAt: this.#settled.returnedAt(), inHand, process: this.#process };
  }

  async #recordPatiently(progress: InstanceProgress): Promise<void> {
    for (let attempt = 0; attempt < RECORD_ATTEMPTS; attempt++) if (await this.#record(progress)) return;
  }

  async #record(progress: InstanceProgress): Promise<boolean> {
    const { index } = this.#options;
    return recordProgress(index, await readFreshness(index), this.#instance, progress, this.#asOf ?? 0);
  }
}
