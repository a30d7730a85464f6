import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import type { LiveDelivery } from '../../../src/broker/port.ts';
import { Subscription } from '../../../src/broker/rabbitmq/subscription.ts';

/** A channel that notes what is settled; `cancelled` lets the broker confirm the end of the consumer. */
class FakeChannel extends EventEmitter {
  readonly sent: string[] = [];
  readonly cancelled = Promise.withResolvers<void>();
  deliver: (message: ConsumeMessage) => void = () => undefined;
  prefetch = () => Promise.resolve();
  cancel = () => this.cancelled.promise;
  close = () => Promise.resolve();
  consume(_queue: string, onMessage: (message: ConsumeMessage) => void): Promise<{ consumerTag: string }> {
    this.deliver = onMessage;
    return Promise.resolve({ consumerTag: 'fake' });
  }
  ack({ fields }: ConsumeMessage, multiple: boolean): void {
    this.sent.push(`ack ${fields.deliveryTag}${multiple ? ' and before' : ''}`);
  }
  nack({ fields }: ConsumeMessage, multiple: boolean): void {
    this.sent.push(`return ${fields.deliveryTag}${multiple ? ' and before' : ''}`);
  }
}

function message(deliveryTag: number): ConsumeMessage {
  const fields = { deliveryTag, redelivered: false, exchange: '', routingKey: '', consumerTag: 'fake' };
  return { fields, properties: { headers: {} }, content: Buffer.from('{}') } as unknown as ConsumeMessage;
}

describe('a subscription that is being cancelled', () => {
  it('acknowledges what was settled behind an unsettled delivery, also when a message is still on its way', async () => {
    const channel = new FakeChannel();
    const model = { createChannel: () => Promise.resolve(channel) } as unknown as ChannelModel;
    const taken: LiveDelivery[] = [];
    let hasEnded = false;
    let position = 0;
    const subscription = new Subscription(
      {
        ...{ queue: 'orders.projector', prefetch: 10, readsTraces: false },
        nextPosition: () => (position += 1),
        broken: (_, reason) => assert.fail(reason),
        ended: () => (hasEnded = true),
      },
      { onDelivery: (delivery) => taken.push(delivery), onLost: (reason) => assert.fail(reason) },
    );
    await subscription.attach(model);
    for (const tag of [1, 2, 3]) channel.deliver(message(tag));
    subscription.settle(taken.slice(1));
    await new Promise((resolve) => setImmediate(resolve));
    const cancelling = subscription.cancel();
    channel.deliver(message(4));
    channel.cancelled.resolve();
    await cancelling;
    subscription.settle(taken.slice(0, 1));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(channel.sent.toSorted(), ['ack 1', 'ack 2', 'ack 3', 'return 4']);
    assert.equal(hasEnded, true);
  });
});
