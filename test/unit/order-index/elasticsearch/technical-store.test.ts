import assert from 'node:assert/strict';
import { createBreaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import { remove } from '../../../../src/order-index/elasticsearch/bulk-request.ts';
import type { BulkOutcome, BulkWriter } from '../../../../src/order-index/elasticsearch/bulk-writer.ts';
import { createTechnicalStore } from '../../../../src/order-index/elasticsearch/technical-store.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';

const OPERATIONS = ['a', 'b', 'c', 'd'].map((id) => remove('parked-writes', id));
const DONE: BulkOutcome = { kind: 'done' };
const REJECTED: BulkOutcome = { kind: 'unavailable', reason: '429' };

/** Answers each write with the next of these. */
function storeOver(answers: readonly (readonly BulkOutcome[])[]) {
  const left = [...answers];
  const sizes: number[] = [];
  const writer: BulkWriter = {
    write: (operations) => {
      sizes.push(operations.length);
      return Promise.resolve([...(left.shift() ?? [])]);
    },
    drained: () => Promise.resolve(),
  };
  const breaker = createBreaker({ name: 'test', isOutage: () => true, onState: () => undefined, resetTimeoutMs: 1 });
  return { store: createTechnicalStore(writer, breaker, () => Promise.resolve()), sizes, close: () => breaker.close() };
}

describe('a technical store', () => {
  describe('when some of the operations are rejected', () => {
    it('sends these once more as long as some of them get through', async () => {
      const { store, sizes, close } = storeOver([
        [REJECTED, DONE, REJECTED, { kind: 'conflict' }],
        [DONE, REJECTED],
        [{ kind: 'conflict' }],
      ]);
      const outcomes = await store.write(OPERATIONS);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['done', 'done', 'conflict', 'conflict'],
      );
      assert.deepEqual(sizes, [4, 2, 1]);
      close();
    });

    it('gives up once nothing gets through', async () => {
      const { store, sizes, close } = storeOver([
        [REJECTED, DONE, REJECTED, DONE],
        [REJECTED, REJECTED],
      ]);
      await assert.rejects(store.write(OPERATIONS), IndexUnavailableError);
      assert.deepEqual(sizes, [4, 2]);
      close();
    });
  });
});
