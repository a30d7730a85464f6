import assert from 'node:assert/strict';
import type { Broker, DeadLetter } from '../../src/broker/port.ts';
import { outgoingEvent, recordingHandlers } from '../support/amqp-broker.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { BrokerPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';

function letterOf(body: string | Uint8Array, changes: Partial<DeadLetter> = {}): DeadLetter {
  return {
    body: Buffer.from(body),
    refusal: { reason: 'invalid', path: 'data.items[3].quantity', message: 'must be ≥ 1' },
    attempts: 2,
    firstFailedAt: '2026-01-02T03:04:05.678Z',
    lastFailedAt: '2026-01-02T03:05:00.000Z',
    ...changes,
  };
}

/** With plain bytes, whatever carried them. */
function plain(letter: DeadLetter): DeadLetter {
  return { ...letter, body: Buffer.from(letter.body) };
}

async function count(letters: readonly DeadLetter[], expected: number): Promise<void> {
  await eventually(() => assert.equal(letters.length, expected));
}

describeForEachBackend('the dead letters of a broker', (backend) => {
  let place: BrokerPlace;
  let broker: Broker;

  beforeEach(() => openPlace());
  afterEach(() => place.remove());

  async function openPlace(options?: { readonly deliveryLimit?: number }): Promise<void> {
    place = backend.broker();
    broker = place.instance(options);
    await broker.open();
  }

  /** Restarts the broker's client, and gives whatever letters are left. */
  async function leftAfterRestart(options?: { readonly deliveryLimit?: number }): Promise<DeadLetter[]> {
    await broker.close();
    broker = place.instance(options);
    await broker.open();
    const left: DeadLetter[] = [];
    await broker.consumeDeadLetters(async (letter) => void left.push(letter));
    const last = letterOf('the last');
    await broker.deadLetter(last);
    await eventually(() => assert.ok(left.some(({ body }) => Buffer.from(body).toString() === 'the last')));
    return left.filter(({ body }) => Buffer.from(body).toString() !== 'the last');
  }

  describe('when they are consumed', () => {
    it('hands over all of each, whatever the body', async () => {
      const hints = { orderId: 'Bestellung-ß', sequence: 2 ** 53 - 1, eventId: 'e-1' };
      const sent = [
        letterOf('{"no": event', hints),
        letterOf(Buffer.from([0xff, 0, 0xfe]), { refusal: { reason: 'unparseable', path: '', message: 'no UTF-8' } }),
        letterOf('x'.repeat(4 * 1_048_576 + 1), { attempts: 1 }),
      ];
      const received: DeadLetter[] = [];
      for (const letter of sent.slice(0, 2)) await broker.deadLetter(letter);
      await broker.consumeDeadLetters(async (letter) => void received.push(plain(letter)));
      await count(received, 2);
      await broker.deadLetter(sent[2] ?? assert.fail());
      await count(received, 3);
      assert.deepEqual(received, sent);
      assert.deepEqual(await leftAfterRestart(), []);
    });

    it('tries again what the handler does not take, and loses none', async () => {
      const [tried, taken]: DeadLetter[][] = [[], []];
      assert.ok(tried && taken);
      await broker.consumeDeadLetters(async (letter) => {
        tried.push(letter);
        if (tried.length <= 3) throw new Error('not now');
        taken.push(letter);
      });
      await broker.deadLetter(letterOf('1'));
      await broker.deadLetter(letterOf('2'));
      await count(taken, 2);
      assert.deepEqual(taken.map(({ body }) => Buffer.from(body).toString()).toSorted(), ['1', '2']);
      assert.equal(tried.length, 5);
      assert.deepEqual(await leftAfterRestart(), []);
    });

    it('has few under way at once, and takes the next as one is done', async () => {
      const waiting: PromiseWithResolvers<void>[] = [];
      await broker.consumeDeadLetters(async () => {
        const gate = Promise.withResolvers<void>();
        waiting.push(gate);
        await gate.promise;
      });
      for (let at = 0; at < 12; at++) await broker.deadLetter(letterOf(`${at}`));
      await eventually(() => assert.equal(waiting.length, 8));
      waiting[0]?.resolve();
      await eventually(() => assert.equal(waiting.length, 9));
      for (let done = 1; done < 12; done++) {
        await eventually(() => assert.ok(waiting[done]));
        waiting[done]?.resolve();
      }
      assert.deepEqual(await leftAfterRestart(), []);
    });
  });

  describe('when the consumer is cancelled', () => {
    it('waits for what is under way, and leaves the rest', async () => {
      const gate = Promise.withResolvers<void>();
      const begun: string[] = [];
      const subscription = await broker.consumeDeadLetters(async ({ body }) => {
        begun.push(Buffer.from(body).toString());
        if (begun.at(-1) !== 'taken') throw new Error('not now');
        await gate.promise;
      });
      await broker.deadLetter(letterOf('refused'));
      await broker.deadLetter(letterOf('taken'));
      await eventually(() => assert.ok(begun.includes('taken') && begun.includes('refused')));
      const cancelled = subscription.cancel();
      gate.resolve();
      await cancelled;
      await broker.deadLetter(letterOf('later'));
      const left = await leftAfterRestart();
      assert.deepEqual(left.map(({ body }) => Buffer.from(body).toString()).toSorted(), ['later', 'refused']);
    });
  });

  describe('when a message was delivered too often', () => {
    it('hands it over alone, with the reason and what can be read from it', async () => {
      await place.remove();
      await openPlace({ deliveryLimit: 3 });
      const received: DeadLetter[] = [];
      await broker.consumeDeadLetters(async (letter) => void received.push(plain(letter)));
      const recorded = recordingHandlers((delivery) => {
        const isPoison = delivery.kind === 'event' && /"o-1-1"/.test(Buffer.from(delivery.body).toString());
        queueMicrotask(() => subscription[isPoison ? 'requeue' : 'settle']([delivery]));
      });
      const subscription = await broker.consume({ prefetch: 10 }, recorded);
      const beforeMs = Date.now();
      await broker.publish([outgoingEvent(1), outgoingEvent(2), outgoingEvent(3)]);
      await count(received, 1);
      const [letter] = received;
      assert.ok(letter);
      const { firstFailedAt, lastFailedAt, ...rest } = letter;
      assert.deepEqual(rest, {
        body: Buffer.from(outgoingEvent(1).body),
        refusal: { reason: 'delivery_limit', path: '', message: 'was delivered 4 times and never settled' },
        orderId: 'o-1',
        sequence: 1,
        eventId: 'o-1-1',
        attempts: 4,
      });
      // RabbitMQ says the second.
      for (const at of [firstFailedAt, lastFailedAt]) assert.ok(Math.abs(Date.parse(at) - beforeMs) < 10_000);
      assert.deepEqual(await leftAfterRestart({ deliveryLimit: 3 }), []);
    });
  });
});
