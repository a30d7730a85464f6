import assert from 'node:assert/strict';
import { BrokerPermissionError, type Broker } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  deleteTopology,
  outgoingEvent,
  rabbitMqOptions,
  recordingLog,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';

const LIMIT_MS = 300;

describe('publishing to RabbitMQ, when it refuses', () => {
  let prefix: string;
  let log: ReturnType<typeof recordingLog>;
  let broker: Broker;

  /** Takes nothing at all; of tagged events alone. */
  beforeEach(async () => {
    prefix = uniquePrefix();
    log = recordingLog();
    broker = createRabbitMqBroker(rabbitMqOptions(prefix, { log, confirmTimeoutMs: LIMIT_MS }));
    await broker.open();
    await withChannel(async (channel) => {
      const full = { 'x-max-length': 0, 'x-overflow': 'reject-publish' };
      await channel.assertQueue(`${prefix}.full`, { arguments: full });
      await channel.bindQueue(`${prefix}.full`, prefix, 'order.tagged');
    });
  });
  afterEach(async () => {
    await broker.close();
    await withChannel((channel) => channel.deleteQueue(`${prefix}.full`));
    await deleteTopology(prefix);
  });

  const refused = () => assert.rejects(broker.publish([outgoingEvent(1)]), { code: 'BROKER_UNAVAILABLE' });
  const lost = () => log.entries.filter(({ message }) => message === 'lost the connection to RabbitMQ');

  it('everything for a while, tries another connection', async () => {
    await eventually(async () => {
      await refused();
      assert.deepEqual(
        lost().map(({ fields }) => 'reason' in fields && fields.reason),
        [`everything was refused for ${LIMIT_MS} ms`],
      );
    });
    await eventually(() => broker.publish([outgoingEvent(1, 'o-1', 'order.shipped.v1')]));
  });

  it('some, and confirms others, stays at the one that it has', async () => {
    const until = performance.now() + 2 * LIMIT_MS;
    while (performance.now() < until) {
      await refused();
      await broker.publish([outgoingEvent(1, 'o-1', 'order.shipped.v1')]);
    }
    assert.deepEqual(lost(), []);
  });

  it('this user, says so, and goes on once it may', async () => {
    // RabbitMQ answers whoever publishes to an internal exchange as it answers who may not write to it.
    await withChannel(async (channel) => {
      await channel.deleteExchange(prefix);
      await channel.assertExchange(prefix, 'topic', { internal: true });
    });
    await assert.rejects(broker.publish([outgoingEvent(1), outgoingEvent(2)]), (error) => {
      assert.ok(error instanceof BrokerPermissionError, String(error));
      assert.match(error.message, /403 \(ACCESS-REFUSED\).*exchange/);
      assert.equal(error.code, 'BROKER_UNAVAILABLE');
      return true;
    });
    const { state, reason } = broker.health();
    assert.equal(state, 'down');
    assert.match(reason ?? '', /403 \(ACCESS-REFUSED\)|internal/);
    await withChannel((channel) => channel.deleteExchange(prefix));
    await eventually(() => broker.publish([outgoingEvent(1)]));
  });
});
