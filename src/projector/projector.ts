import PQueue from 'p-queue';
import {
  BrokerUnavailableError,
  type Broker,
  type EventDelivery,
  type LiveDelivery,
  type LiveSubscription,
  type PartHealth,
} from '../broker/port.ts';
import type { Refusal } from '../order/event.ts';
import type { StorageLimits } from '../order/fold.ts';
import { parseEvent } from '../order/parse-event.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics, UpdateOutcome } from '../observability/metrics.ts';
import { backOff, BACK_OFF } from './back-off.ts';
import { Batcher } from './batcher.ts';
import { letterForDelivery, letterForOffer } from './deliveries.ts';
import { Heartbeat } from './heartbeat.ts';
import { projectBatch, type BatchDependencies } from './project-batch.ts';
import type { ProtocolStep } from './round.ts';
import { dueParked } from './sweeper.ts';
import { workOf, type Job, type OrderWork } from './work.ts';
import { WorkingSet } from './working-set.ts';

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
}

export interface ProjectorDependencies {
  readonly broker: Broker;
  readonly index: OrderIndex;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Called at each step of the protocol; a test's fault point. */
  readonly reached: (step: ProtocolStep) => Promise<void>;
}

/** Batches grow no bigger than this, whatever their count: a bulk stays well below Elasticsearch's 100 MB. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const WORKING_SET = { maxOrders: 50_000, maxBytes: 128 * 1024 * 1024 };

/**
 * Takes order events from the broker and keeps the index at their fold: the loop of design §1. One a process. `start` once, then
 * `stop` once; between the two it lives through every outage of the broker and the index.
 */
export class Projector {
  readonly #options: ProjectorOptions;
  readonly #deps: ProjectorDependencies;
  readonly #heartbeat: Heartbeat;
  readonly #batcher: Batcher<Job>;
  readonly #batches: PQueue;
  readonly #abort = new AbortController();
  readonly #batchDeps: BatchDependencies;
  #subscription: LiveSubscription | undefined;
  /** What is delivered before the subscription is known here, and so cannot be settled yet. */
  #before: LiveDelivery[] = [];
  #sweepTimer: NodeJS.Timeout | undefined;
  #outage: string | undefined;
  #state: 'starting' | 'running' | 'stopping' | 'stopped' | 'failed' = 'starting';

  constructor(options: ProjectorOptions, deps: ProjectorDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#batches = new PQueue({ concurrency: options.concurrency });
    this.#heartbeat = new Heartbeat({ ...deps, intervalMs: options.freshnessIntervalMs });
    this.#batcher = new Batcher({
      maxCount: options.batchSize,
      maxBytes: MAX_BATCH_BYTES,
      delayMs: options.batchDelayMs,
      bytesOf: ({ delivery }) => delivery.body.byteLength,
      emit: (jobs) => this.#enqueue(workOf(jobs), jobs.length),
    });
    this.#batchDeps = {
      index: deps.index,
      workingSet: new WorkingSet(WORKING_SET),
      storageLimits: options.storageLimits,
      now: () => new Date(),
      reached: deps.reached,
      deadLetter: (offer, refusal) => this.#deadLetter(letterForOffer(offer, refusal, new Date().toISOString())),
      settle: (job, outcome) => this.#settle(job.delivery, outcome, job),
      outage: (reason) => this.#noteOutage(reason),
      pause: (attempt, why) => backOff(attempt, BACK_OFF[why], this.#abort.signal),
    };
  }

  /** @throws BrokerUnavailableError when the broker cannot be subscribed to now */
  async start(): Promise<void> {
    this.#subscription = await this.#deps.broker.consume(
      { prefetch: this.#options.prefetch },
      { onDelivery: (delivery) => this.#take(delivery), onLost: (reason) => this.#lost(reason) },
    );
    this.#state = 'running';
    for (const delivery of this.#before.splice(0)) this.#take(delivery);
    this.#heartbeat.start();
    this.#scheduleSweep(0);
  }

  /** Takes no more, finishes what is in hand within the limit, and leaves the rest unsettled: the broker delivers it again. */
  async stop(limitMs: number): Promise<void> {
    this.#state = 'stopping';
    clearTimeout(this.#sweepTimer);
    await this.#subscription?.cancel();
    this.#batcher.flush();
    const limit = setTimeout(() => this.#abort.abort(new Error(`not finished within ${limitMs} ms`)), limitMs);
    await this.#batches.onIdle();
    clearTimeout(limit);
    this.#abort.abort(new Error('the projector has stopped'));
    await this.#heartbeat.stop();
    this.#state = 'stopped';
  }

  /** Everything published up to this instant (epoch ms) is found by a search; undefined before the first heartbeat has come through. */
  asOf(): number | undefined {
    return this.#heartbeat.asOf();
  }

  /** Events taken from the broker and not settled yet. */
  inHand(): number {
    return this.#heartbeat.unsettled();
  }

  health(): PartHealth {
    const details = {
      inHand: this.inHand(),
      batchesWaiting: this.#batches.size,
      batchesRunning: this.#batches.pending,
    };
    if (this.#state !== 'running') return { state: 'down', reason: `the projector is ${this.#state}`, details };
    if (this.#outage !== undefined) return { state: 'degraded', reason: this.#outage, details };
    return { state: 'up', details };
  }

  #take(delivery: LiveDelivery): void {
    if (!this.#subscription) {
      this.#before.push(delivery);
      return;
    }
    this.#heartbeat.delivered(delivery);
    if (delivery.kind === 'heartbeat') this.#subscription.settle([delivery]);
    else this.#takeEvent(delivery);
  }

  #takeEvent(delivery: EventDelivery): void {
    const parsed = parseEvent(delivery.body, this.#options);
    const receivedAt = Date.now();
    if (parsed.kind === 'event') {
      const { orderId, event } = parsed;
      this.#batcher.add({ origin: 'delivery', delivery, orderId, event, receivedAt });
      return;
    }
    const failedAt = new Date(receivedAt).toISOString();
    const letter = letterForDelivery(delivery, parsed.refusal, parsed.hints, failedAt, failedAt);
    this.#run(async () => {
      await this.#deadLetter(letter);
      this.#settle(delivery, 'dead_lettered');
    });
  }

  /** The connection is gone: what was delivered will come again. What is being written goes on, harmlessly. */
  #lost(reason: string): void {
    this.#deps.log.warn({ reason }, 'deliveries lost, they will come again');
    this.#before = [];
    this.#batcher.drop();
    this.#heartbeat.returned();
  }

  #enqueue(works: readonly OrderWork[], events: number): void {
    this.#run(async () => {
      const startedAt = performance.now();
      await projectBatch(works, this.#batchDeps);
      const seconds = (performance.now() - startedAt) / 1_000;
      this.#deps.metrics.batchSize.observe(events);
      this.#deps.metrics.writeSeconds.observe(seconds);
      this.#deps.log.info({ events, orders: works.length, seconds }, 'batch projected');
    });
  }

  /** A bug in a batch must not pass for an outage, and must not leave a zombie behind: the process ends by it. */
  #run(task: () => Promise<void>): void {
    this.#batches.add(task).catch((error: unknown) => {
      if (error === this.#abort.signal.reason) return;
      this.#state = 'failed';
      queueMicrotask(() => {
        throw error;
      });
    });
  }

  #settle(delivery: EventDelivery, outcome: UpdateOutcome, job?: Job): void {
    this.#subscription?.settle([delivery]);
    this.#heartbeat.settled(delivery);
    this.#deps.metrics.updates.inc({ projection: 'orders', outcome });
    if (!job) return;
    const { orderId, event } = job;
    this.#deps.log.debug(
      { eventId: event.id, orderId, sequence: event.sequence, outcome, at: event.time },
      'event settled',
    );
  }

  /** Until the broker has it: a message is dead-lettered before it is settled, never instead. */
  async #deadLetter(letter: Parameters<Broker['deadLetter']>[0]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#deps.broker.deadLetter(letter);
        break;
      } catch (error) {
        if (!(error instanceof BrokerUnavailableError)) throw error;
        this.#noteOutage(`a dead letter cannot be published: ${error.message}`);
      }
      await backOff(attempt, BACK_OFF.outage, this.#abort.signal);
    }
    const { refusal, orderId, sequence, eventId } = letter;
    this.#noteOutage(undefined);
    this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: refusal.reason satisfies Refusal['reason'] });
    this.#deps.log.warn({ eventId, orderId, sequence, refusal }, 'dead-lettered');
    await this.#deps.reached('dead-lettered');
  }

  #noteOutage(reason: string | undefined): void {
    if (reason !== undefined) this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: 'unavailable' });
    if (reason !== undefined && this.#outage === undefined) this.#deps.log.warn({ reason }, 'projection held up');
    if (reason === undefined && this.#outage !== undefined) this.#deps.log.info('projection goes on');
    this.#outage = reason;
  }

  #scheduleSweep(delayMs: number): void {
    this.#sweepTimer = setTimeout(() => {
      this.#run(async () => {
        await this.#sweep();
        if (this.#state === 'running') this.#scheduleSweep(this.#options.sweepIntervalMs);
      });
    }, delayMs);
  }

  async #sweep(): Promise<void> {
    try {
      for await (const works of dueParked(this.#deps.index)) await projectBatch(works, this.#batchDeps);
      this.#deps.metrics.parkedEvents.set(await this.#deps.index.countParked());
    } catch (error) {
      // The next sweep tries again; the batches report the outage.
      if (!(error instanceof IndexUnavailableError)) throw error;
    }
  }
}
