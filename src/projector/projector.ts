import type { PartHealth } from '../observability/health.ts';
import { backOff } from '../back-off/back-off.ts';
import { BrokerUnavailableError, type Broker, type EventDelivery } from '../broker/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Tracing } from '../observability/tracing.ts';
import type { OrderEvent } from '../order/event.ts';
import type { StorageLimits } from '../order/fold.ts';
import type { OrderIndex } from '../order-index/port.ts';
import { BACK_OFF, Interrupted } from './back-off.ts';
import { BatchRunner } from './batch-runner.ts';
import { Batcher } from './batcher.ts';
import { Heartbeat } from './heartbeat.ts';
import { LiveConsumer, type LiveConsumerHandlers } from './live-consumer.ts';
import { jumped, type Plan } from './plan.ts';
import { arrivalOf, readDelivery, type Arrival, type ReadDelivery } from './read-delivery.ts';
import { QueueWatch } from './queue-watch.ts';
import { RefreshPace } from './refresh-pace.ts';
import type { ProtocolStep } from './round.ts';
import type { SilenceWatch } from './silence-watch.ts';
import { Sweeper } from './sweeper.ts';
import { judgeProgress, type ProjectorState } from './watchdog.ts';
import type { Job } from './work.ts';

export interface ProjectorOptions {
  readonly prefetch: number;
  readonly batchSize: number;
  readonly batchDelayMs: number;
  /** Batches in flight; they overlap. */
  readonly concurrency: number;
  readonly maxMessageBytes: number;
  readonly storageLimits: StorageLimits;
  /** How often what is settled is made visible, and said to be (design §5). */
  readonly freshnessIntervalMs: number;
  readonly sweepIntervalMs: number;
  /** Names this projector among those that use the same index (`heartbeat.ts`). */
  readonly instance: string;
  readonly lossNoticedMs: number;
  /** How long an early event waits in memory before it is parked, where several projectors share the queue; else 0. */
  readonly earlyHoldMs: number;
  /** After an outage of this length what is held goes back to the queue, and nothing is taken until it is over. */
  readonly withdrawAfterMs: number;
  /** After this time a delivery that cannot be dead-lettered goes back to the queue; by default ten minutes. */
  readonly letterHoldMs?: number;
}

export interface ProjectorDependencies {
  readonly broker: Broker;
  readonly index: OrderIndex;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Called at each step of the protocol; a test's fault point. */
  readonly reached: (step: ProtocolStep) => Promise<void>;
  /** Told of every version that the live generation has just taken. */
  readonly wrote: (written: Plan) => void;
  /** Told of every event as it is read: the very one that is in a plan later. */
  readonly delivered: (event: OrderEvent) => void;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
  readonly silence?: SilenceWatch | undefined;
}

/** Batches grow no bigger than this, whatever their count: a bulk stays well below Elasticsearch's 100 MB. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BYTES_IN_HAND = 64 * 1024 * 1024;
/** The third time that a delivery comes, it is read and handled alone, or with few others that are suspected like it (design §2). */
const SUSPECT_REDELIVERIES = 2;
const GUARD_INTERVAL_MS = 1_000;

/**
 * Takes order events from the broker and keeps the index at their fold: the loop of design §1. One a process. `start` once, then
 * `stop` once; between the two it lives through every outage of the broker and the index.
 */
export class Projector {
  readonly #options: ProjectorOptions;
  readonly #deps: ProjectorDependencies;
  readonly #heartbeat: Heartbeat;
  readonly #refreshPace: RefreshPace;
  readonly #consumer: LiveConsumer;
  readonly #batcher: Batcher<Job>;
  readonly #runner: BatchRunner;
  readonly #stopping = new AbortController();
  readonly #sweeper: Sweeper;
  readonly #queueWatch: QueueWatch;
  /** Positions of what is in hand and was in somebody's hand before. */
  readonly #redelivered = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #outage: { readonly reason: string; readonly since: number } | undefined;
  #withdrawal: Promise<void> | undefined;
  #state: ProjectorState = 'starting';
  #unsettledSince: number | undefined;

  constructor(options: ProjectorOptions, deps: ProjectorDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#heartbeat = new Heartbeat({ ...deps, ...options, intervalMs: options.freshnessIntervalMs });
    this.#refreshPace = new RefreshPace({ ...deps, batchSize: options.batchSize, prefetch: options.prefetch });
    const limits = { prefetch: options.prefetch, maxBytes: MAX_BYTES_IN_HAND };
    this.#consumer = new LiveConsumer(deps.broker, limits, this.#consumerHandlers());
    this.#runner = new BatchRunner(options, {
      ...deps,
      wrote: (written) => {
        deps.wrote(written);
        // What was parked behind the hole that it went over is contained now, and was not loaded with it.
        if (jumped(written)) this.#sweeper.soon();
      },
      read: (arrival) => this.#read(arrival),
      settle: (delivery) => this.#settle(delivery),
      outage: (reason) => this.#noteOutage(reason),
      ended: () => this.#batcher.offer(),
      failed: (error) => this.#failed(error),
    });
    this.#queueWatch = new QueueWatch(deps.broker);
    this.#sweeper = new Sweeper({
      index: deps.index,
      intervalMs: options.sweepIntervalMs,
      run: (sweep) => this.#runner.run(sweep),
      project: (works) => this.#runner.project(works),
      onCount: (parkedEvents) => deps.metrics.parkedEvents.set(parkedEvents),
    });
    this.#batcher = new Batcher({
      maxCount: options.batchSize,
      maxBytes: MAX_BATCH_BYTES,
      delayMs: options.batchDelayMs,
      mayBegin: () => this.#runner.isFree(),
      orderOf: ({ orderId }) => orderId,
      bytesOf: ({ delivery }) => delivery.body.byteLength,
      now: () => performance.now(),
      emit: (jobs) => this.#runner.add(jobs),
    });
  }

  /** @throws BrokerUnavailableError, IndexUnavailableError when it cannot begin now */
  async start(): Promise<void> {
    await this.#heartbeat.announce();
    await this.#consumer.open();
    this.#state = 'running';
    this.#heartbeat.start();
    this.#timer = setInterval(() => this.#guard(), GUARD_INTERVAL_MS);
    this.#queueWatch.start();
    this.#sweeper.start();
  }

  /** Takes no more, finishes what is in hand within the limit, and leaves the rest unsettled: the broker delivers it again. */
  async stop(limitMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#sweeper.stop();
    clearInterval(this.#timer);
    this.#queueWatch.stop();
    this.#stopping.abort(new Interrupted());
    const limit = setTimeout(() => void this.#runner.interrupt(), limitMs);
    await this.#withdrawal;
    await this.#consumer.close();
    this.#runner.finish();
    this.#batcher.flush();
    await this.#runner.idle();
    clearTimeout(limit);
    await this.#refreshPace.stop();
    await this.#heartbeat.stop(this.inHand() > 0);
    this.#state = 'stopped';
  }

  /** Everything published up to this instant (epoch ms) is found by a search; undefined before the first heartbeat has come through. */
  asOf(): number | undefined {
    return this.#heartbeat.asOf();
  }

  /** Events taken from the broker and not settled yet. */
  inHand(): number {
    return this.#consumer.count();
  }

  /** @param asOf what some projector has last said of the index's freshness, epoch ms */
  health(asOf: number | undefined): PartHealth {
    const { waiting, running } = this.#runner.batches();
    const letterOutage = this.#runner.letterOutage();
    const atWork = this.#atWork();
    const isFull = atWork === 0 && (this.inHand() >= this.#options.prefetch || this.#consumer.state() === 'full');
    const judged = judgeProgress({
      now: Date.now(),
      state: this.#state,
      inHand: atWork,
      unsettledSince: atWork > 0 ? this.#unsettledSince : undefined,
      untakenSince: this.#queueWatch.untakenSince(),
      asOf,
      outage: this.#outage,
      letterOutage: letterOutage && { ...letterOutage, isFull },
    });
    const intake = { state: this.#consumer.state(), events: this.#consumer.count(), bytes: this.#consumer.bytes() };
    const deadLettersHeld = this.#runner.lettersHeld();
    return { ...judged, details: { intake, batchesWaiting: waiting, batchesRunning: running, deadLettersHeld } };
  }

  /** Those in hand aside that wait to be dead-lettered. */
  #atWork(): number {
    return this.inHand() - this.#runner.lettersHeld();
  }

  #consumerHandlers(): LiveConsumerHandlers {
    return {
      onEvent: (delivery) => this.#take(delivery),
      onHeartbeat: (delivery) => this.#heartbeat.delivered(delivery),
      onLost: (reason) => this.#lost(reason),
      onStopped: () => this.#heartbeat.stoppedTaking(),
      onFailure: (error) => this.#failed(error),
      retry: (attempt, error) => this.#retrySubscribing(attempt, error),
    };
  }

  #take(delivery: EventDelivery): void {
    this.#heartbeat.delivered(delivery);
    this.#queueWatch.taken();
    if (delivery.redeliveries > 0) this.#redelivered.add(delivery.position);
    const arrival = arrivalOf(delivery);
    if (this.#atWork() === 1) this.#unsettledSince = arrival.receivedAt;
    if (delivery.redeliveries >= SUSPECT_REDELIVERIES) {
      this.#runner.addSuspect(arrival);
      return;
    }
    const read = this.#read(arrival);
    if (read.kind === 'event') this.#batcher.add(read.job);
    else this.#runner.refuse(delivery, read.letter);
  }

  #read(arrival: Arrival): ReadDelivery {
    return readDelivery(arrival, this.#options, this.#deps);
  }

  #settle(delivery: EventDelivery): void {
    this.#consumer.settle(delivery);
    this.#heartbeat.settled(delivery);
    // Whoever had it before may have parked it, or have died before it dropped what is parked: now that can be seen.
    if (this.#redelivered.delete(delivery.position) && this.#redelivered.size === 0) this.#sweeper.soon();
    this.#unsettledSince = this.#atWork() > 0 ? Date.now() : undefined;
    // While something gets through there is no point in giving back: every return counts towards the delivery limit.
    if (this.#outage && !this.#withdrawal) this.#outage = { ...this.#outage, since: Date.now() };
  }

  /** The connection is gone: what was delivered will come again. What is being written goes on, harmlessly. */
  #lost(reason: string): void {
    this.#deps.log.warn({ reason }, 'deliveries lost, they will come again');
    this.#forget();
    this.#heartbeat.returned('to be noticed');
  }

  /** What is in hand is void, or will be. */
  #forget(): void {
    this.#batcher.drop();
    this.#runner.drop();
    this.#redelivered.clear();
    this.#unsettledSince = undefined;
  }

  /** A bug must not pass for an outage, and must not leave a zombie behind: the process ends by it. */
  #failed(error: unknown): void {
    if (error instanceof Interrupted) return;
    this.#state = 'failed';
    queueMicrotask(() => {
      throw error;
    });
  }

  async #retrySubscribing(attempt: number, error: unknown): Promise<void> {
    if (!(error instanceof BrokerUnavailableError)) throw error;
    await backOff(attempt, BACK_OFF.outage, this.#stopping.signal);
  }

  #noteOutage(reason: string | undefined): void {
    if (reason === undefined) {
      if (this.#outage && !this.#withdrawal) this.#deps.log.info('projection goes on');
      if (!this.#withdrawal) this.#outage = undefined;
      return;
    }
    if (!this.#outage) this.#deps.log.warn({ reason }, 'projection held up');
    this.#outage = { reason, since: this.#outage?.since ?? Date.now() };
  }

  #guard(): void {
    const { withdrawAfterMs } = this.#options;
    const lagMs = this.#heartbeat.lagMs();
    if (lagMs !== undefined) this.#refreshPace.look({ lagMs, inHand: this.inHand() });
    if (this.#outage && Date.now() - this.#outage.since > withdrawAfterMs && this.inHand() > 0) {
      this.#withdrawal ??= this.#withdraw()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => (this.#withdrawal = undefined));
    }
    this.#requeueOldLetters();
  }

  #requeueOldLetters(): void {
    const old = this.#runner.takeOldLetters();
    if (old.length === 0) return;
    this.#deps.log.warn({ events: old.length }, 'gives back what cannot be dead-lettered, and takes it again');
    this.#consumer.requeue(old);
    this.#heartbeat.returnedSome(old);
    for (const { position } of old) this.#redelivered.delete(position);
  }

  /**
   * Messages must not be held for ever: RabbitMQ closes a channel after its `consumer_timeout`, and every return counts towards the
   * delivery limit. So once an outage has lasted, everything goes back, once, and the index is probed without taking.
   */
  async #withdraw(): Promise<void> {
    this.#deps.log.warn(
      { events: this.inHand(), reason: this.#outage?.reason },
      'gives back what it holds until the outage is over',
    );
    await this.#consumer.hold();
    this.#forget();
    await this.#runner.interrupt();
    this.#consumer.requeue();
    this.#heartbeat.returned('at our word');
    this.#unsettledSince = undefined;
    for (let attempt = 0; !(await this.#runner.isOutageOver()); attempt++)
      await backOff(attempt, BACK_OFF.probe, this.#stopping.signal);
    this.#outage = undefined;
    this.#deps.log.info('the outage is over: takes again');
    this.#consumer.resume();
  }
}
