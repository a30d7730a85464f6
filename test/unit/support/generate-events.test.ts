import assert from 'node:assert/strict';
import { parseEvent } from '../../../src/order/parse-event.ts';
import { generateEvents } from '../../support/generate-events.ts';
import type { CloudEvent } from '../../../src/sample/cloud-event.ts';

function byOrder(events: readonly CloudEvent[]): Map<string, number[]> {
  const sequences = new Map<string, number[]>();
  for (const { subject, sequence } of events) sequences.set(subject, [...(sequences.get(subject) ?? []), sequence]);
  return sequences;
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('generated events', () => {
  it('are valid, and each order has all its sequences in their order', () => {
    const events = generateEvents({ seed: 1, orders: 500 });
    for (const event of events) {
      const result = parseEvent(Buffer.from(JSON.stringify(event)), { maxMessageBytes: 100_000 });
      assert.equal(result.kind, 'event', JSON.stringify(result));
    }
    const orders = byOrder(events);
    assert.equal(orders.size, 500);
    for (const sequences of orders.values()) assert.deepEqual(sequences, upTo(sequences.length));
  });

  it('are as many as was asked for', () => {
    const events = generateEvents({ seed: 2, orders: 4_000, eventsPerOrder: { min: 5, max: 5 } });
    assert.equal(events.length, 20_000);
    assert.equal(new Set(events.map(({ id }) => id)).size, 20_000);
    const lengths = [...byOrder(generateEvents({ seed: 2, orders: 300, eventsPerOrder: { min: 3, max: 4 } })).values()];
    assert.deepEqual([...new Set(lengths.map(({ length }) => length))].sort(), [3, 4]);
  });

  it('are the same for the same options, and an order does not depend on how many there are', () => {
    const options = { seed: 'x', orders: 100, shuffleWindow: 20, duplicateShare: 0.2 };
    assert.deepEqual(generateEvents(options), generateEvents(options));
    const inTime = ({ subject }: CloudEvent) => subject <= 'G-000010';
    const [few, many] = [10, 100].map((orders) => generateEvents({ seed: 'x', orders }).filter(inTime));
    assert.deepEqual(few, many);
    const other = generateEvents({ ...options, idPrefix: 'H' });
    assert.ok(other.every(({ subject, id }) => subject.startsWith('H-') && id.startsWith('H-')));
  });

  describe('when they are shuffled', () => {
    it('stay within the window of their place, and some come early', () => {
      const inOrder = generateEvents({ seed: 3, orders: 400 });
      const shuffled = generateEvents({ seed: 3, orders: 400, shuffleWindow: 30 });
      assert.equal(shuffled.length, inOrder.length);
      const places = new Map(inOrder.map(({ id }, at) => [id, at]));
      shuffled.forEach(({ id }, at) => assert.ok(Math.abs((places.get(id) ?? Infinity) - at) < 30));
      const isSorted = (sequences: number[]) => sequences.every((sequence, at) => sequence === at + 1);
      assert.ok([...byOrder(shuffled).values()].some((sequences) => !isSorted(sequences)));
    });
  });

  describe('when a share of them is sent twice', () => {
    it('repeats about as many, unchanged', () => {
      const events = generateEvents({ seed: 4, orders: 1_000, duplicateShare: 0.1, shuffleWindow: 10 });
      const seen = new Map<string, CloudEvent>();
      const repeated = events.filter((event) => {
        const before = seen.get(event.id);
        seen.set(event.id, event);
        if (before) assert.deepEqual(event, before);
        return before !== undefined;
      });
      const share = repeated.length / seen.size;
      assert.ok(share > 0.08 && share < 0.12, String(share));
    });
  });
});
