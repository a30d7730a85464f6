import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { AmqpPublisher } from '../../../examples/order-service/publisher.ts';
import type { OutboxEvent } from '../../../src/outbox/index.ts';
import {
  amqpAddress,
  amqpUrlVia,
  declareQueueOfAll,
  deleteQueueOfAll,
  uniquePrefix,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const event: OutboxEvent = {
  id: 'e-1',
  type: 'order.delivered.v1',
  orderId: 'A',
  sequence: 1,
  time: '2026-03-01T12:00:00.000Z',
  body: Buffer.from('{}'),
};

describe('AmqpPublisher', function () {
  // Longer than all its limits together.
  this.timeout(20_000);
  let publisher: AmqpPublisher;

  describe('when who listens never answers', () => {
    let server: Server;
    const sockets = new Set<Socket>();

    beforeEach(async () => {
      server = createServer((socket) => {
        sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined));
        socket.resume();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      publisher = new AmqpPublisher(amqpUrlVia({ port: (server.address() as AddressInfo).port }), 'orders');
    });
    afterEach(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });

    it('gives up, so that the orders are free again, and leaves no connection', async () => {
      await assert.rejects(publisher.publish([event]), /RabbitMQ cannot be reached: .*ETIMEDOUT/);
      await eventually(() => assert.equal(sockets.size, 0), 2_000);
    });
  });

  describe('when RabbitMQ falls silent', () => {
    let name: string;
    let proxy: TcpProxy;

    beforeEach(async () => {
      name = uniquePrefix();
      await declareQueueOfAll(name);
      proxy = await startTcpProxy(amqpAddress());
    });
    afterEach(async () => {
      await proxy.close();
      await deleteQueueOfAll(name);
    });

    /** Until two heartbeats are missed amqplib's timers go on, whoever has closed the connection. */
    async function publishThenHalt(heartbeatSeconds: number): Promise<void> {
      publisher = new AmqpPublisher(amqpUrlVia(proxy, `heartbeat=${heartbeatSeconds}`), name);
      await publisher.publish([event]);
      proxy.halt();
    }

    it('gives up what is not confirmed, and publishes again once RabbitMQ answers', async () => {
      await publishThenHalt(6);
      await assert.rejects(publisher.publish([event]), /did not answer within/);
      proxy.resume();
      await publisher.publish([event]);
      await publisher.close();
    });

    it('closes all the same', async () => {
      await publishThenHalt(1);
      await publisher.close();
    });
  });
});
