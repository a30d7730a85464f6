import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { deleteTopology, outgoingEvent, rabbitMqOptions, takeFrom, uniquePrefix } from '../../support/amqp-broker.ts';

describe('publishing to RabbitMQ', () => {
  let prefix: string;
  let broker: Broker;

  beforeEach(async () => {
    prefix = uniquePrefix();
    broker = createRabbitMqBroker(rabbitMqOptions(prefix));
    await broker.open();
  });

  afterEach(async () => {
    await broker.close();
    await deleteTopology(prefix);
  });

  describe('when an event is routable', () => {
    it('carries the AMQP properties of the contract', async () => {
      const event = outgoingEvent(1, 'o-1', 'order.payment_captured.v1');
      await broker.publish([event]);
      const { fields, properties, content } = await takeFrom(`${prefix}.projector`);
      assert.equal(fields.exchange, prefix);
      assert.equal(fields.routingKey, 'order.payment_captured');
      assert.equal(properties.messageId, 'o-1-1');
      assert.equal(properties.type, 'order.payment_captured.v1');
      assert.equal(properties.timestamp, Date.parse(event.time) / 1_000 - 0.678);
      assert.equal(properties.contentType, 'application/cloudevents+json');
      assert.equal(properties.deliveryMode, 2);
      assert.equal(properties.headers?.['orderId'], 'o-1');
      assert.deepEqual(content, event.body);
    });

    it('publishes the alias under the routing key of its type', async () => {
      await broker.publish([outgoingEvent(1, 'o-1', 'OrderPaid')]);
      const { fields, properties } = await takeFrom(`${prefix}.projector`);
      assert.equal(fields.routingKey, 'order.payment_captured');
      assert.equal(properties.type, 'OrderPaid');
    });

    it('publishes an event whose id and time AMQP cannot carry', async () => {
      const event = { ...outgoingEvent(1), id: 'ö'.repeat(256), time: 'not a time', orderId: 'ö'.repeat(256) };
      await broker.publish([event]);
      const { properties } = await takeFrom(`${prefix}.projector`);
      assert.equal(properties.messageId, undefined);
      assert.equal(properties.timestamp, undefined);
      assert.equal(properties.headers?.['orderId'], 'ö'.repeat(256));
    });

    it('leaves out of the headers what is too long for an order id', async () => {
      const event = outgoingEvent(1, 'o'.repeat(70_000));
      await broker.publish([event]);
      const { properties, content } = await takeFrom(`${prefix}.projector`);
      assert.equal(properties.headers?.['orderId'], undefined);
      assert.deepEqual(content, event.body);
    });

    it('confirms thousands in flight', async () => {
      await broker.publish(Array.from({ length: 5_000 }, (_, index) => outgoingEvent(index + 1)));
      assert.equal(await broker.queueDepth(), 5_000);
    });
  });

  describe('when no queue is bound for an event', () => {
    it('names the routing key, and publishes the others', async () => {
      const events = [outgoingEvent(1), outgoingEvent(2, 'p-1', 'parcel.sent.v1'), outgoingEvent(3)];
      await assert.rejects(broker.publish(events), {
        code: 'UNROUTABLE',
        message: `no queue is bound to exchange '${prefix}' for routing key 'parcel.sent'`,
      });
      assert.equal(await broker.queueDepth(), 2);
    });

    it('says so of the returned one alone, though another one in flight has the same id', async () => {
      const [routable, unroutable] = [outgoingEvent(1), { ...outgoingEvent(1), type: 'parcel.sent.v1' }];
      const outcomes = await Promise.allSettled([
        broker.publish([routable]),
        broker.publish([unroutable]),
        broker.publish([routable]),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
    });

    it('refuses a routing key that is too long for AMQP', async () => {
      await assert.rejects(broker.publish([outgoingEvent(1, 'o-1', `order.${'x'.repeat(300)}`)]), {
        code: 'UNROUTABLE',
      });
      assert.equal(broker.health().state, 'up');
    });
  });

  describe('when it is closed', () => {
    it('says so', async () => {
      await broker.close();
      await assert.rejects(broker.publish([outgoingEvent(1)]), {
        code: 'BROKER_UNAVAILABLE',
        message: 'the broker is closed',
      });
      assert.deepEqual(broker.health().state, 'down');
    });
  });
});
