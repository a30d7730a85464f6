import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { connectToAny, discard, openConfirmChannel } from '../../src/broker/rabbitmq/connect.ts';
import { emitEvent } from '../../src/broker/rabbitmq/emit-event.ts';
import type { OutgoingMessage } from '../../src/broker/rabbitmq/messages.ts';
import { within } from '../../src/broker/rabbitmq/within.ts';
import type { Tracing } from '../../src/observability/tracing.ts';
import type { OutboxEvent } from '../../src/outbox/index.ts';

const OPEN_WITHIN_MS = 5_000;
const CONFIRM_WITHIN_MS = 10_000;

interface Link {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Rejects once the connection or the channel is gone. */
  readonly lost: Promise<never>;
  /** Ids of what no queue took. */
  readonly returned: Set<string>;
}

/**
 * Publishes into the exchange, confirmed by RabbitMQ. It connects when there is something to publish, anew after each failure. Nothing
 * of it waits without limit for a peer that says nothing: whoever publishes holds the orders' locks meanwhile.
 */
export class AmqpPublisher {
  readonly #url: string;
  readonly #exchange: string;
  readonly #tracing: Tracing | undefined;
  #link: Link | undefined;

  constructor(url: string, exchange: string, tracing?: Tracing) {
    this.#url = url;
    this.#exchange = exchange;
    this.#tracing = tracing;
  }

  /** Resolves when the broker has confirmed every event, and a queue has taken it. Rejects otherwise: then publish all of them again. */
  async publish(events: readonly OutboxEvent[]): Promise<void> {
    try {
      this.#link ??= await this.#connect();
      const { channel, lost, returned } = this.#link;
      const confirmed = Promise.all(events.map((event) => this.#send(channel, event)));
      await within(Promise.race([confirmed, lost]), CONFIRM_WITHIN_MS, 'confirming');
      const [unroutable] = returned;
      if (unroutable !== undefined) throw new Error(`no queue takes event ${unroutable}`);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link) await discard(link.connection);
  }

  async #connect(): Promise<Link> {
    const connection = await connectToAny({ urls: [this.#url] }, 'order-service', 0, new AbortController().signal);
    try {
      return await within(this.#open(connection), OPEN_WITHIN_MS, 'opening a channel');
    } catch (error) {
      await discard(connection);
      throw error;
    }
  }

  async #open(connection: ChannelModel): Promise<Link> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    // Nobody may be waiting for it.
    lost.catch(() => undefined);
    connection.on('error', reject);
    connection.on('close', () => reject(new Error('the connection to RabbitMQ was closed')));
    const channel = await openConfirmChannel(connection, (reason) => reject(new Error(reason)));
    const returned = new Set<string>();
    // It comes before the confirm of the same message.
    channel.on('return', ({ properties }: Message) => returned.add(String(properties.messageId)));
    await channel.assertExchange(this.#exchange, 'topic', { durable: true });
    return { connection, channel, lost, returned };
  }

  async #send(channel: ConfirmChannel, { id, type, orderId, time, body }: OutboxEvent): Promise<void> {
    const properties = {
      ...{ messageId: id, type, headers: { orderId }, contentType: 'application/cloudevents+json' },
      ...{ persistent: true, mandatory: true, timestamp: Math.floor(Date.parse(time) / 1_000) },
    };
    const message = { exchange: this.#exchange, routingKey: type.replace(/\.v\d+$/, ''), content: Buffer.from(body) };
    await emitEvent(this.#tracing, { ...message, properties }, (traced) => publishConfirmed(channel, traced));
  }
}

async function publishConfirmed(channel: ConfirmChannel, message: OutgoingMessage): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { exchange, routingKey, content, properties } = message;
  channel.publish(exchange, routingKey, content, properties, (error: unknown) => {
    if (error) reject(new Error('RabbitMQ does not take it', { cause: error }));
    else resolve();
  });
  await promise;
}
