import assert from 'node:assert/strict';
import { parseDifference, describeDifference } from '../../../src/broker/rabbitmq/declaration-difference.ts';
import { topologyOf } from '../../../src/broker/rabbitmq/topology.ts';
import { routingKeyOf } from '../../../src/broker/routing-key.ts';

const OPTIONS = {
  prefix: 'orders',
  exchange: 'shop',
  bindingKeys: ['order.#', 'return.*'],
  singleActiveConsumer: true,
  deliveryLimit: 50,
  historyMaxAge: '30D',
};

describe('topologyOf', () => {
  it('is the topology of the contract', () => {
    const { exchange, queues, bindings } = topologyOf(OPTIONS);
    assert.deepEqual(exchange, { name: 'shop', type: 'topic' });
    assert.deepEqual(Object.fromEntries(queues.map((queue) => [queue.name, queue.arguments])), {
      'orders.dead-letters': { 'x-queue-type': 'quorum', 'x-delivery-limit': 1_000_000 },
      'orders.projector': {
        'x-queue-type': 'quorum',
        'x-single-active-consumer': true,
        'x-delivery-limit': 50,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'orders.dead-letters',
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
      'orders.history': { 'x-queue-type': 'stream', 'x-max-age': '30D' },
    });
    assert.deepEqual(
      bindings.map(({ queue, key }) => `${queue} ${key}`),
      ['orders.projector order.#', 'orders.projector return.*', 'orders.history order.#', 'orders.history return.*'],
    );
  });

  it('bounds the history in bytes only where that is asked for', () => {
    const { queues } = topologyOf({ ...OPTIONS, historyMaxBytes: 5_000_000_000 });
    assert.equal(queues.find(({ name }) => name === 'orders.history')?.arguments['x-max-length-bytes'], 5_000_000_000);
  });

  it('does not ask for a single active consumer where several may share the queue', () => {
    const { queues } = topologyOf({ ...OPTIONS, singleActiveConsumer: false });
    const live = queues.find(({ name }) => name === 'orders.projector');
    assert.equal(Object.hasOwn(live?.arguments ?? {}, 'x-single-active-consumer'), false);
  });
});

describe('parseDifference', () => {
  const said = (rest: string) =>
    `Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - ${rest}"`;

  it('reads two values', () => {
    const message = said(
      "inequivalent arg 'x-max-age' for queue 'orders.history' in vhost '/': received '1D' but current is '30D'",
    );
    const expected = { what: 'queue', name: 'orders.history', argument: 'x-max-age', received: '1D', current: '30D' };
    assert.deepEqual(parseDifference(message), expected);
  });

  it('reads a value that is not there', () => {
    const declared = said(
      "inequivalent arg 'x-a' for queue 'q' in vhost '/': received none but current is the value 'true' of type 'bool'",
    );
    assert.deepEqual(parseDifference(declared), {
      what: 'queue',
      name: 'q',
      argument: 'x-a',
      received: undefined,
      current: 'true',
    });
    const wanted = said(
      "inequivalent arg 'x-a' for exchange 'e' in vhost '/': received the value '1' of type 'signedint' but current is none",
    );
    assert.deepEqual(parseDifference(wanted), {
      what: 'exchange',
      name: 'e',
      argument: 'x-a',
      received: '1',
      current: undefined,
    });
  });

  it('leaves alone what says something else, or was cut off', () => {
    assert.equal(
      parseDifference(said("invalid arg 'x-max-age' for queue 'q' in vhost '/': invalid_max_age")),
      undefined,
    );
    assert.equal(
      parseDifference(said("inequivalent arg 'x-dead-letter-routing-key' for queue 'q' in vhost '/': rec...")),
      undefined,
    );
  });

  it('is told in a sentence', () => {
    const difference = { what: 'queue', name: 'q', argument: 'x-a', received: '1', current: undefined } as const;
    const sentence = "queue 'q' is declared differently: x-a is not set in RabbitMQ, this service asks for '1'";
    assert.equal(describeDifference(difference), sentence);
    assert.equal(describeDifference(difference, 'A'), sentence.replace('x-a', 'x-a (A)'));
  });
});

describe('routingKeyOf', () => {
  it('is the type without its version', () => {
    assert.equal(routingKeyOf('order.payment_captured.v1'), 'order.payment_captured');
    assert.equal(routingKeyOf('order.placed.v12'), 'order.placed');
    assert.equal(routingKeyOf('order.v1.placed'), 'order.v1.placed');
  });

  it("is the aliased type's for an alias", () => {
    assert.equal(routingKeyOf('OrderPaid'), 'order.payment_captured');
  });
});
