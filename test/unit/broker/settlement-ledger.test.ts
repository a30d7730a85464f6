import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SettlementLedger } from '../../../src/broker/rabbitmq/settlement-ledger.ts';
import type { Instruction } from '../../../src/broker/rabbitmq/settlement-ledger.ts';

/** What RabbitMQ makes of the instructions: it closes the channel over a tag that is not outstanding. */
class Server {
  readonly outstanding = new Set<number>();
  readonly acknowledged = new Set<number>();
  readonly returned = new Set<number>();
  frames = 0;

  apply(instructions: readonly Instruction[], outcome: Set<number>): void {
    for (const { tag, multiple } of instructions) {
      assert.ok(this.outstanding.has(tag), `unknown delivery tag ${tag}`);
      this.frames += 1;
      for (const other of [...this.outstanding]) {
        if (other !== tag && !(multiple && other < tag)) continue;
        this.outstanding.delete(other);
        outcome.add(other);
      }
    }
  }
}

function ledgerWith(count: number): SettlementLedger {
  const ledger = new SettlementLedger();
  for (let tag = 1; tag <= count; tag += 1) ledger.delivered(tag);
  return ledger;
}

describe('SettlementLedger', () => {
  describe('when a batch at the head is settled', () => {
    it('acknowledges it with one frame', () => {
      assert.deepEqual(ledgerWith(1_000).settle([3, 1, 2]), [{ tag: 3, multiple: true }]);
    });
  });

  describe('when batches are settled out of order', () => {
    it('holds the later one until the earlier one is settled', () => {
      const ledger = ledgerWith(4);
      assert.deepEqual(ledger.settle([3, 4]), []);
      assert.deepEqual([ledger.held, ledger.unsettled], [2, 2]);
      assert.deepEqual(ledger.settle([1, 2]), [{ tag: 4, multiple: true }]);
      assert.deepEqual([ledger.held, ledger.unsettled], [0, 0]);
    });

    it('acknowledges each that is held when it is flushed', () => {
      const ledger = ledgerWith(4);
      ledger.settle([2, 4]);
      assert.deepEqual(ledger.flush(), [
        { tag: 2, multiple: false },
        { tag: 4, multiple: false },
      ]);
      assert.deepEqual(ledger.settle([1, 3]), [{ tag: 3, multiple: true }]);
    });

    it('acknowledges what is overdue alone, and the rest with the head or once it is overdue too', () => {
      const ledger = ledgerWith(6);
      ledger.settle([2]);
      assert.deepEqual(ledger.flushOverdue(), []);
      ledger.settle([4, 6]);
      assert.deepEqual(ledger.flushOverdue(), [{ tag: 2, multiple: false }]);
      assert.deepEqual(ledger.settle([1, 3]), [{ tag: 4, multiple: true }]);
      assert.deepEqual(ledger.flushOverdue(), [{ tag: 6, multiple: false }]);
      assert.deepEqual([ledger.held, ledger.unsettled], [0, 1]);
    });
  });

  describe('when deliveries are given back', () => {
    it('acknowledges first what is held, so that it does not go back with them', () => {
      const ledger = ledgerWith(4);
      ledger.settle([2]);
      assert.deepEqual(ledger.requeue([1, 3, 4]), {
        acknowledge: [{ tag: 2, multiple: false }],
        requeue: [{ tag: 4, multiple: true }],
      });
    });
  });

  describe('when a tag is unknown or settled already', () => {
    it('ignores it', () => {
      const ledger = ledgerWith(2);
      ledger.settle([1]);
      assert.deepEqual(ledger.settle([1, 7]), []);
      assert.deepEqual(ledger.requeue([1, 7]), { acknowledge: [], requeue: [] });
    });
  });

  describe('whatever is settled, given back and flushed in whatever order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({
        kind: fc.constantFrom('settle' as const, 'requeue' as const),
        tags: fc.array(fc.integer({ min: 1, max: 60 })),
      }),
      fc.record({ kind: fc.constant('flush' as const) }),
      fc.record({ kind: fc.constant('flushOverdue' as const) }),
    );

    it('tells the broker exactly that, and never a tag that it does not know', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
          const ledger = new SettlementLedger();
          const server = new Server();
          const [settled, returned] = [new Set<number>(), new Set<number>()];
          let delivered = 0;
          const undecided = (tag: number): boolean => tag <= delivered && !settled.has(tag) && !returned.has(tag);
          for (const taken of steps) {
            if (taken.kind === 'deliver') {
              for (let count = 0; count < taken.count; count += 1) {
                server.outstanding.add((delivered += 1));
                ledger.delivered(delivered);
              }
            } else if (taken.kind === 'flush' || taken.kind === 'flushOverdue') {
              server.apply(ledger[taken.kind](), server.acknowledged);
            } else if (taken.kind === 'settle') {
              server.apply(ledger.settle(taken.tags), server.acknowledged);
              taken.tags.filter(undecided).forEach((tag) => settled.add(tag));
            } else {
              const { acknowledge, requeue } = ledger.requeue(taken.tags);
              server.apply(acknowledge, server.acknowledged);
              server.apply(requeue, server.returned);
              taken.tags.filter(undecided).forEach((tag) => returned.add(tag));
            }
            assert.equal(ledger.unsettled, delivered - settled.size - returned.size);
          }
          server.apply(ledger.flush(), server.acknowledged);
          assert.deepEqual(server.acknowledged, settled);
          assert.deepEqual(server.returned, returned);
        }),
      );
    });

    it('sends as many frames as batches when two batches overlap at a time', () => {
      const ledger = ledgerWith(10_000);
      const server = new Server();
      for (let tag = 1; tag <= 10_000; tag += 1) server.outstanding.add(tag);
      const batch = (number: number) => Array.from({ length: 500 }, (_, index) => number * 500 + index + 1);
      for (let pair = 0; pair < 20; pair += 2) {
        server.apply(ledger.settle(batch(pair + 1)), server.acknowledged);
        server.apply(ledger.settle(batch(pair)), server.acknowledged);
      }
      assert.equal(server.acknowledged.size, 10_000);
      assert.equal(server.frames, 10);
    });
  });
});
