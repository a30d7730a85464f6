import type { Broker, EventDelivery, HeartbeatDelivery, LiveDelivery, LiveSubscription } from '../broker/port.ts';

export interface LiveConsumerOptions {
  /** Deliveries unsettled at a time. */
  readonly prefetch: number;
  /** Of message bodies in hand. The broker counts messages, not bytes: above this nothing more is taken until half of it is settled. */
  readonly maxBytes: number;
}

export interface LiveConsumerHandlers {
  onEvent(delivery: EventDelivery): void;
  onHeartbeat(delivery: HeartbeatDelivery): void;
  /** Everything in hand is void, and will be delivered again. */
  onLost(reason: string): void;
  /** Nothing more is taken for now. What was on its way has gone back to the queue unseen. */
  onStopped(): void;
  /** Taking could not be taken up again; a bug unless the broker was away, which the consumer waits out by `retry`. */
  onFailure(error: unknown): void;
  /** Waits before the next attempt to subscribe; rejects when there shall be none. */
  retry(attempt: number, error: unknown): Promise<void>;
}

/** One subscription and what it delivered before `consume` had resolved. */
interface Taking {
  subscription: LiveSubscription | undefined;
  early: LiveDelivery[];
}

interface InHand {
  readonly delivery: EventDelivery;
  readonly subscription: LiveSubscription;
}

/**
 * What is taken from the live queue and not settled yet, held within bounds of count and bytes. While it is held, nothing
 * more is taken.
 */
export class LiveConsumer {
  readonly #broker: Pick<Broker, 'consume'>;
  readonly #options: LiveConsumerOptions;
  readonly #handlers: LiveConsumerHandlers;
  readonly #inHand = new Map<number, InHand>();
  #bytes = 0;
  #averageBytes = 0;
  #current: Taking | undefined;
  #state: 'closed' | 'taking' | 'full' | 'held' = 'closed';
  /** Cancelling and subscribing never overlap. */
  #transition: Promise<void> = Promise.resolve();

  constructor(broker: Pick<Broker, 'consume'>, options: LiveConsumerOptions, handlers: LiveConsumerHandlers) {
    this.#broker = broker;
    this.#options = options;
    this.#handlers = handlers;
  }

  /** @throws BrokerUnavailableError */
  async open(): Promise<void> {
    await this.#subscribe();
    this.#state = 'taking';
  }

  count(): number {
    return this.#inHand.size;
  }

  bytes(): number {
    return this.#bytes;
  }

  state(): string {
    return this.#state;
  }

  /** Acknowledges; one whose connection is gone, or that was given back, is ignored. */
  settle(delivery: EventDelivery): void {
    const held = this.#inHand.get(delivery.position);
    if (!held) return;
    this.#forget(held);
    held.subscription.settle([delivery]);
    this.#takeWhereItFits();
  }

  /** Takes no more; what is in hand may still be settled. */
  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#serially(() => this.#cancel());
  }

  /** Takes no more until `resume`; what is in hand may still be settled, or given back. */
  async hold(): Promise<void> {
    this.#state = 'held';
    await this.#serially(() => this.#cancel());
  }

  /** Returns deliveries to the queue: those given, or everything in hand. Settling them afterwards does nothing. */
  requeue(deliveries?: readonly EventDelivery[]): void {
    const given = deliveries?.flatMap(({ position }) => this.#inHand.get(position) ?? []) ?? [...this.#inHand.values()];
    for (const held of given) this.#forget(held);
    const bySubscription = Map.groupBy(given, ({ subscription }) => subscription);
    for (const [subscription, held] of bySubscription) subscription.requeue(held.map(({ delivery }) => delivery));
    this.#takeWhereItFits();
  }

  resume(): void {
    if (this.#state === 'held') this.#take();
  }

  #takeWhereItFits(): void {
    if (this.#state === 'full' && this.#bytes <= this.#options.maxBytes / 2) this.#take();
  }

  #take(): void {
    this.#state = 'taking';
    this.#serially(() => this.#subscribeAgain()).catch((error: unknown) => this.#handlers.onFailure(error));
  }

  async #subscribeAgain(): Promise<void> {
    for (let attempt = 0; this.#state === 'taking' && !this.#current; attempt++) {
      try {
        await this.#subscribe();
      } catch (error) {
        await this.#handlers.retry(attempt, error);
      }
    }
  }

  async #subscribe(): Promise<void> {
    const taking: Taking = { subscription: undefined, early: [] };
    taking.subscription = await this.#broker.consume(
      { prefetch: this.#fittingPrefetch() },
      {
        onDelivery: (delivery) => this.#deliver(taking, delivery),
        onLost: (reason) => this.#lost(taking, reason),
      },
    );
    this.#current = taking;
    for (const delivery of taking.early.splice(0)) this.#deliver(taking, delivery);
  }

  /** As many messages as fit into the bytes at the size they lately have. */
  #fittingPrefetch(): number {
    const { prefetch, maxBytes } = this.#options;
    return Math.max(1, Math.min(prefetch, Math.floor(maxBytes / Math.max(1, this.#averageBytes))));
  }

  async #cancel(): Promise<void> {
    const taking = this.#current;
    this.#current = undefined;
    if (!taking?.subscription) return;
    await taking.subscription.cancel();
    this.#handlers.onStopped();
  }

  #deliver(taking: Taking, delivery: LiveDelivery): void {
    const { subscription } = taking;
    if (!subscription) {
      taking.early.push(delivery);
    } else if (delivery.kind === 'heartbeat') {
      this.#handlers.onHeartbeat(delivery);
      subscription.settle([delivery]);
    } else {
      this.#hold({ delivery, subscription });
      this.#handlers.onEvent(delivery);
    }
  }

  #hold(held: InHand): void {
    const { byteLength } = held.delivery.body;
    this.#inHand.set(held.delivery.position, held);
    this.#bytes += byteLength;
    this.#averageBytes += (byteLength - this.#averageBytes) / (this.#averageBytes === 0 ? 1 : 32);
    if (this.#bytes <= this.#options.maxBytes || this.#state !== 'taking') return;
    this.#state = 'full';
    this.#serially(() => this.#cancel()).catch((error: unknown) => this.#handlers.onFailure(error));
  }

  #forget({ delivery }: InHand): void {
    this.#inHand.delete(delivery.position);
    this.#bytes -= delivery.body.byteLength;
  }

  #lost(taking: Taking, reason: string): void {
    taking.early = [];
    for (const held of this.#inHand.values()) if (held.subscription === taking.subscription) this.#forget(held);
    this.#handlers.onLost(reason);
    if (this.#state === 'full') this.#take();
  }

  #serially(step: () => Promise<void>): Promise<void> {
    const result = this.#transition.then(step);
    this.#transition = result.catch(() => undefined); // Whoever asked for the step is told.
    return result;
  }
}
