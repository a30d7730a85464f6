import assert from 'node:assert/strict';
import type { ConsumeMessage } from 'amqplib';
import { redeliveriesOf } from '../../../src/broker/rabbitmq/messages.ts';

function message(redelivered: boolean, headers?: Readonly<Record<string, unknown>>): ConsumeMessage {
  return { fields: { redelivered }, properties: { headers } } as unknown as ConsumeMessage;
}

describe('how often RabbitMQ has delivered a message before', () => {
  const count = (counted: unknown) => ({ 'x-delivery-count': counted });

  it("is the quorum queue's count", () => {
    assert.equal(redeliveriesOf(message(true, count(3))), 3);
  });

  it('is at least once where the flag alone says so', () => {
    assert.equal(redeliveriesOf(message(true)), 1);
    for (const odd of [0, '7', 1.5, null]) assert.equal(redeliveriesOf(message(true, count(odd))), 1);
  });

  it('is never where the flag is not set, whatever a producer has written there', () => {
    assert.equal(redeliveriesOf(message(false)), 0);
    assert.equal(redeliveriesOf(message(false, count(7))), 0);
  });
});
