import { isStorageFault } from '../../sqlite/database.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { LiveDelivery, LiveHandlers, LiveSubscription } from '../port.ts';
import type { LiveQueue, TakenMessage } from './live-queue.ts';

/** Taken in one transaction at most. */
const TAKE_AT_ONCE = 256;
/** After a full disk or the like. */
const RETRY_MS = 1_000;

interface Consumer {
  readonly prefetch: number;
  readonly handlers: LiveHandlers;
  /** Queue ids by position. */
  readonly unsettled: Map<number, number>;
}

/**
 * Hands the queue's messages to the one consumer. Deliveries are made from the event loop and never inside a call of publish, settle
 * or consume.
 */
export class Dispatcher {
  readonly #queue: LiveQueue;
  readonly #log: BrokerLog;
  #active: Consumer | undefined;
  #scheduled: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #position = 0;
  #fault: string | undefined;
  #stopped = false;

  constructor(queue: LiveQueue, log: BrokerLog) {
    this.#queue = queue;
    this.#log = log;
  }

  /** Why nothing can be taken just now. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get isConsumed(): boolean {
    return this.#active !== undefined;
  }

  consume(prefetch: number, handlers: LiveHandlers): LiveSubscription {
    if (this.#active) throw new Error('the live queue is being consumed already');
    const consumer: Consumer = { prefetch, handlers, unsettled: new Map() };
    this.#active = consumer;
    this.wake();
    return {
      settle: (deliveries) => {
        this.#queue.settle(idsOf(consumer, deliveries));
        this.wake();
      },
      requeue: (deliveries) => {
        this.#queue.requeue(idsOf(consumer, deliveries));
        this.wake();
      },
      cancel: async () => {
        if (this.#active === consumer) this.#active = undefined;
      },
    };
  }

  /** Something is there to be delivered or removed. What is settled after the end is not: it comes again. */
  wake(): void {
    if (!this.#stopped && this.#retry === undefined) this.#scheduled ??= setImmediate(() => this.#dispatch());
  }

  /** Delivers no more. Removes what is settled. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    this.#active = undefined;
    this.#queue.flush();
  }

  #dispatch(): void {
    this.#scheduled = undefined;
    const active = this.#active;
    const messages = this.#takeFor(active);
    if (!active) return;
    const deliveries = messages.map((message) => this.#deliveryOf(active, message));
    for (const delivery of deliveries) active.handlers.onDelivery(delivery);
    if (active.unsettled.size < active.prefetch && this.#queue.ready > 0) this.wake();
  }

  /** Removes what is settled, and takes what the consumer has room for. */
  #takeFor(consumer: Consumer | undefined): readonly TakenMessage[] {
    try {
      this.#queue.flush();
      const room = consumer
        ? Math.min(consumer.prefetch - consumer.unsettled.size, TAKE_AT_ONCE, this.#queue.ready)
        : 0;
      const messages = room > 0 ? this.#queue.take(room) : [];
      this.#fault = undefined;
      return messages;
    } catch (error) {
      if (!isStorageFault(error)) throw error;
      this.#fault = error instanceof Error ? error.message : String(error);
      this.#log.warn({ err: error, retryMs: RETRY_MS }, 'embedded queue cannot be read or written');
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.wake();
      }, RETRY_MS);
      return [];
    }
  }

  #deliveryOf({ unsettled }: Consumer, { id, redeliveries, publishedAtMs, body }: TakenMessage): LiveDelivery {
    this.#position += 1;
    const position = this.#position;
    unsettled.set(position, id);
    return body
      ? { kind: 'event', position, redeliveries, body }
      : { kind: 'heartbeat', position, redeliveries, publishedAt: publishedAtMs };
  }
}

/** Forgets the positions: a delivery is settled or given back once, and one of another subscription not at all. */
function idsOf({ unsettled }: Consumer, deliveries: readonly LiveDelivery[]): number[] {
  return deliveries.flatMap(({ position }) => {
    const id = unsettled.get(position);
    unsettled.delete(position);
    return id ?? [];
  });
}
