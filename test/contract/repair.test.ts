import assert from 'node:assert/strict';
import type { Broker } from '../../src/broker/port.ts';
import { createLogger } from '../../src/observability/logging.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { pageOfGaps } from '../../src/projector/gaps.ts';
import { projectBatch } from '../../src/projector/project-batch.ts';
import { createRepair } from '../../src/projector/repair.ts';
import { eventIdOf, outgoingEvent, recordingHandlers } from '../support/amqp-broker.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { BrokerPlace, IndexPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryIndex } from '../support/memory-index.ts';
import { protocolInstance, worksOf } from '../support/protocol.ts';

const OPTIONS = { graceMs: 0, now: () => new Date() };

describeForEachBackend('holes in orders', (backend) => {
  let indexPlace: IndexPlace;
  let brokerPlace: BrokerPlace;
  let index: OrderIndex;
  let broker: Broker;

  beforeEach(async () => {
    indexPlace = backend.index();
    brokerPlace = backend.broker();
    index = indexPlace.instance();
    broker = brokerPlace.instance();
    await index.open();
    await broker.open();
    await projected('a', [1, 3]);
    await projected('b', [1, 2]);
    await projected('c', [3, 4, 7]);
  });
  afterEach(async () => {
    await indexPlace.remove();
    await brokerPlace.remove();
  });

  async function projected(orderId: string, sequences: readonly number[]): Promise<void> {
    await projectBatch(worksOf(orderId, sequences), protocolInstance(new MemoryIndex(), { index }).deps);
  }

  const repair = (missing: 'history' | 'skip', orderId?: string) =>
    createRepair({
      ...OPTIONS,
      index,
      broker,
      log: createLogger('silent'),
      maxMessageBytes: 1_000_000,
      signal: new AbortController().signal,
    })({ missing, by: 'admin ann', ...(orderId !== undefined && { orderId }) });

  /** What is published again arrives like anything else. */
  async function delivered(count: number): Promise<string[]> {
    const recorded = recordingHandlers();
    const subscription = await broker.consume({ prefetch: 100 }, recorded);
    const ids = await eventually(() => {
      assert.equal(recorded.deliveries.length, count);
      return recorded.events().map(({ body }) => eventIdOf(body));
    });
    subscription.settle(recorded.deliveries);
    await subscription.cancel();
    return ids;
  }

  describe('when events are parked', () => {
    it('lists their orders with what they wait for, page by page', async () => {
      const first = await pageOfGaps(index, OPTIONS, { size: 1 });
      assert.equal(first.next, 'a');
      const second = await pageOfGaps(index, OPTIONS, { size: 1, after: 'a' });
      assert.equal(second.next, undefined);
      assert.deepEqual(
        [...first.gaps, ...second.gaps].map(({ orderId, version, missing, parked, gapped }) => {
          return { orderId, version, missing, parked, gapped };
        }),
        [
          { orderId: 'a', version: 1, missing: [[2, 2]], parked: 1, gapped: true },
          { orderId: 'c', version: 0, missing: [[1, 2], [5, 6]], parked: 3, gapped: true }, // prettier-ignore
        ],
      );
    });
  });

  describe('when they are repaired from the history', () => {
    it('publishes again what the history has, and says what it lacks', async () => {
      await broker.publish([
        outgoingEvent(1, 'c'),
        outgoingEvent(3, 'c'),
        outgoingEvent(6, 'c'),
        outgoingEvent(2, 'b'),
      ]);
      await delivered(4);
      const outcome = await repair('history');
      assert.ok(outcome.kind === 'repaired');
      assert.deepEqual([outcome.report.found, outcome.report.republished], [2, 2]);
      assert.deepEqual(outcome.report.stillMissing, [
        { orderId: 'a', missing: [[2, 2]] },
        { orderId: 'c', missing: [[2, 2], [5, 5]] }, // prettier-ignore
      ]);
      assert.deepEqual(await delivered(2), ['c-1', 'c-6']);
    });
  });

  describe('when what is missing is skipped', () => {
    it('publishes the skips, which are the same when they are published again', async () => {
      assert.equal((await repair('skip', 'c')).kind, 'repaired');
      const ids = [1, 2, 5, 6].map((sequence) => `skipped-c-${sequence}`);
      assert.deepEqual(await delivered(4), ids);
      assert.equal((await repair('skip', 'c')).kind, 'repaired');
      assert.deepEqual(await delivered(4), ids);
      const history: string[] = [];
      const reading = broker.readHistory({ from: { kind: 'first' }, signal: new AbortController().signal });
      for await (const { body } of reading) history.push(Buffer.from(body).toString());
      assert.deepEqual(history.slice(4), history.slice(0, 4));
    });

    it('has nothing to skip in an order of which nothing is parked', async () => {
      assert.equal((await repair('skip', 'b')).kind, 'nothing_parked');
    });
  });
});
