import type { PartHealth } from '../observability/health.ts';
import type { Refusal, TraceContext } from '../order/event.ts';

/**
 * The port to the message broker: live deliveries, publishing, dead letters. Two adapters: `rabbitmq/` and `embedded/`.
 * An outage (a lost connection, a timeout, an alarm) rejects with {@link BrokerUnavailableError}.
 */
export interface Broker {
  /**
   * Connects and asserts the topology. @throws BrokerTopologyError when something is declared differently. @throws BrokerUnavailableError
   */
  open(): Promise<void>;
  /**
   * Takes deliveries from the live queue, at most `prefetch` unsettled at a time. The adapter re-subscribes by itself after a lost
   * connection; `onLost` then says that every delivery not settled by then is void and will come again.
   */
  consume(options: ConsumeOptions, handlers: LiveHandlers): Promise<LiveSubscription>;
  /** Resolves when the broker has confirmed every event; mandatory. @throws UnroutableError, BrokerUnavailableError */
  publish(events: readonly OutgoingEvent[]): Promise<void>;
  /** Straight into the live queue, behind everything published so far (design §5). */
  publishHeartbeat(publishedAt: Date): Promise<void>;
  /** Straight into the history, behind everything published so far; no consumer gets it. Confirmed. @throws BrokerUnavailableError */
  markHistory(marker: Uint8Array): Promise<void>;
  /**
   * The replayable log from a place to its end as it is when the iteration begins, in the order of publishing; nothing of what was
   * confirmed before is left out. Read as fast as it is iterated, with few messages in memory; a lost connection is taken up again where it
   * was. To break off ends it. Throws the signal's reason when it is aborted. @throws BrokerUnavailableError when the broker stays away
   */
  readHistory(options: ReadHistoryOptions): AsyncIterable<HistoryMessage>;
  /** Confirmed and mandatory, with the untouched body. Resolves when it is durable: only then may the delivery be settled. */
  deadLetter(letter: DeadLetter): Promise<void>;
  /**
   * Takes dead letters out of their queue, a few at a time. One is acknowledged once `handler` has resolved; where it rejects it is
   * tried again after a pause that grows (so a bug must end the process in the handler), and one that is not acknowledged comes again,
   * also over lost connections. Letters that the broker itself put there come with the reason `delivery_limit`.
   * @throws BrokerUnavailableError when it cannot be subscribed to now
   */
  consumeDeadLetters(handler: (letter: DeadLetter) => Promise<void>): Promise<DeadLetterSubscription>;
  /** Messages waiting in the live queue, ready ones only. */
  queueDepth(): Promise<number>;
  /** About how many messages the history holds: for progress, not for correctness. @throws QueueGoneError, BrokerUnavailableError */
  historySize(): Promise<number>;
  /**
   * Declares anew what somebody has deleted of what `open` declared, but for the history, and logs it. What cannot be declared, and a
   * history that is gone, is told by `health`.
   * @throws BrokerUnavailableError
   */
  keepTopology(): Promise<void>;
  health(): PartHealth;
  close(): Promise<void>;
}

export interface ConsumeOptions {
  readonly prefetch: number;
}

export interface LiveHandlers {
  /** Called in the order of delivery. Must not throw. */
  onDelivery(delivery: LiveDelivery): void;
  onLost(reason: string): void;
}

export interface LiveSubscription {
  /** Acknowledges. Deliveries of a channel that is gone are ignored: they come again. */
  settle(deliveries: readonly LiveDelivery[]): void;
  /** Returns deliveries to the queue. */
  requeue(deliveries: readonly LiveDelivery[]): void;
  /** Takes no more. What was delivered before may still be settled or given back. */
  cancel(): Promise<void>;
}

export type LiveDelivery = EventDelivery | HeartbeatDelivery;

interface DeliveryBase {
  /** Grows by one a delivery within the process, over reconnects too. */
  readonly position: number;
  /** How often the broker has delivered it before; 0 for the first time. */
  readonly redeliveries: number;
}

export interface EventDelivery extends DeliveryBase {
  readonly kind: 'event';
  readonly body: Uint8Array;
  /** Of the publishing, where the message's headers tell and traces are made here. */
  readonly trace?: TraceContext;
}

export interface HeartbeatDelivery extends DeliveryBase {
  readonly kind: 'heartbeat';
  /** Epoch milliseconds at which it was published. */
  readonly publishedAt: number;
}

export interface OutgoingEvent {
  readonly id: string;
  /** The CloudEvent's type, version included; the routing key is derived from it (contract §1). */
  readonly type: string;
  readonly orderId: string;
  /** RFC 3339; becomes the AMQP timestamp (seconds). */
  readonly time: string;
  /** The CloudEvent, JSON, UTF-8: published as it is. */
  readonly body: Uint8Array;
}

/** Where to begin: what an offset or time points at that is no longer (or not yet) kept begins with the nearest that is. */
export type HistoryStart =
  | { readonly kind: 'first' }
  /** What was published at that time or later, and perhaps a little of what was published before it. */
  | { readonly kind: 'time'; readonly at: Date }
  | { readonly kind: 'offset'; readonly offset: number };

export interface ReadHistoryOptions {
  readonly from: HistoryStart;
  readonly signal: AbortSignal;
}

export interface HistoryMessage {
  /** Grows with every message; not every number is one. */
  readonly offset: number;
  /** As it was published, whatever it is; markers too. */
  readonly body: Uint8Array;
  /** When the broker took it, where the broker tells. */
  readonly publishedAt?: Date;
}

export interface DeadLetter {
  readonly body: Uint8Array;
  readonly refusal: Refusal;
  /** Where they could be read from the message. */
  readonly orderId?: string;
  readonly sequence?: number;
  readonly eventId?: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

export interface DeadLetterSubscription {
  /** Takes no more. Resolves when no handler is running any more, or a few seconds later; what they had left comes again. */
  cancel(): Promise<void>;
}

export class BrokerUnavailableError extends Error {
  readonly code = 'BROKER_UNAVAILABLE';
  override readonly name = 'BrokerUnavailableError';
}

/** It answers, and does not let this user in, or not into the virtual host. */
export class BrokerAccessError extends BrokerUnavailableError {}

/** It does not let this user publish there. Trying again is of use only once it does. */
export class BrokerPermissionError extends BrokerUnavailableError {}

/** It answers, and a queue of ours is not there: somebody has deleted it. The message says which, and what to do. */
export class QueueGoneError extends BrokerUnavailableError {}

/** A queue or exchange is declared differently by someone else, or is not there and cannot be declared by this user. */
export class BrokerTopologyError extends Error {
  readonly code = 'BROKER_TOPOLOGY';
  override readonly name = 'BrokerTopologyError';
}

/** No queue is bound for the routing key of a mandatory message. */
export class UnroutableError extends Error {
  readonly code = 'UNROUTABLE';
  override readonly name = 'UnroutableError';
}
