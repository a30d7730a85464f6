import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { BrokerUnavailableError } from '../port.ts';
import { openChannel } from './connect.ts';
import type { OutgoingMessage } from './messages.ts';
import { within } from './within.ts';

const BARRIER_TYPE = 'order-search.barrier';
const FIND_TIMEOUT_MS = 8_000;
const PREFETCH = 100;

/** Through the default exchange straight into the stream, where it marks a place. */
export function barrierMessage(queue: string, id: string): OutgoingMessage {
  return {
    exchange: '',
    routingKey: queue,
    content: Buffer.from(JSON.stringify(id)),
    properties: {
      contentType: 'application/json',
      type: BARRIER_TYPE,
      messageId: id,
      persistent: true,
      mandatory: true,
    },
  };
}

/** Only what came through the default exchange can be one, so that no producer's event is taken for it whatever its type. */
export function isBarrier({ fields, properties }: ConsumeMessage): boolean {
  return fields.exchange === '' && properties.type === BARRIER_TYPE;
}

/** RabbitMQ names the place of every message of a stream. */
export function streamOffsetOf({ properties }: ConsumeMessage): number {
  const offset: unknown = properties.headers?.['x-stream-offset'];
  if (typeof offset !== 'number') throw new BrokerUnavailableError('the history queue is no stream: it has no offsets');
  return offset;
}

/**
 * The offset of a barrier that this very call has published: everything that was confirmed before stands before it. A stream has no
 * other exact end. It is read from where the stream ends before it is published, since its confirm does not name its offset.
 * @throws BrokerUnavailableError, or amqplib's error
 */
export async function endOfHistory(
  model: ChannelModel,
  queue: string,
  publishBarrier: (id: string) => Promise<void>,
): Promise<number> {
  const id = crypto.randomUUID();
  const { promise: found, resolve, reject } = Promise.withResolvers<number>();
  // It may fail before anybody waits for it.
  found.catch(() => undefined);
  const channel = await openChannel(model, (reason) => {
    reject(new BrokerUnavailableError(reason));
  });
  await channel.prefetch(PREFETCH);
  const take = (message: ConsumeMessage | null): void => {
    if (message === null) {
      reject(new BrokerUnavailableError(`RabbitMQ cancelled the consumer of '${queue}'`));
      return;
    }
    channel.ack(message);
    if (isBarrier(message) && message.properties.messageId === id) resolve(streamOffsetOf(message));
  };
  await channel.consume(queue, take, { arguments: { 'x-stream-offset': 'next' } });
  await publishBarrier(id);
  const offset = await within(found, FIND_TIMEOUT_MS, 'finding the end of the history');
  await channel.close();
  return offset;
}
