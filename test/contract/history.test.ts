import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../src/broker/port.ts';
import type { Broker, HistoryMessage, HistoryStart } from '../../src/broker/port.ts';
import { eventIdOf, outgoingEvent, recordingHandlers } from '../support/amqp-broker.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { BrokerPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';
import { readWholeHistory } from '../support/read-whole-history.ts';

const FIRST: HistoryStart = { kind: 'first' };
const never = () => new AbortController().signal;
const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => outgoingEvent(from + at));
const idsOf = (messages: readonly HistoryMessage[]) => messages.map(({ body }) => eventIdOf(body));
const namesOf = (from: number, to: number) => events(from, to).map(({ id }) => id);

describeForEachBackend('the history of a broker', (backend) => {
  let place: BrokerPlace;
  let broker: Broker;

  beforeEach(async () => {
    place = backend.broker();
    broker = place.instance();
    await broker.open();
  });
  afterEach(() => place.remove());

  const read = (from?: HistoryStart) => readWholeHistory(broker, from);

  describe('when it is read from the first event', () => {
    it('gives everything that was published, once, in order, bodies untouched, and ends', async () => {
      await broker.publish(events(1, 700));
      const messages = await read();
      assert.deepEqual(
        messages.map(({ body }) => Buffer.from(body)),
        events(1, 700).map(({ body }) => body),
      );
      const offsets = messages.map(({ offset }) => offset);
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(offsets).size, 700);
    });

    it('is empty where nothing was published', async () => {
      assert.deepEqual(await read(), []);
    });

    it('shows no heartbeats, and nothing of those who read it before', async () => {
      await broker.publish(events(1, 2));
      await broker.publishHeartbeat(new Date());
      await read();
      await Promise.all([read(), read(), read()]);
      await broker.publish(events(3, 3));
      assert.deepEqual(idsOf(await read()), namesOf(1, 3));
    });

    it('shows the markers that were put into it, which nobody is delivered', async () => {
      const marker = Buffer.from('{"is": "a marker"}');
      await broker.publish(events(1, 1));
      await broker.markHistory(marker);
      await broker.publish(events(2, 2));
      const bodies = (await read()).map(({ body }) => Buffer.from(body).toString());
      assert.deepEqual(bodies, [events(1, 1)[0]?.body, marker, events(2, 2)[0]?.body].map(String));
      assert.equal(await broker.queueDepth(), 2);
    });

    it('keeps what the live queue has settled', async () => {
      const recorded = recordingHandlers();
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      await broker.publish(events(1, 3));
      await eventually(() => assert.equal(recorded.deliveries.length, 3));
      subscription.settle(recorded.deliveries);
      assert.deepEqual(idsOf(await read()), namesOf(1, 3));
    });

    it('ends though more and more is published', async () => {
      await broker.publish(events(1, 50));
      let stop = false;
      const publishing = (async () => {
        for (let sequence = 51; !stop; sequence++) await broker.publish([outgoingEvent(sequence)]);
      })();
      const ids = idsOf(await read());
      stop = true;
      await publishing;
      assert.deepEqual(ids.slice(0, 50), namesOf(1, 50));
      assert.deepEqual(ids, namesOf(1, ids.length));
    });
  });

  describe('when it is read from an offset', () => {
    it('begins with that one', async () => {
      await broker.publish(events(1, 20));
      const tenth = (await read())[9]?.offset ?? -1;
      assert.deepEqual(idsOf(await read({ kind: 'offset', offset: tenth })), namesOf(10, 20));
    });

    it('is empty where that one is not there yet', async () => {
      await broker.publish(events(1, 3));
      const last = (await read()).at(-1)?.offset ?? -1;
      assert.deepEqual(await read({ kind: 'offset', offset: last + 1 }), []);
      assert.deepEqual(await read({ kind: 'offset', offset: last + 1_000_000 }), []);
    });
  });

  describe('when it is read from a time', () => {
    it('leaves out nothing that was published then or later', async () => {
      await broker.publish(events(1, 3));
      assert.deepEqual(idsOf(await read({ kind: 'time', at: new Date(Date.now() - 60_000) })), namesOf(1, 3));
      assert.deepEqual(idsOf(await read({ kind: 'time', at: new Date(0) })), namesOf(1, 3));
    });

    it('is empty where nothing was published since', async () => {
      await broker.publish(events(1, 3));
      assert.deepEqual(await read({ kind: 'time', at: new Date(Date.now() + 60_000) }), []);
    });
  });

  describe('when the reader breaks off', () => {
    it('leaves nothing open, and can read again', async () => {
      await broker.publish(events(1, 2_000));
      for await (const { body } of broker.readHistory({ from: FIRST, signal: never() })) {
        if (eventIdOf(body) === 'o-1-3') break;
      }
      assert.equal((await read()).length, 2_000);
    });

    it('throws the reason of the signal', async () => {
      await broker.publish(events(1, 2_000));
      const controller = new AbortController();
      const reason = new Error('enough');
      await assert.rejects(async () => {
        for await (const { body } of broker.readHistory({ from: FIRST, signal: controller.signal })) {
          if (eventIdOf(body) === 'o-1-500') controller.abort(reason);
        }
      }, reason);
    });

    it('is refused once the broker is closed', async () => {
      await broker.close();
      await assert.rejects(read(), BrokerUnavailableError);
    });
  });
});
