import assert from 'node:assert/strict';
import type { ParkedEvent, ParkedPlace } from '../../../src/order-index/port.ts';
import { successorsOf } from '../../../src/projector/successors.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt } from '../../support/protocol.ts';

const MEBIBYTE = 1_048_576;

describe('the parked events that follow one that is due', () => {
  const parked = (orderId: string, sequence: number, bytes = 0): ParkedEvent => {
    const event = { ...eventAt(sequence), data: { add: ['x'.repeat(bytes)], remove: [] } };
    return { orderId, event, parkedAt: '2026-01-01T00:00:00.000Z' };
  };

  /** What is found behind the first of each order, and which places were asked for. */
  async function found(events: readonly ParkedEvent[]) {
    const index = new MemoryIndex();
    await index.park(events);
    const asked: (readonly ParkedPlace[])[] = [];
    const first = [...Map.groupBy(events, ({ orderId }) => orderId).values()].flatMap(([one]) => one ?? []);
    const runs = await successorsOf(first, {
      parkedAt: (places) => {
        asked.push(places);
        return index.parkedAt(places);
      },
    });
    const sequences = new Map([...runs].map(([id, run]) => [id, run.map(({ event }) => event.sequence)]));
    return { sequences, asked };
  }

  const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

  describe('when they are few', () => {
    it('are found up to the first hole, in one request', async () => {
      const events = [...[3, 4, 5, 7].map((n) => parked('a', n)), parked('b', 2)];
      const { sequences, asked } = await found(events);
      assert.deepEqual([...sequences], [['a', [3, 4, 5]], ['b', [2]]]); // prettier-ignore
      assert.equal(asked.length, 1);
    });
  });

  describe('when many orders have many', () => {
    it('are found of each, as many as are taken of one at once', async () => {
      const orders = Array.from({ length: 30 }, (_, n) => `o-${n}`);
      const { sequences, asked } = await found(orders.flatMap((id) => run(2, 101).map((n) => parked(id, n))));
      assert.deepEqual([...sequences.keys()], orders);
      for (const found of sequences.values()) assert.deepEqual(found, run(2, 65));
      assert.ok(asked.every((places) => places.length <= 500));
    });
  });

  describe('when they are long', () => {
    it('are no more than fit into the memory, also of many orders', async () => {
      const { sequences } = await found(run(2, 41).map((n) => parked('a', n, MEBIBYTE)));
      assert.deepEqual(sequences.get('a'), run(2, 9));
      const orders = Array.from({ length: 12 }, (_, n) => `o-${n}`);
      const { sequences: many, asked } = await found(
        orders.flatMap((id) => [2, 3].map((n) => parked(id, n, MEBIBYTE))),
      );
      // The first ones are there anyway.
      assert.deepEqual([[...many.values()].flat().length, asked.length], [12, 0]);
    });

    it('are found out to be so before there are many', async () => {
      const short = run(2, 4).map((n) => parked('a', n));
      const { sequences } = await found([...short, ...run(5, 41).map((n) => parked('a', n, MEBIBYTE))]);
      assert.ok((sequences.get('a')?.length ?? 0) < 30);
      const many = run(2, 24).map((n) => parked('b', n));
      const later = await found([...many, ...run(25, 81).map((n) => parked('b', n, MEBIBYTE))]);
      assert.ok((later.sequences.get('b')?.length ?? 0) < 70);
    });
  });
});
