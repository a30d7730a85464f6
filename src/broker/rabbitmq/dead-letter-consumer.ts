import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { PartHealth } from '../../observability/health.ts';
import { backOffMs } from '../../back-off/back-off.ts';
import { passed } from '../../back-off/pause.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { DeadLetter, DeadLetterSubscription } from '../port.ts';
import { messageOf, openChannel } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { ReconnectingConnection } from './reconnecting-connection.ts';
import { receivedDeadLetter } from './received-dead-letter.ts';
import { within } from './within.ts';

export interface DeadLetterConsumerOptions extends ConnectOptions {
  readonly queue: string;
  /** Shown by RabbitMQ's management interface. */
  readonly connectionName: string;
  /** Of the live queue. */
  readonly deliveryLimit: number;
  readonly assertTopology: (model: ChannelModel) => Promise<void>;
  readonly log: BrokerLog;
}

/** Letters may be long. */
const PREFETCH = 8;
const BACK_OFF = { firstMs: 100, capMs: 10_000 };
/** RabbitMQ closes a channel that holds a message for half an hour. */
const HOLD_LIMIT_MS = 600_000;
const CANCEL_TIMEOUT_MS = 5_000;

/**
 * Hands the letters of the dead-letter queue to a handler until it takes them. On a connection of its own, so that whatever breaks here
 * leaves the live deliveries alone.
 */
export class DeadLetterConsumer implements DeadLetterSubscription {
  readonly #options: DeadLetterConsumerOptions;
  readonly #handler: (letter: DeadLetter) => Promise<void>;
  readonly #connection: ReconnectingConnection;
  readonly #cancelling = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #channel: Channel | undefined;
  #consumerTag: string | undefined;

  constructor(options: DeadLetterConsumerOptions, handler: (letter: DeadLetter) => Promise<void>) {
    this.#options = options;
    this.#handler = handler;
    this.#connection = new ReconnectingConnection(options, options.connectionName, {
      prepare: (model) => this.#attach(model),
      lost: () => {
        this.#channel = undefined;
      },
    });
  }

  /** @throws BrokerUnavailableError, BrokerTopologyError */
  async open(): Promise<void> {
    await this.#connection.open();
  }

  health(): PartHealth {
    return this.#connection.health();
  }

  async cancel(): Promise<void> {
    this.#cancelling.abort();
    try {
      if (this.#channel && this.#consumerTag !== undefined) {
        await within(this.#channel.cancel(this.#consumerTag), CANCEL_TIMEOUT_MS, 'cancelling the consumer');
      }
      await within(Promise.all(this.#underWay), CANCEL_TIMEOUT_MS, 'waiting for the handlers');
      // What was acknowledged last is sent before the connection is closed.
      const channel = this.#channel;
      this.#channel = undefined;
      if (channel) await within(channel.close(), CANCEL_TIMEOUT_MS, 'closing the channel');
    } catch (error) {
      // Whatever is not acknowledged comes again.
      this.#options.log.info({ reason: messageOf(error) }, 'stopped taking dead letters in a hurry');
    }
    await this.#connection.close();
  }

  async #attach(model: ChannelModel): Promise<void> {
    const { queue, assertTopology } = this.#options;
    await assertTopology(model);
    const channel = await openChannel(model, (reason) => {
      if (this.#channel === channel) this.#connection.drop(model, reason);
    });
    this.#channel = channel;
    await channel.prefetch(PREFETCH);
    const { consumerTag } = await channel.consume(queue, (message) => {
      // The server cancels a consumer whose queue is deleted or has lost its leader.
      if (message === null) this.#connection.drop(model, `RabbitMQ cancelled the consumer of queue '${queue}'`);
      else this.#take(channel, message);
    });
    this.#consumerTag = consumerTag;
  }

  #take(channel: Channel, message: ConsumeMessage): void {
    const task = this.#hand(channel, message).finally(() => this.#underWay.delete(task));
    this.#underWay.add(task);
  }

  async #hand(channel: Channel, message: ConsumeMessage): Promise<void> {
    const letter = receivedDeadLetter(message, this.#options.deliveryLimit, new Date());
    const beganMs = performance.now();
    let isTaken = false;
    for (let attempt = 0; !isTaken && this.#mayGoOn(channel, beganMs); attempt++) {
      isTaken = await this.#isTaken(letter, attempt);
      if (!isTaken) await passed(backOffMs(attempt, BACK_OFF), this.#cancelling.signal);
    }
    // A channel that is gone settles nothing: what it delivered comes again.
    if (this.#channel !== channel) return;
    if (isTaken) channel.ack(message);
    else channel.nack(message, false, true);
  }

  #mayGoOn(channel: Channel, beganMs: number): boolean {
    const { aborted } = this.#cancelling.signal;
    return this.#channel === channel && !aborted && performance.now() - beganMs < HOLD_LIMIT_MS;
  }

  async #isTaken(letter: DeadLetter, attempt: number): Promise<boolean> {
    try {
      await this.#handler(letter);
      return true;
    } catch (error) {
      const reason = messageOf(error);
      if (attempt === 0) this.#options.log.warn({ reason }, 'a dead letter cannot be moved now, trying again');
      return false;
    }
  }
}
