import assert from 'node:assert/strict';
import { BrokerUnavailableError, type EventDelivery, type LiveDelivery } from '../../../src/broker/port.ts';
import { LiveConsumer } from '../../../src/projector/live-consumer.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryBroker } from '../../support/memory-broker.ts';

const OPTIONS = { prefetch: 50, maxBytes: 1_000 };

function bytes(length: number): Uint8Array {
  return new Uint8Array(length);
}

describe('LiveConsumer', () => {
  let broker: MemoryBroker;
  let taken: EventDelivery[];
  let heartbeats: LiveDelivery[];
  let losses: string[];
  let failures: unknown[];
  let retries: number[];
  let stops: number;
  let consumer: LiveConsumer;
  beforeEach(() => {
    broker = new MemoryBroker();
    stops = 0;
    [taken, heartbeats, losses, failures, retries] = [[], [], [], [], []];
    consumer = new LiveConsumer(broker, OPTIONS, {
      onEvent: (delivery) => taken.push(delivery),
      onHeartbeat: (delivery) => heartbeats.push(delivery),
      onLost: (reason) => losses.push(reason),
      onStopped: () => (stops += 1),
      onFailure: (error) => failures.push(error),
      retry: (attempt, error) => {
        retries.push(attempt);
        if (!(error instanceof BrokerUnavailableError)) throw error;
        return Promise.resolve();
      },
    });
  });
  afterEach(() => consumer.close());

  const settleTaken = () => {
    for (const delivery of taken.splice(0)) consumer.settle(delivery);
  };

  describe('when events are delivered', () => {
    it('counts them and their bytes until they are settled, each once', async () => {
      await consumer.open();
      const position = broker.deliver(bytes(300));
      broker.deliver(bytes(200));
      assert.deepEqual([consumer.count(), consumer.bytes()], [2, 500]);
      const [first] = taken;
      assert.ok(first);
      consumer.settle(first);
      consumer.settle(first);
      assert.deepEqual([consumer.count(), consumer.bytes(), broker.current.settled], [1, 200, [position]]);
    });

    it('settles heartbeats at once, and holds none', async () => {
      await consumer.open();
      const position = broker.deliverHeartbeat(1_000);
      assert.deepEqual([consumer.count(), heartbeats.length, broker.current.settled], [0, 1, [position]]);
    });

    it('keeps what comes before the subscription is known, in order', async () => {
      broker.beforeConsumed = (subscription) => {
        broker.deliver(bytes(1), 0, subscription);
        broker.deliverHeartbeat(1_000, subscription);
        broker.deliver(bytes(2), 0, subscription);
        assert.deepEqual([taken, heartbeats], [[], []]);
        return Promise.resolve();
      };
      await consumer.open();
      assert.deepEqual(
        taken.map(({ body }) => body.byteLength),
        [1, 2],
      );
      assert.deepEqual([heartbeats.length, consumer.bytes()], [1, 3]);
      settleTaken();
      assert.deepEqual(broker.current.settled, [2, 1, 3]);
    });

    it('forgets what came early when the connection is lost before the subscription is known', async () => {
      broker.beforeConsumed = (subscription) => {
        broker.deliver(bytes(1), 0, subscription);
        subscription.handlers.onLost('cut');
        return Promise.resolve();
      };
      await consumer.open();
      assert.deepEqual([taken, consumer.count(), losses], [[], 0, ['cut']]);
    });
  });

  describe('when what is in hand exceeds the bytes', () => {
    it('takes no more until half of it is settled, and then as many as fit', async () => {
      await consumer.open();
      for (let n = 0; n < 6; n++) broker.deliver(bytes(200));
      const [full] = broker.subscriptions;
      assert.equal(consumer.state(), 'full');
      await eventually(() => assert.deepEqual([full?.cancelled, stops], [true, 1]));
      for (const delivery of taken.splice(0, 3)) consumer.settle(delivery);
      assert.deepEqual([consumer.bytes(), broker.subscriptions.length], [600, 1]);
      for (const delivery of taken.splice(0, 1)) consumer.settle(delivery);
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      assert.equal(consumer.state(), 'taking');
      assert.equal(broker.current.options.prefetch, 5);
      settleTaken();
      assert.deepEqual([full?.settled.length, broker.current.settled.length], [6, 0]);
    });

    it('takes a single message that is larger than all the bytes', async () => {
      await consumer.open();
      broker.deliver(bytes(5_000));
      assert.deepEqual([taken.length, consumer.state()], [1, 'full']);
      settleTaken();
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      assert.equal(broker.current.options.prefetch, 1);
    });

    it('takes again at once when the connection is lost meanwhile: what it held is void', async () => {
      await consumer.open();
      for (let n = 0; n < 6; n++) broker.deliver(bytes(200));
      broker.current.handlers.onLost('cut');
      assert.deepEqual([consumer.count(), consumer.bytes(), losses], [0, 0, ['cut']]);
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      settleTaken();
      assert.deepEqual(
        broker.subscriptions.map(({ settled }) => settled),
        [[], []],
      );
    });

    it('waits out a broker that is away when it wants to take again', async () => {
      await consumer.open();
      for (let n = 0; n < 6; n++) broker.deliver(bytes(200));
      let away = 2;
      broker.beforeConsumed = () =>
        (away -= 1) >= 0 ? Promise.reject(new BrokerUnavailableError('away')) : Promise.resolve();
      settleTaken();
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      assert.deepEqual([retries, failures], [[0, 1], []]);
    });
  });

  describe('when a connection is lost', () => {
    it('voids what that one delivered, and nothing of a later one', async () => {
      await consumer.open();
      for (let n = 0; n < 6; n++) broker.deliver(bytes(200));
      const first = broker.current;
      for (const delivery of taken.splice(0, 4)) consumer.settle(delivery);
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      broker.deliver(bytes(100));
      first.handlers.onLost('cut');
      assert.deepEqual([consumer.count(), consumer.bytes(), losses], [1, 100, ['cut']]);
    });
  });

  describe('when everything is given back', () => {
    it('returns it where it came from, settles none of it, and takes again when told', async () => {
      await consumer.open();
      const positions = [broker.deliver(bytes(10)), broker.deliver(bytes(20))];
      await consumer.hold();
      assert.deepEqual([broker.current.cancelled, stops], [true, 1]);
      consumer.requeue();
      assert.deepEqual([consumer.count(), consumer.bytes(), broker.current.returned], [0, 0, positions]);
      settleTaken();
      assert.deepEqual(broker.current.settled, []);
      consumer.resume();
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      assert.equal(consumer.state(), 'taking');
    });

    it('does not take again because of what is settled or lost while it is held', async () => {
      await consumer.open();
      for (let n = 0; n < 6; n++) broker.deliver(bytes(200));
      await consumer.hold();
      settleTaken();
      broker.current.handlers.onLost('cut');
      await consumer.close();
      assert.equal(broker.subscriptions.length, 1);
    });
  });

  describe('when it fails for another reason than the broker', () => {
    it('says so', async () => {
      await consumer.open();
      await consumer.hold();
      const bug = new TypeError('a bug');
      broker.beforeConsumed = () => Promise.reject(bug);
      consumer.resume();
      await eventually(() => assert.deepEqual(failures, [bug]));
    });
  });
});
