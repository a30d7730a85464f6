import type { ChannelModel } from 'amqplib';
import type { PartHealth } from '../../observability/health.ts';
import type { Tracing } from '../../observability/tracing.ts';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerUnavailableError, UnroutableError } from '../port.ts';
import type {
  Broker,
  ConsumeOptions,
  DeadLetter,
  DeadLetterSubscription,
  HistoryMessage,
  LiveHandlers,
  LiveSubscription,
  OutgoingEvent,
  ReadHistoryOptions,
} from '../port.ts';
import { assertTopology, assertTopologyIfAbsent } from './assert-topology.ts';
import { codeOf, onOwnChannel, openConfirmChannel } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { DeadLetterConsumer } from './dead-letter-consumer.ts';
import { emitEvent } from './emit-event.ts';
import { ReconnectingConnection, asBrokerError } from './reconnecting-connection.ts';
import { HeartbeatPace } from './heartbeat-pace.ts';
import { barrierMessage } from './history-barrier.ts';
import { readHistory } from './history-reader.ts';
import { deadLetterMessage, eventMessage, heartbeatMessage, markerMessage } from './messages.ts';
import type { OutgoingMessage } from './messages.ts';
import { Publisher } from './publisher.ts';
import { Subscription } from './subscription.ts';
import { TopologyWatch } from './topology-watch.ts';
import { queueNames, topologyOf } from './topology.ts';
import type { QueueNames, Topology, TopologyOptions } from './topology.ts';
import { within } from './within.ts';

export interface RabbitMqOptions extends ConnectOptions, TopologyOptions {
  readonly log: BrokerLog;
  /**
   * What a connection declares: everything (`always`, unless said otherwise), or nothing while the live queue is there, for a publisher.
   */
  readonly declares?: 'always' | 'if-absent';
  /** How long a confirm may take before the connection counts as broken; 30 s unless said otherwise. */
  readonly confirmTimeoutMs?: number;
  /** How long the history is waited for when its connection is lost; 60 s unless said otherwise. */
  readonly historyGiveUpMs?: number;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

const CONFIRM_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** The broker of production: RabbitMQ 3.10 or newer. Nothing is connected before `open`. */
export function createRabbitMqBroker(options: RabbitMqOptions): Broker {
  return new RabbitMqBroker(options);
}

/**
 * Two connections, since RabbitMQ stops reading from one that publishes while an alarm is on, and with it the acknowledgements on it.
 * The consuming one is opened by the first `consume`.
 */
class RabbitMqBroker implements Broker {
  readonly #options: RabbitMqOptions;
  readonly #queues: QueueNames;
  readonly #topology: Topology;
  readonly #watch: TopologyWatch;
  readonly #publishing: ReconnectingConnection;
  readonly #consuming: ReconnectingConnection;
  readonly #subscriptions = new Set<Subscription>();
  readonly #deadLetterConsumers = new Set<DeadLetterConsumer>();
  readonly #pace = new HeartbeatPace();
  readonly #closing = new AbortController();
  #publisher: Publisher | undefined;
  #consumingOpened = false;
  #heartbeatUnderWay = false;
  #position = 0;

  constructor(options: RabbitMqOptions) {
    this.#options = options;
    this.#queues = queueNames(options.prefix);
    this.#topology = topologyOf(options);
    this.#watch = new TopologyWatch(this.#topology, this.#queues.history, options.log);
    this.#publishing = new ReconnectingConnection(options, `order-search ${options.prefix} publishing`, {
      prepare: (model) => this.#preparePublishing(model),
      lost: (reason) => {
        this.#publisher?.abandon(reason);
        this.#publisher = undefined;
      },
    });
    this.#consuming = new ReconnectingConnection(options, `order-search ${options.prefix} consuming`, {
      prepare: (model) => this.#prepareConsuming(model),
      lost: (reason) => {
        for (const subscription of [...this.#subscriptions]) this.#loseSubscription(subscription, reason);
      },
    });
  }

  async open(): Promise<void> {
    await this.#publishing.open();
  }

  async consume(options: ConsumeOptions, handlers: LiveHandlers): Promise<LiveSubscription> {
    if ([...this.#subscriptions].some(({ cancelled }) => !cancelled))
      throw new Error('the live queue is being consumed already');
    const subscription = this.#newSubscription(options, handlers);
    this.#subscriptions.add(subscription);
    try {
      if (this.#consumingOpened) await subscription.attach(this.#consuming.get());
      else await this.#consuming.open();
      this.#consumingOpened = true;
      return subscription;
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw asBrokerError(error);
    }
  }

  async publish(events: readonly OutgoingEvent[]): Promise<void> {
    const { exchange, tracing } = this.#options;
    const send = (message: OutgoingMessage) => this.#send(message);
    const outcomes = await Promise.allSettled(
      events.map((event) => emitEvent(tracing, eventMessage(exchange, event), send)),
    );
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [asError(outcome.reason)] : []));
    // Trying again does not help an unroutable event: that comes first.
    const failure = failures.find((error) => error instanceof UnroutableError) ?? failures[0];
    if (failure !== undefined) throw failure;
  }

  async publishHeartbeat(publishedAt: Date): Promise<void> {
    if (this.#heartbeatUnderWay) return;
    this.#heartbeatUnderWay = true;
    try {
      if (await this.#pace.isDue(performance.now(), () => this.queueDepth())) await this.#sendHeartbeat(publishedAt);
    } finally {
      this.#heartbeatUnderWay = false;
    }
  }

  readHistory({ from, signal }: ReadHistoryOptions): AsyncIterable<HistoryMessage> {
    const queue = this.#queues.history;
    const publishBarrier = (id: string) => this.#sendToOwnQueue(barrierMessage(queue, id));
    return readHistory(
      { ...this.#options, queue, publishBarrier },
      { from, signal: AbortSignal.any([signal, this.#closing.signal]) },
    );
  }

  async markHistory(marker: Uint8Array): Promise<void> {
    await this.#sendToOwnQueue(markerMessage(this.#queues.history, marker));
  }

  async deadLetter(letter: DeadLetter): Promise<void> {
    await this.#sendToOwnQueue(deadLetterMessage(this.#queues.deadLetters, letter));
  }

  async consumeDeadLetters(handler: (letter: DeadLetter) => Promise<void>): Promise<DeadLetterSubscription> {
    const consumer = new DeadLetterConsumer(
      {
        ...this.#options,
        queue: this.#queues.deadLetters,
        connectionName: `order-search ${this.#options.prefix} dead letters`,
        assertTopology: (model) => this.#assertTopology(model),
      },
      handler,
    );
    await consumer.open();
    this.#deadLetterConsumers.add(consumer);
    return {
      cancel: async () => {
        this.#deadLetterConsumers.delete(consumer);
        await consumer.cancel();
      },
    };
  }

  queueDepth(): Promise<number> {
    return this.#count(this.#queues.live);
  }

  historySize(): Promise<number> {
    return this.#count(this.#queues.history);
  }

  async keepTopology(): Promise<void> {
    const model = this.#modelToAsk();
    try {
      await within(this.#watch.keep(model), ANSWER_TIMEOUT_MS, 'looking at what is declared');
    } catch (error) {
      throw asBrokerError(error);
    }
  }

  async #count(queue: string): Promise<number> {
    const model = this.#modelToAsk();
    const look = onOwnChannel(model, (channel) => channel.checkQueue(queue));
    try {
      const { messageCount } = await within(look, ANSWER_TIMEOUT_MS, `counting ${queue}`);
      this.#watch.foundQueue(queue);
      return messageCount;
    } catch (error) {
      throw codeOf(error) === 404 ? this.#watch.missedQueue(queue, error) : asBrokerError(error);
    }
  }

  health(): PartHealth {
    const publishing = this.#publishing.health();
    const consuming: PartHealth = this.#consumingOpened ? this.#consuming.health() : { state: 'up' };
    const draining = [...this.#deadLetterConsumers].map((consumer) => consumer.health());
    const parts = [publishing, consuming, ...draining, ...this.#watch.health()];
    const state = (['down', 'degraded'] as const).find((worst) => parts.some((part) => part.state === worst)) ?? 'up';
    const reasons = new Set(parts.flatMap(({ reason }) => (reason === undefined ? [] : [reason])));
    const details = { publishing: publishing.state, consuming: this.#consumingOpened ? consuming.state : 'not opened' };
    return { state, ...(reasons.size === 0 ? {} : { reason: [...reasons].join('; ') }), details };
  }

  async close(): Promise<void> {
    this.#closing.abort(new BrokerUnavailableError('the broker is closed'));
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    this.#subscriptions.clear();
    await Promise.all([...this.#deadLetterConsumers].map((consumer) => consumer.cancel()));
    await Promise.all([this.#consuming.close(), this.#publishing.close()]);
  }

  async #preparePublishing(model: ChannelModel): Promise<void> {
    await this.#assertTopology(model);
    const channel = await openConfirmChannel(model, (reason) => {
      this.#publishing.drop(model, reason);
    });
    this.#publisher = new Publisher(channel, this.#options.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS, (reason) => {
      // An alarm ends by itself, and a new connection would meet the same one.
      if (this.#publishing.blockedBy === undefined) this.#publishing.drop(model, reason);
    });
  }

  async #prepareConsuming(model: ChannelModel): Promise<void> {
    await this.#assertTopology(model);
    for (const subscription of this.#subscriptions) {
      if (!subscription.cancelled) await subscription.attach(model);
    }
  }

  async #assertTopology(model: ChannelModel): Promise<void> {
    const assertion = this.#options.declares === 'if-absent' ? assertTopologyIfAbsent : assertTopology;
    await assertion(model, this.#topology, this.#options.log);
  }

  #newSubscription(options: ConsumeOptions, handlers: LiveHandlers): Subscription {
    const subscription: Subscription = new Subscription(
      {
        queue: this.#queues.live,
        prefetch: options.prefetch,
        readsTraces: this.#options.tracing !== undefined,
        nextPosition: () => (this.#position += 1),
        broken: (model, reason) => {
          this.#consuming.drop(model, reason);
        },
        ended: () => {
          this.#subscriptions.delete(subscription);
        },
      },
      {
        onDelivery: (delivery) => {
          this.#pace.delivered(delivery);
          handlers.onDelivery(delivery);
        },
        onLost: (reason) => {
          handlers.onLost(reason);
        },
      },
    );
    return subscription;
  }

  /** One that was cancelled is not taken up again. */
  #loseSubscription(subscription: Subscription, reason: string): void {
    if (subscription.cancelled) this.#subscriptions.delete(subscription);
    subscription.lost(reason);
  }

  async #send(message: OutgoingMessage): Promise<void> {
    this.#publishing.get();
    this.#refuseWhileBlocked();
    if (this.#publisher === undefined) throw new BrokerUnavailableError('the publishing channel is gone');
    await this.#publisher.publish(message);
  }

  async #sendHeartbeat(publishedAt: Date): Promise<void> {
    // Before it is confirmed, since it may come back sooner.
    this.#pace.sent(publishedAt.getTime(), performance.now());
    try {
      await this.#sendToOwnQueue(heartbeatMessage(this.#queues.live, publishedAt));
    } catch (error) {
      this.#pace.failed();
      throw error;
    }
  }

  /** A queue of ours that is gone is not the message's fault: the next connection declares it anew. */
  async #sendToOwnQueue(message: OutgoingMessage): Promise<void> {
    const model = this.#publishing.get();
    try {
      await this.#send(message);
    } catch (error) {
      if (!(error instanceof UnroutableError)) throw error;
      this.#publishing.drop(model, error.message);
      throw new BrokerUnavailableError(error.message, { cause: error });
    }
  }

  #modelToAsk(): ChannelModel {
    // While there is an alarm RabbitMQ does not read questions either.
    this.#refuseWhileBlocked();
    return this.#publishing.get();
  }

  #refuseWhileBlocked(): void {
    const alarm = this.#publishing.blockedBy;
    if (alarm !== undefined) throw new BrokerUnavailableError(`RabbitMQ takes no messages: ${alarm}`);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
