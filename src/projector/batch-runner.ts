import PQueue from 'p-queue';
import { BrokerUnavailableError, type Broker, type DeadLetter, type EventDelivery } from '../broker/port.ts';
import type { OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics, UpdateOutcome } from '../observability/metrics.ts';
import type { StorageLimits } from '../order/fold.ts';
import { backOff, BACK_OFF, Interrupted } from './back-off.ts';
import { letterForOffer } from './deliveries.ts';
import { EarlyHold } from './early-hold.ts';
import { OrderLines } from './order-lines.ts';
import { projectBatch, stillSpoilt, type BatchDependencies } from './project-batch.ts';
import type { ProtocolStep } from './round.ts';
import { workOf, type Job, type OrderWork } from './work.ts';
import { WorkingSet } from './working-set.ts';
import { WriteSize } from './write-size.ts';

export interface BatchRunnerOptions {
  readonly batchSize: number;
  /** Batches in flight; they overlap. */
  readonly concurrency: number;
  readonly storageLimits: StorageLimits;
  /** How long an early event waits in memory before it is parked, where several projectors share the queue; else 0. */
  readonly earlyHoldMs: number;
  readonly prefetch: number;
}

export interface BatchRunnerDependencies {
  readonly broker: Pick<Broker, 'deadLetter' | 'queueDepth'>;
  readonly index: OrderIndex;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly reached: (step: ProtocolStep) => Promise<void>;
  /** Acknowledges to the broker. */
  readonly settle: (delivery: EventDelivery) => void;
  /** Told of every round that the world spoilt, and with undefined once one has gone through. */
  readonly outage: (reason: string | undefined) => void;
  /** A bug: the process must not live on as a zombie. */
  readonly failed: (error: unknown) => void;
}

const WORKING_SET = { maxOrders: 50_000, maxBytes: 128 * 1024 * 1024 };

/** Runs batches side by side until everything in them is settled, whatever the world does; `interrupt` makes them give up waiting. */
export class BatchRunner {
  readonly #deps: BatchRunnerDependencies;
  readonly #queue: PQueue;
  readonly #batchDeps: BatchDependencies;
  readonly #early: EarlyHold;
  #interruption = new AbortController();
  #suspects: Job[] = [];
  #suspecting: Promise<void> | undefined;
  /** What the world kept from getting through last. */
  #spoilt: readonly OrderWork[] = [];

  constructor(options: BatchRunnerOptions, deps: BatchRunnerDependencies) {
    this.#deps = deps;
    this.#queue = new PQueue({ concurrency: options.concurrency });
    this.#early = new EarlyHold({
      holdMs: options.earlyHoldMs,
      maxJobs: options.prefetch / 2,
      now: () => Date.now(),
      release: (jobs) => this.add(jobs),
    });
    this.#batchDeps = {
      mayHold: (job) => this.#early.mayHold(job),
      hold: (jobs) => this.#early.hold(jobs),
      index: deps.index,
      workingSet: new WorkingSet(WORKING_SET),
      lines: new OrderLines(),
      storageLimits: options.storageLimits,
      writeSize: new WriteSize(options.batchSize),
      now: () => new Date(),
      reached: deps.reached,
      deadLetter: (offer, refusal) => this.deadLetter(letterForOffer(offer, refusal, new Date().toISOString())),
      settle: (job, outcome) => this.#settle(job, outcome),
      outage: (reason, spoilt) => {
        if (reason !== undefined) this.#spoilt = spoilt ?? this.#spoilt;
        deps.outage(reason);
      },
      pause: (attempt, why) => backOff(attempt, BACK_OFF[why], this.#interruption.signal),
    };
  }

  batches(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#queue.size, running: this.#queue.pending };
  }

  add(jobs: readonly Job[]): void {
    const works = workOf(jobs);
    this.run(async () => {
      const startedAt = performance.now();
      await projectBatch(works, this.#batchDeps);
      const seconds = (performance.now() - startedAt) / 1_000;
      this.#deps.metrics.batchSize.observe(jobs.length);
      this.#deps.metrics.writeSeconds.observe(seconds);
      this.#deps.log.info({ events: jobs.length, orders: works.length, seconds }, 'batch projected');
    });
  }

  /**
   * Handles a delivery with nothing beside it. One that has come back again and again may be what kills the process; the others that
   * were in hand then are suspected with it, so they are tried in random order: each crash leaves about half of them.
   */
  addSuspect(job: Job): void {
    this.#suspects.push(job);
    this.#suspecting ??= this.#trySuspects()
      .catch((error: unknown) => this.#unlessInterrupted(error))
      .finally(() => (this.#suspecting = undefined));
  }

  async project(works: readonly OrderWork[]): Promise<void> {
    await projectBatch(works, this.#batchDeps);
  }

  run(task: () => Promise<void>): void {
    this.#queue.add(task).catch((error: unknown) => this.#unlessInterrupted(error));
  }

  /** Forgets what is not being worked on yet: it is void, or will go back to the queue. */
  drop(): void {
    this.#suspects = [];
    this.#early.drop();
  }

  /** Keeps nothing waiting in memory any more. */
  finish(): void {
    this.#early.close();
  }

  /** Resolves when everything is settled, or has given up waiting. */
  async idle(): Promise<void> {
    await this.#suspecting;
    await this.#queue.onIdle();
  }

  /** Whatever waits for the world gives up; what is under way ends first. Batches added later wait as ever. */
  async interrupt(): Promise<void> {
    this.#interruption.abort(new Interrupted());
    await this.idle();
    this.#interruption = new AbortController();
  }

  /** Whether the outage is over: dead letters can be published, and what it spoilt last goes through. */
  async isOutageOver(): Promise<boolean> {
    try {
      await this.#deps.broker.queueDepth();
    } catch (error) {
      if (error instanceof BrokerUnavailableError) return false;
      throw error;
    }
    if (this.#spoilt.length > 0) this.#spoilt = await stillSpoilt(this.#spoilt, this.#batchDeps);
    return this.#spoilt.length === 0;
  }

  /** Until the broker has it: a message is dead-lettered before it is settled, never instead. */
  async deadLetter(letter: DeadLetter): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#deps.broker.deadLetter(letter);
        if (attempt > 0) this.#deps.outage(undefined);
        break;
      } catch (error) {
        if (!(error instanceof BrokerUnavailableError)) throw error;
        this.#deps.outage(`a dead letter cannot be published: ${error.message}`);
      }
      await backOff(attempt, BACK_OFF.outage, this.#interruption.signal);
    }
    const { refusal, orderId, sequence, eventId } = letter;
    this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: refusal.reason });
    this.#deps.log.warn({ eventId, orderId, sequence, refusal }, 'dead-lettered');
    await this.#deps.reached('dead-lettered');
  }

  async #trySuspects(): Promise<void> {
    this.#queue.pause();
    try {
      await this.#queue.onPendingZero();
      while (this.#suspects.length > 0) {
        const [job] = this.#suspects.splice(Math.floor(Math.random() * this.#suspects.length), 1);
        if (job) await this.project(workOf([job]));
      }
    } finally {
      this.#queue.start();
    }
  }

  #settle({ delivery, orderId, event }: Job, outcome: UpdateOutcome): void {
    this.#deps.settle(delivery);
    this.#deps.metrics.updates.inc({ projection: 'orders', outcome });
    const { id: eventId, sequence, time: at } = event;
    this.#deps.log.debug({ eventId, orderId, sequence, outcome, at }, 'event settled');
  }

  #unlessInterrupted(error: unknown): void {
    if (!(error instanceof Interrupted)) this.#deps.failed(error);
  }
}
