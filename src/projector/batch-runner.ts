import PQueue from 'p-queue';
import { backOff } from '../back-off/back-off.ts';
import type { Broker, DeadLetter, EventDelivery } from '../broker/port.ts';
import { diverge } from '../order-index/diverge.ts';
import type { OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics, UpdateOutcome } from '../observability/metrics.ts';
import type { Tracing } from '../observability/tracing.ts';
import type { OrderEvent, Refusal } from '../order/event.ts';
import type { StorageLimits } from '../order/fold.ts';
import { rememberStrings } from '../order/remember-strings.ts';
import { WorkingSet } from '../order/working-set.ts';
import { BACK_OFF, Interrupted } from './back-off.ts';
import { DeadLetterSender, type LetterOutage, type RefusedMessage } from './dead-letter-sender.ts';
import { refusedOffer } from './deliveries.ts';
import { EarlyHold } from './early-hold.ts';
import { OrderLines } from './order-lines.ts';
import { createParkedLetters } from './parked-letters.ts';
import type { Plan } from './plan.ts';
import { projectBatch, type BatchDependencies, type Probe } from './project-batch.ts';
import type { Arrival, ReadDelivery } from './read-delivery.ts';
import type { ProtocolStep } from './round.ts';
import { createStandbyPatience } from './standby-patience.ts';
import { Suspects } from './suspects.ts';
import { traceBatch } from './tracing.ts';
import { workOf, type Job, type OrderWork } from './work.ts';
import { WriteSize } from './write-size.ts';

export interface BatchRunnerOptions {
  readonly batchSize: number;
  /** Batches in flight; they overlap. */
  readonly concurrency: number;
  readonly storageLimits: StorageLimits;
  /** How long an early event waits in memory before it is parked, where several projectors share the queue; else 0. */
  readonly earlyHoldMs: number;
  readonly prefetch: number;
  /** See {@link DeadLetterSender}. */
  readonly letterHoldMs?: number | undefined;
}

export interface BatchRunnerDependencies {
  readonly broker: Pick<Broker, 'deadLetter' | 'markHistory'>;
  readonly index: OrderIndex;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly reached: (step: ProtocolStep) => Promise<void>;
  /** Told of every version that the live generation has just taken. */
  readonly wrote: (written: Plan) => void;
  readonly read: (arrival: Arrival) => ReadDelivery;
  /** Acknowledges to the broker. */
  readonly settle: (delivery: EventDelivery) => void;
  /** Told of everything that an outage spoilt, and with undefined whenever something has gone through and nothing is spoilt any more. */
  readonly outage: (reason: string | undefined) => void;
  /** Told whenever something has ended, so that something else could begin. */
  readonly ended: () => void;
  /** A bug: the process must not live on as a zombie. */
  readonly failed: (error: unknown) => void;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

const WORKING_SET = { maxOrders: 10_000, maxBytes: 32 * 1024 * 1024 };

/** Runs batches side by side until everything in them is settled, through any outage; `interrupt` makes them give up waiting. */
export class BatchRunner {
  readonly #deps: BatchRunnerDependencies;
  readonly #queue: PQueue;
  readonly #batchDeps: Omit<BatchDependencies, 'outage'>;
  readonly #early: EarlyHold;
  readonly #letters: DeadLetterSender;
  readonly #suspects: Suspects;
  #interruption = new AbortController();
  /** Of each batch that an outage keeps from getting through. */
  readonly #probes = new Map<object, Probe>();

  constructor(options: BatchRunnerOptions, deps: BatchRunnerDependencies) {
    this.#deps = deps;
    this.#queue = new PQueue({ concurrency: options.concurrency });
    this.#queue.addEventListener('next', () => deps.ended());
    this.#letters = new DeadLetterSender(options.letterHoldMs, deps);
    this.#early = new EarlyHold({
      holdMs: options.earlyHoldMs,
      maxJobs: options.prefetch / 2,
      now: () => performance.now(),
      release: (jobs) => this.add(jobs),
    });
    this.#suspects = new Suspects({
      queue: this.#queue,
      handle: (group) => this.#handleSuspects(group),
      signal: () => this.#interruption.signal,
      ended: () => deps.ended(),
      failed: (error) => this.#unlessInterrupted(error),
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
      stringsOf: rememberStrings(),
      reached: deps.reached,
      wrote: (written) => this.#wrote(written),
      diverge: (generation, reason) => this.#diverge(generation, reason),
      standbyPatience: createStandbyPatience(() => performance.now()),
      writeBlock: (generation) => deps.index.generations.writeBlock(generation),
      refuse: (job, refusal) => this.#refuse(job, refusal),
      ...createParkedLetters((parked, refusal) => this.#letters.tryOnce(refusedOffer(parked, refusal, new Date()))),
      settle: (job, outcome) => this.#settle(job, outcome),
      pause: (attempt, why) => backOff(attempt, BACK_OFF[why], this.#interruption.signal),
    };
  }

  async #diverge(generation: string, reason: string): Promise<void> {
    await diverge(this.#deps.index, generation, reason);
    this.#deps.log.error(
      { generation, reason },
      'a generation that is written to lacks a write from now on, and is written to no more',
    );
  }

  batches(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#queue.size, running: this.#queue.pending };
  }

  /** Whether a batch that is added now is begun with at once. */
  isFree(): boolean {
    return !this.#queue.isPaused && this.#queue.size + this.#queue.pending < this.#queue.concurrency;
  }

  add(jobs: readonly Job[]): void {
    const works = workOf(jobs);
    this.run(async () => {
      this.#interruption.signal.throwIfAborted();
      const startedAt = performance.now();
      await this.project(works);
      const seconds = (performance.now() - startedAt) / 1_000;
      this.#deps.metrics.batchSize.observe(jobs.length);
      this.#deps.metrics.writeSeconds.observe(seconds);
      this.#deps.log.info({ events: jobs.length, orders: works.length, seconds }, 'batch projected');
    });
  }

  /** Reads and handles a delivery apart from all others that are not suspected like it. */
  addSuspect(arrival: Arrival): void {
    this.#suspects.add(arrival);
  }

  /** For the broker's dead letters: published beside the batches, and settled once it is there. */
  refuse(delivery: EventDelivery, letter: DeadLetter): void {
    this.#letters.add(delivery, { letter }, () => this.#settleUnread(delivery, letter));
  }

  async project(works: readonly OrderWork[]): Promise<void> {
    await traceBatch(this.#deps.tracing, works, () =>
      projectBatch(works, {
        ...this.#batchDeps,
        outage: (reason, spoiltEvents, probe) => this.#noteOutage(works, reason, spoiltEvents, probe),
      }),
    );
  }

  /** Deliveries whose letters the broker has not taken yet. */
  lettersHeld(): number {
    return this.#letters.count();
  }

  letterOutage(): LetterOutage | undefined {
    return this.#letters.outage();
  }

  /** What has waited too long to be dead-lettered: it is held no more, and is to go back to the queue. */
  takeOldLetters(): readonly EventDelivery[] {
    return this.#letters.takeOld();
  }

  run(task: () => Promise<void>): void {
    this.#queue.add(task).catch((error: unknown) => this.#unlessInterrupted(error));
  }

  /** Forgets what is not being worked on yet: it is void, or will go back to the queue. */
  drop(): void {
    this.#suspects.drop();
    this.#early.drop();
    this.#letters.drop();
  }

  /** Keeps nothing waiting in memory any more. */
  finish(): void {
    this.#early.close();
  }

  /** Resolves when everything is settled, or has given up waiting. */
  async idle(): Promise<void> {
    await this.#workIdle();
    await this.#letters.idle();
  }

  /** Whatever waits for the end of an outage gives up; what is under way ends first. Batches added later wait as ever. */
  async interrupt(): Promise<void> {
    this.#interruption.abort(new Interrupted());
    this.#letters.drop();
    await this.#workIdle();
    // What was under way may have refused some more.
    this.#letters.drop();
    await this.#letters.idle();
    this.#interruption = new AbortController();
  }

  /** All but the letters. */
  async #workIdle(): Promise<void> {
    await this.#suspects.idle();
    await this.#queue.onIdle();
  }

  /** Whether the outage is over: everything that it spoilt gets through. What does is not tried again. Says why where it is not. */
  async isOutageOver(): Promise<boolean> {
    for (const [batch, probe] of this.#probes) {
      const spoilt = await probe();
      if (spoilt) {
        this.#countSpoilt(spoilt.events);
        this.#deps.outage(spoilt.reason);
        return false;
      }
      this.#probes.delete(batch);
    }
    return true;
  }

  /** It lasts until nothing is spoilt any more: what gets through beside it does not end it. */
  #noteOutage(outerBatch: object, reason: string | undefined, spoiltEvents: number, probe: Probe): void {
    if (reason === undefined) this.#probes.delete(outerBatch);
    else {
      this.#probes.set(outerBatch, probe);
      this.#countSpoilt(spoiltEvents);
    }
    if (reason !== undefined || this.#probes.size === 0) this.#deps.outage(reason);
  }

  /** Events, like `updates`, which they are compared with; each as often as it is tried in vain. */
  #countSpoilt(events: number): void {
    this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: 'unavailable' }, events);
  }

  async #handleSuspects(group: readonly Arrival[]): Promise<void> {
    const jobs: Job[] = [];
    for (const arrival of group) {
      const read = this.#deps.read(arrival);
      if (read.kind === 'event') jobs.push(read.job);
      else if (await this.#isLetterSent(read)) this.#settleUnread(arrival.delivery, read.letter);
      else this.refuse(arrival.delivery, read.letter);
    }
    if (jobs.length > 0) await this.project(workOf(jobs));
  }

  /** All else waits for it: where the broker takes none it is not tried. */
  async #isLetterSent(refused: RefusedMessage): Promise<boolean> {
    return this.#letters.outage() === undefined && (await this.#letters.tryOnce(refused));
  }

  #refuse(job: Job, refusal: Refusal): void {
    const settle = () => this.#settle(job, 'dead_lettered');
    this.#letters.add(job.delivery, refusedOffer(job, refusal, new Date()), settle);
  }

  #settleUnread(delivery: EventDelivery, { eventId, orderId, sequence, firstFailedAt: at }: DeadLetter): void {
    const outcome = 'dead_lettered';
    this.#deps.settle(delivery);
    this.#deps.metrics.updates.inc({ projection: 'orders', outcome });
    this.#deps.log.debug({ eventId, orderId, sequence, at, outcome }, 'event settled');
  }

  #settle({ delivery, orderId, event }: Job, outcome: UpdateOutcome): void {
    this.#deps.settle(delivery);
    this.#deps.metrics.updates.inc({ projection: 'orders', outcome });
    this.#deps.log.debug({ ...named(orderId, event), outcome }, 'event settled');
  }

  #wrote(written: Plan): void {
    for (const parked of written.work.parked) {
      if (written.placements.get(parked)?.kind !== 'applied') continue;
      // It was settled and counted when it was parked.
      this.#deps.log.debug({ ...named(parked.orderId, parked.event), outcome: 'applied' }, 'parked event applied');
    }
    this.#deps.wrote(written);
  }

  #unlessInterrupted(error: unknown): void {
    if (!(error instanceof Interrupted)) this.#deps.failed(error);
  }
}

/** For the log. */
function named(orderId: string, { id: eventId, sequence, time: at }: OrderEvent) {
  return { eventId, orderId, sequence, at };
}
