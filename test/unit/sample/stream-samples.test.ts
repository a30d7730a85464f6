import assert from 'node:assert/strict';
import type { OutgoingEvent } from '../../../src/broker/port.ts';
import { parseEvent } from '../../../src/order/parse-event.ts';
import { streamSamples } from '../../../src/sample/stream-samples.ts';
import type { StreamOptions } from '../../../src/sample/stream-samples.ts';

const START_MS = Date.parse('2026-06-30T12:00:00Z');

/** Streams until so many publications were made; the clock goes on by a second with each look at it. */
async function streamed(publications: number, options: Partial<StreamOptions> = {}): Promise<OutgoingEvent[][]> {
  const abort = new AbortController();
  const published: OutgoingEvent[][] = [];
  let looks = 0;
  await streamSamples({
    seed: 'stream',
    ratePerSecond: 5_000,
    backfillOrders: 0,
    signal: abort.signal,
    now: () => new Date(START_MS + 1_000 * looks++),
    async publish(events) {
      published.push([...events]);
      if (published.length >= publications) abort.abort();
    },
    ...options,
  });
  return published;
}

describe('streaming sample orders', () => {
  it('begins with the backfill in one publication, in the order of time, and goes on event by event', async () => {
    const [backfill = [], ...live] = await streamed(200, { backfillOrders: 40 });
    assert.equal(new Set(backfill.map(({ orderId }) => orderId)).size, 40);
    const times = backfill.map(({ time }) => time);
    assert.deepEqual(times, times.toSorted());
    assert.ok(live.every(({ length }) => length === 1));
    const before = new Set(backfill.map(({ orderId }) => orderId));
    assert.ok(live.flat().every(({ orderId }) => !before.has(orderId)));
  });

  it('publishes valid events, none twice, each at its time', async () => {
    const events = (await streamed(600)).flat();
    for (const { id, orderId, type, time, body } of events) {
      const result = parseEvent(body, { maxMessageBytes: 100_000 });
      assert.ok(result.kind === 'event', JSON.stringify(result));
      assert.deepEqual([result.event.id, result.orderId, result.event.time], [id, orderId, time]);
      assert.ok(type === 'OrderPaid' || type === result.event.type);
    }
    assert.equal(new Set(events.map(({ id }) => id)).size, 600);
    const last = START_MS + 601_000;
    assert.ok(events.every(({ time }) => Date.parse(time) >= START_MS && Date.parse(time) <= last));
    const orders = new Map<string, number>();
    for (const { orderId } of events) orders.set(orderId, (orders.get(orderId) ?? 0) + 1);
    assert.ok(
      [...orders.values()].some((count) => count >= 4),
      'orders live on',
    );
  });

  it('has other order ids at every start', async () => {
    const first = (await streamed(50)).flat();
    const second = (await streamed(50, { now: () => new Date(START_MS + 7_000_000) })).flat();
    const known = new Set(first.map(({ orderId }) => orderId));
    assert.ok(second.every(({ orderId }) => !known.has(orderId)));
  });

  describe('when it is aborted before it began', () => {
    it('publishes nothing', async () => {
      assert.deepEqual(await streamed(1, { backfillOrders: 5, signal: AbortSignal.abort() }), []);
    });
  });

  describe('when a publication fails', () => {
    it('rejects with its error', async () => {
      const publish = () => Promise.reject(new Error('no room'));
      await assert.rejects(streamed(1, { publish }), /no room/);
    });
  });
});
