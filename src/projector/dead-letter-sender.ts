import PQueue from 'p-queue';
import { backOff } from '../back-off/back-off.ts';
import { BrokerUnavailableError, type Broker, type DeadLetter, type EventDelivery } from '../broker/port.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics } from '../observability/metrics.ts';
import { REFUSAL_REASONS } from '../order/event.ts';
import { BACK_OFF, Interrupted } from './back-off.ts';
import type { ProtocolStep } from './round.ts';

export interface DeadLetterSenderDependencies {
  readonly broker: Pick<Broker, 'deadLetter' | 'markHistory'>;
  readonly metrics: Pick<Metrics, 'updateErrors'>;
  readonly log: Logger;
  readonly reached: (step: ProtocolStep) => Promise<void>;
  /** Told of a bug: the process must not live on as a zombie. */
  readonly failed: (error: unknown) => void;
}

export interface RefusedMessage {
  readonly letter: DeadLetter;
  /** Goes into the history before the letter is published. */
  readonly marker?: Uint8Array;
}

/** What the broker does not take, and since when (epoch ms). */
export interface LetterOutage {
  /** Deliveries whose letters wait. */
  readonly letters: number;
  readonly reason: string;
  readonly since: number;
}

interface Held {
  readonly delivery: EventDelivery;
  readonly since: number;
  failing?: Pick<LetterOutage, 'reason' | 'since'>;
}

/** A third of RabbitMQ's `consumer_timeout`, unless that is configured. */
const HOLD_MS = 600_000;
/** Each waits for the broker's confirmation. */
const SENT_AT_ONCE = 16;

/**
 * Publishes dead letters beside the batches. While the broker takes none (an alarm) it holds their deliveries and goes on trying. No
 * batch waits for that: what is well is written and acknowledged meanwhile.
 */
export class DeadLetterSender {
  readonly #holdMs: number;
  readonly #deps: DeadLetterSenderDependencies;
  readonly #queue = new PQueue({ concurrency: SENT_AT_ONCE });
  readonly #held = new Set<Held>();
  #interruption = new AbortController();

  /** @param holdMs how long a delivery may be held: RabbitMQ closes the channel of one that is held for too long */
  constructor(holdMs = HOLD_MS, deps: DeadLetterSenderDependencies) {
    this.#holdMs = holdMs;
    this.#deps = deps;
    // A rate does not see a counter that begins at 1.
    for (const reason of [...REFUSAL_REASONS, 'unavailable']) {
      deps.metrics.updateErrors.inc({ projection: 'orders', reason }, 0);
    }
  }

  /** @param published called once the letter is durable: a message is dead-lettered before it is settled, never instead */
  add(delivery: EventDelivery, refused: RefusedMessage, published: () => void): void {
    const held: Held = { delivery, since: Date.now() };
    const { signal } = this.#interruption;
    this.#held.add(held);
    this.#queue
      .add(async () => {
        if (await this.#sendPatiently(held, refused, signal)) published();
      })
      .catch((error: unknown) => {
        if (!(error instanceof Interrupted)) this.#deps.failed(error);
      });
  }

  /** Publishes what can be refused anew at any time. False where the broker does not take it now. */
  async tryOnce(refused: RefusedMessage): Promise<boolean> {
    const { letter } = refused;
    const reason = await this.#failure(this.#steps(refused));
    if (reason === undefined) await this.#sent(letter);
    else this.#deps.log.debug({ reason, orderId: letter.orderId, sequence: letter.sequence }, 'not dead-lettered yet');
    return reason === undefined;
  }

  /** Deliveries whose letters are not published yet. */
  count(): number {
    return this.#held.size;
  }

  /** Undefined where the broker takes letters, as far as is known. */
  outage(): LetterOutage | undefined {
    const failing = [...this.#held].flatMap((held) => held.failing ?? []);
    const [oldest] = failing.sort((a, b) => a.since - b.since);
    return oldest && { ...oldest, letters: this.#held.size };
  }

  /** Forgets what it has held for too long, and returns it: it is to go back to the queue, from which it comes again. */
  takeOld(): readonly EventDelivery[] {
    const old = [...this.#held].filter(({ since }) => Date.now() - since > this.#holdMs);
    for (const held of old) this.#held.delete(held);
    return old.map(({ delivery }) => delivery);
  }

  /** Holds nothing any more: the deliveries are void, or go back to the queue. What is being published ends first. */
  drop(): void {
    this.#interruption.abort(new Interrupted());
    this.#interruption = new AbortController();
    this.#held.clear();
  }

  /** Resolves when nothing is held, and nothing is being published. */
  async idle(): Promise<void> {
    await this.#queue.onIdle();
  }

  /** Whether it is published; false where it was given back meanwhile. */
  async #sendPatiently(held: Held, refused: RefusedMessage, signal: AbortSignal): Promise<boolean> {
    const left = this.#steps(refused);
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      if (!this.#held.has(held)) return false;
      const reason = await this.#failure(left);
      if (reason === undefined) break;
      this.#noteFailure(held, reason);
      await backOff(attempt, BACK_OFF.outage, signal);
    }
    await this.#sent(refused.letter);
    this.#held.delete(held);
    if (held.failing && !this.outage()) this.#deps.log.info('dead letters are published again');
    return true;
  }

  #steps({ letter, marker }: RefusedMessage): (() => Promise<void>)[] {
    const { broker } = this.#deps;
    return [...(marker ? [() => broker.markHistory(marker)] : []), () => broker.deadLetter(letter)];
  }

  /** Takes off the list what is done. */
  async #failure(steps: (() => Promise<void>)[]): Promise<string | undefined> {
    try {
      for (let [step] = steps; step; [step] = steps) {
        await step();
        steps.shift();
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: 'unavailable' });
      return error.message;
    }
  }

  #noteFailure(held: Held, reason: string): void {
    if (!this.outage()) this.#deps.log.warn({ reason }, 'dead letters cannot be published, and are held');
    held.failing = { reason, since: held.failing?.since ?? Date.now() };
  }

  async #sent({ refusal, orderId, sequence, eventId }: DeadLetter): Promise<void> {
    this.#deps.metrics.updateErrors.inc({ projection: 'orders', reason: refusal.reason });
    // Not the message: it may quote what the event says of a person. `dead-letters show` has it.
    this.#deps.log.warn({ eventId, orderId, sequence, reason: refusal.reason, path: refusal.path }, 'dead-lettered');
    await this.#deps.reached('dead-lettered');
  }
}
