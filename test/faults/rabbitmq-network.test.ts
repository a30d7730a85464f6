import assert from 'node:assert/strict';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { amqpAddress, amqpUrlVia, withChannel } from '../support/amqp-broker.ts';
import { assertExactly, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startProjector, type InProcessProjector } from '../support/in-process-projector.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const CUTS = 8;

describe('a drain over a bad network to RabbitMQ', function () {
  this.timeout(180_000);
  let backend: TestBackend;
  let proxy: TcpProxy;
  beforeEach(async () => {
    backend = await testBackend();
    proxy = await startTcpProxy(amqpAddress());
  });
  afterEach(async () => {
    await proxy.close();
    await backend.remove();
  });

  /**
   * With some of the events in the index, and more of them in the queue. With heartbeats of a second a busy machine loses connections that
   * nothing is wrong with.
   */
  const inTheMiddle = async (events: readonly CloudEvent[], heartbeatSeconds = 5): Promise<InProcessProjector> => {
    await publish(backend, events);
    const running = await startProjector(backend, {
      amqpUrl: amqpUrlVia(proxy, `heartbeat=${heartbeatSeconds}`),
      projector: { prefetch: 60, batchSize: 20 },
    });
    await eventually(async () => assert.ok((await backend.queues()).live < events.length * 0.9), 60_000);
    return running;
  };
  const assertLeft = async () => assert.ok((await backend.queues()).live > 0, 'nothing was left to interrupt');

  describe(`when every connection is reset ${CUTS} times at random moments`, () => {
    it('takes again what was not acknowledged', async () => {
      const random = createRandom('cuts');
      const events = shuffledEvents({ seed: 'cuts', orders: 500 });
      const running = await inTheMiddle(events);
      for (let cut = 1; cut <= CUTS; cut++) {
        const moment = proxy.bytesReceived + random.integer(0, 40_000);
        await eventually(() => assert.ok(running.projector.inHand() > 0 && proxy.bytesReceived > moment), 60_000);
        await assertLeft();
        proxy.cut();
      }
      await running.drainAndStop();
      await assertExactly(backend, events);
    });
  });

  describe('when not a byte goes through any more, though the connections stay', () => {
    it('notices, says so, and takes again once the network is back', async () => {
      const events = shuffledEvents({ seed: 'half-open', orders: 500 });
      const running = await inTheMiddle(events, 1);
      proxy.halt();
      await assertLeft();
      await eventually(() => {
        assert.equal(running.broker.health().state, 'down');
        assert.match(running.broker.health().reason ?? '', /heartbeat/i);
      });
      await eventually(() => assert.equal(running.projector.inHand(), 0));
      proxy.resume();
      await running.drainAndStop();
      await assertExactly(backend, events);
    });
  });

  describe('when hardly anything goes through', () => {
    it('goes on slowly, on the same connections', async () => {
      const events = shuffledEvents({ seed: 'throttled', orders: 300 });
      const running = await inTheMiddle(events);
      const { connections } = proxy;
      proxy.throttle(30_000);
      await assertLeft();
      const { live } = await backend.queues();
      await eventually(async () => assert.ok((await backend.queues()).live < live - 200), 20_000);
      assert.equal(proxy.connections, connections);
      assert.equal(running.broker.health().state, 'up');
      proxy.throttle(undefined);
      await running.drainAndStop();
      await assertExactly(backend, events);
    });
  });

  describe('when the live queue is deleted under the consumer', () => {
    it('declares it anew and takes from it what is published again', async () => {
      const events = shuffledEvents({ seed: 'deleted', orders: 300 });
      const running = await inTheMiddle(events);
      await assertLeft();
      const { live } = queueNames(backend.prefix);
      await withChannel((channel) => channel.deleteQueue(live));
      await eventually(async () => {
        const { consumerCount } = await withChannel((channel) => channel.checkQueue(live));
        assert.equal(consumerCount, 1);
      });
      await publish(backend, events);
      await running.drainAndStop();
      await assertExactly(backend, events);
    });
  });

  describe('when the exchange is deleted', () => {
    it('declares it anew and takes what is published again', async () => {
      const events = shuffledEvents({ seed: 'no exchange', orders: 300 });
      const running = await inTheMiddle(events);
      await assertLeft();
      await withChannel((channel) => channel.deleteExchange(backend.prefix));
      await eventually(() => withChannel((channel) => channel.checkExchange(backend.prefix)));
      await publish(backend, events);
      await running.drainAndStop();
      await assertExactly(backend, events);
    });
  });
});
