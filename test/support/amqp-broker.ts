import { randomUUID } from 'node:crypto';
import { connect } from 'amqplib';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { BrokerLog } from '../../src/broker/broker-log.ts';
import type { EventDelivery, LiveDelivery, LiveHandlers, OutgoingEvent } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import type { RabbitMqOptions } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';

export const AMQP_URL = process.env['AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

/** A name that no other test has. */
export function uniquePrefix(): string {
  return `test-${randomUUID().slice(0, 13)}`;
}

export interface LogEntry {
  readonly level: 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps what it is told. */
export function recordingLog(): BrokerLog & { readonly entries: readonly LogEntry[] } {
  const entries: LogEntry[] = [];
  const at = (level: LogEntry['level']) => (fields: object, message: string) => {
    entries.push({ level, fields, message });
  };
  return { entries, info: at('info'), warn: at('warn'), error: at('error') };
}

export function rabbitMqOptions(prefix: string, changes: Partial<RabbitMqOptions> = {}): RabbitMqOptions {
  return {
    urls: [AMQP_URL],
    prefix,
    exchange: prefix,
    bindingKeys: ['order.#'],
    singleActiveConsumer: true,
    deliveryLimit: 50,
    historyMaxAge: '30D',
    log: recordingLog(),
    ...changes,
  };
}

/** Declares the topology as the service does at its start, and closes again. */
export async function openOnce(prefix: string, changes: Partial<RabbitMqOptions> = {}): Promise<void> {
  const broker = createRabbitMqBroker(rabbitMqOptions(prefix, changes));
  try {
    await broker.open();
  } finally {
    await broker.close();
  }
}

/** Through a proxy, or with other parameters: `amqpUrlVia({ port }, 'heartbeat=1')`. */
export function amqpUrlVia(proxy: { readonly port: number }, query = ''): string {
  const url = new URL(AMQP_URL);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  url.search = query;
  return url.href;
}

/** What a proxy in front of the broker forwards to. */
export function amqpAddress(): { readonly host: string; readonly port: number } {
  const url = new URL(AMQP_URL);
  return { host: url.hostname, port: Number(url.port || 5672) };
}

/** Runs calls on a connection of the test's own, past the code under test. */
export async function withChannel<T>(calls: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await connect(AMQP_URL);
  try {
    const channel = await connection.createChannel();
    // The call that the server refuses rejects too.
    channel.on('error', () => undefined);
    const result = await calls(channel);
    // First, since closing the connection overtakes what was published last.
    await channel.close();
    return result;
  } finally {
    await connection.close();
  }
}

export async function declareQueueOfAll(name: string): Promise<void> {
  await withChannel(async (channel) => {
    await channel.assertExchange(name, 'topic', { durable: true });
    await channel.assertQueue(name);
    await channel.bindQueue(name, name, '#');
  });
}

export async function deleteQueueOfAll(name: string): Promise<void> {
  await withChannel(async (channel) => {
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
  });
}

export async function deleteTopology(prefix: string, exchange = prefix): Promise<void> {
  const { live, history, deadLetters } = queueNames(prefix);
  await withChannel(async (channel) => {
    for (const queue of [live, history, deadLetters]) await channel.deleteQueue(queue);
    await channel.deleteExchange(exchange);
  });
}

/** Takes the first message out of a queue, once one is there. By a consumer: `basic.get` is refused where only one may be active. */
export async function takeFrom(queue: string): Promise<ConsumeMessage> {
  return withChannel(async (channel) => {
    const { promise, resolve } = Promise.withResolvers<ConsumeMessage>();
    await channel.prefetch(1);
    await channel.consume(queue, (message) => {
      if (message !== null) resolve(message);
    });
    const message = await promise;
    channel.ack(message);
    return message;
  });
}

export function outgoingEvent(sequence: number, orderId = 'o-1', type = 'order.tagged.v1'): OutgoingEvent {
  const event = {
    specversion: '1.0',
    id: `${orderId}-${sequence}`,
    source: '/test',
    type,
    subject: orderId,
    time: '2026-01-02T03:04:05.678Z',
    sequence,
    data: { add: [`tag-${sequence}`], remove: [] },
  };
  return { id: event.id, type, orderId, time: event.time, body: Buffer.from(JSON.stringify(event)) };
}

/** Handlers that keep what they are told. */
export function recordingHandlers(onDelivery: (delivery: LiveDelivery) => void = () => undefined): Recorded {
  const deliveries: LiveDelivery[] = [];
  const lost: string[] = [];
  return {
    deliveries,
    lost,
    events: () => deliveries.filter((delivery) => delivery.kind === 'event'),
    onDelivery(delivery) {
      deliveries.push(delivery);
      onDelivery(delivery);
    },
    onLost: (reason) => void lost.push(reason),
  };
}

export interface Recorded extends LiveHandlers {
  readonly deliveries: readonly LiveDelivery[];
  readonly lost: readonly string[];
  events(): readonly EventDelivery[];
}

/** The CloudEvent's id in a message body. */
export function eventIdOf(body: Uint8Array): string {
  const event: unknown = JSON.parse(Buffer.from(body).toString());
  if (typeof event === 'object' && event !== null && 'id' in event && typeof event.id === 'string') return event.id;
  throw new Error('the body is not an event');
}

/** The frame by which RabbitMQ says that it reads no more from connections that publish (`connection.blocked`). */
export function blockedFrame(reason: string): Buffer {
  return connectionFrame(60, Buffer.from([reason.length, ...Buffer.from(reason, 'ascii')]));
}

export function unblockedFrame(): Buffer {
  return connectionFrame(61, Buffer.alloc(0));
}

/** A method frame on channel 0 of the class `connection` (10). */
function connectionFrame(method: number, args: Buffer): Buffer {
  const header = Buffer.alloc(11);
  header.writeUInt8(1, 0);
  header.writeUInt32BE(4 + args.length, 3);
  header.writeUInt16BE(10, 7);
  header.writeUInt16BE(method, 9);
  return Buffer.concat([header, args, Buffer.from([0xce])]);
}
