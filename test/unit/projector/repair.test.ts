import assert from 'node:assert/strict';
import { UnroutableError, type OutgoingEvent } from '../../../src/broker/port.ts';
import { parseEvent } from '../../../src/order/parse-event.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { declareMissing } from '../../../src/projector/declare-missing.ts';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { createRepair, type RepairRequest } from '../../../src/projector/repair.ts';
import { workOf } from '../../../src/projector/work.ts';
import { outgoingEvent } from '../../support/amqp-broker.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { MemoryHistory } from '../../support/memory-history.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt, jobOf, protocolInstance, worksOf } from '../../support/protocol.ts';

const bodies = (events: readonly OutgoingEvent[]) => events.map(({ body }) => Buffer.from(body).toString());

function parsed({ body }: OutgoingEvent) {
  const result = parseEvent(body, { maxMessageBytes: 1_000_000 });
  assert.ok(result.kind === 'event');
  return result;
}

describe('declaring events missing', () => {
  let control: MemoryControl;
  let minute = 0;

  beforeEach(() => {
    control = new MemoryControl();
    minute = 0;
  });

  const declare = (orderId: string, missing: readonly [number, number][], by = 'admin ann') =>
    declareMissing(
      { orderId, missing, by },
      { index: control, now: () => new Date(Date.UTC(2026, 0, 1, 0, minute++)) },
    );

  const declared = () =>
    [...control.records.values()].flatMap(({ value }) => value['declared'] as readonly Record<string, unknown>[]);

  describe('when it is the first time', () => {
    it('records who, when and which before it gives an event for each', async () => {
      const events = await declare('o', [[3, 4], [7, 7]]); // prettier-ignore
      assert.deepEqual(
        events
          .map((event) => parsed(event))
          .map(({ orderId, event }) => [orderId, event.type, event.sequence, event.id]),
        [3, 4, 7].map((sequence) => ['o', 'order.skipped.v1', sequence, `skipped-o-${sequence}`]),
      );
      assert.ok(events.every((event) => parsed(event).event.source === '/order-search'));
      const at = '2026-01-01T00:00:00.000Z';
      assert.deepEqual(declared(), [
        { from: 3, to: 4, at, by: 'admin ann' },
        { from: 7, to: 7, at, by: 'admin ann' },
      ]);
    });
  });

  describe('when it is repeated', () => {
    it('gives the very same events, whoever repeats it, and records only what is new', async () => {
      const first = await declare('o', [[3, 4]]);
      const second = await declare('o', [[2, 5]], 'admin bob');
      assert.deepEqual(bodies(second.slice(1, 3)), bodies(first));
      assert.deepEqual(bodies(await declare('o', [[2, 5]])), bodies(second));
      assert.deepEqual(
        declared().map((one) => Object.values(one)),
        [
          [3, 4, '2026-01-01T00:00:00.000Z', 'admin ann'],
          [2, 2, '2026-01-01T00:01:00.000Z', 'admin bob'],
          [5, 5, '2026-01-01T00:01:00.000Z', 'admin bob'],
        ],
      );
    });

    it('agrees with another instance that does the same at the same time', async () => {
      const [mine, other] = await Promise.all([declare('o', [[3, 3]]), declare('o', [[3, 3]], 'admin bob')]);
      assert.deepEqual(bodies(mine), bodies(other));
      assert.equal(declared().length, 1);
    });
  });

  describe('when the order id is as long as it can be', () => {
    it('keeps the ids within their limits, and apart', async () => {
      const [long] = await declare('ä'.repeat(256), [[9_007_199_254_740_990, 9_007_199_254_740_990]]);
      const [other] = await declare('ö'.repeat(256), [[9_007_199_254_740_990, 9_007_199_254_740_990]]);
      assert.ok(long && other && long.id !== other.id);
      assert.equal(parsed(long).orderId, 'ä'.repeat(256));
      assert.ok([...control.records.keys()].every((id) => Buffer.byteLength(id) <= 512));
    });
  });
});

describe('repairing orders', () => {
  let index: MemoryIndex;
  let control: MemoryControl;
  let history: MemoryHistory;

  beforeEach(async () => {
    index = new MemoryIndex();
    control = new MemoryControl();
    history = new MemoryHistory();
    const { deps } = protocolInstance(index);
    await projectBatch(worksOf('a', [1, 3]), deps);
    await projectBatch(worksOf('b', [1, 2, 4, 6]), deps);
    await projectBatch(worksOf('c', [1, 2]), deps);
  });

  function repairOf(graceMs = 0, signal = new AbortController().signal) {
    return createRepair({
      index: Object.assign(index, {
        readControl: control.readControl.bind(control),
        writeControl: control.writeControl.bind(control),
      }),
      broker: history,
      log: createLogger('silent'),
      graceMs,
      maxMessageBytes: 1_000_000,
      now: () => new Date(),
      signal,
    });
  }

  const request = (missing: RepairRequest['missing'], orderId?: string): RepairRequest => ({
    missing,
    by: 'admin ann',
    ...(orderId !== undefined && { orderId }),
  });

  async function reportOf(repair: ReturnType<typeof repairOf>, asked: RepairRequest) {
    const outcome = await repair(asked);
    assert.ok(outcome.kind === 'repaired', outcome.kind);
    return outcome.report;
  }

  const published = () => history.published.map(({ orderId, type, id }) => [orderId, type, id]);

  describe('when the history is asked', () => {
    it('publishes what it has, and lists what is still missing', async () => {
      history.add(Buffer.from(outgoingEvent(5, 'b').body).toString(), '2026-01-01T00:00:00.000Z');
      assert.deepEqual(await reportOf(repairOf(), request('history')), {
        orders: 2,
        found: 1,
        republished: 1,
        skipped: 0,
        ordersStillMissing: 2,
        stillMissing: [
          { orderId: 'a', missing: [[2, 2]] },
          { orderId: 'b', missing: [[3, 3]] },
        ],
      });
      assert.deepEqual(published(), [['b', 'order.tagged.v1', 'b-5']]);
    });
  });

  describe('when what is missing is skipped', () => {
    it('publishes a skip for each, and what was parked is applied with them', async () => {
      const report = await reportOf(repairOf(), request('skip'));
      assert.deepEqual([report.orders, report.skipped, report.ordersStillMissing], [2, 3, 0]);
      assert.deepEqual(published(), [
        ['a', 'order.skipped.v1', 'skipped-a-2'],
        ['b', 'order.skipped.v1', 'skipped-b-3'],
        ['b', 'order.skipped.v1', 'skipped-b-5'],
      ]);
      const jobs = history.published.map(parsed).map(({ orderId, event }) => jobOf(orderId, event));
      const { deps, deadLetters } = protocolInstance(index);
      await projectBatch(workOf(jobs), deps);
      const versions = ['a', 'b', 'c'].map((id) => index.generations.get(index.live)?.get(id)?.version);
      assert.deepEqual([versions, index.parked.size, deadLetters], [[3, 6, 2], 0, []]);
      // The one that was declared missing comes after all.
      await projectBatch(workOf([jobOf('b', eventAt(3))]), deps);
      assert.deepEqual(
        deadLetters.map(({ offer, refusal }) => [offer.orderId, offer.event.sequence, refusal.reason]),
        [['b', 3, 'declared_missing']],
      );
    });

    it('repairs the order that is named alone, also within the grace', async () => {
      const report = await reportOf(repairOf(3_600_000), request('skip', 'a'));
      assert.deepEqual([report.orders, report.skipped], [1, 1]);
      assert.deepEqual(published(), [['a', 'order.skipped.v1', 'skipped-a-2']]);
    });

    it('refuses a hole beyond all reason, and publishes nothing', async () => {
      await projectBatch(workOf([jobOf('c', eventAt(20_000))]), protocolInstance(index).deps);
      const outcome = await repairOf()(request('skip'));
      assert.ok(outcome.kind === 'refused');
      assert.match(outcome.reason, /^Order c lacks 19997 events, and at most 10000 are skipped at once/);
      assert.deepEqual([published(), control.records.size], [[], 0]);
      assert.equal((await reportOf(repairOf(), request('history', 'c'))).ordersStillMissing, 1);
    });
  });

  describe('when there is nothing to repair', () => {
    it('says that nothing of the order is parked', async () => {
      assert.deepEqual(await repairOf()(request('history', 'c')), { kind: 'nothing_parked' });
      assert.deepEqual(await repairOf()(request('skip', 'unknown')), { kind: 'nothing_parked' });
    });

    it('leaves orders alone whose grace has not ended', async () => {
      assert.equal((await reportOf(repairOf(3_600_000), request('skip'))).orders, 0);
      assert.deepEqual(published(), []);
    });
  });

  describe('when one is running', () => {
    it('is busy, until that one has ended', async () => {
      const repair = repairOf();
      history.add('{}', '2026-01-01T00:00:00.000Z');
      const { promise: blocked, resolve: unblock } = Promise.withResolvers<void>();
      history.before = () => blocked;
      const first = repair(request('history'));
      assert.deepEqual(await repair(request('history')), { kind: 'busy' });
      unblock();
      assert.equal((await first).kind, 'repaired');
      assert.equal((await repair(request('history'))).kind, 'repaired');
    });
  });

  describe('when no queue takes the events', () => {
    it('is refused with the reason', async () => {
      history.publish = () => Promise.reject(new UnroutableError('no queue is bound'));
      assert.deepEqual(await repairOf()(request('skip')), { kind: 'refused', reason: 'no queue is bound' });
    });
  });
});
