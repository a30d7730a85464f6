import assert from 'node:assert/strict';
import type { EventDelivery } from '../../../src/broker/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { createMetrics, type Metrics } from '../../../src/observability/metrics.ts';
import type { OrderEvent } from '../../../src/order/event.ts';
import { DEFAULT_STORAGE_LIMITS } from '../../../src/order/fold.ts';
import { readRefusedSkip } from '../../../src/order/refused-skip.ts';
import { IndexUnavailableError, type OrderIndex, type WriteOutcome } from '../../../src/order-index/port.ts';
import { BatchRunner } from '../../../src/projector/batch-runner.ts';
import type { Arrival, ReadDelivery } from '../../../src/projector/read-delivery.ts';
import { sweepOf, unparked, type Job } from '../../../src/projector/work.ts';
import { eventually } from '../../support/eventually.ts';
import { LETTER, MemoryBroker } from '../../support/memory-broker.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt, jobOf } from '../../support/protocol.ts';

const LIVE = 'orders-000001';
const REFUSED: WriteOutcome = { kind: 'refused', reason: 'cannot be parsed', path: 'tags' };

describe('BatchRunner', () => {
  let index: MemoryIndex;
  let broker: MemoryBroker;
  let settled: EventDelivery[];
  let outages: (string | undefined)[];
  let failures: unknown[];
  let ended: number;
  let runner: BatchRunner;
  let metrics: Metrics;
  let lines: string[];
  let readings: (arrival: Arrival) => ReadDelivery;
  beforeEach(() => {
    index = new MemoryIndex();
    broker = new MemoryBroker();
    metrics = createMetrics();
    [settled, outages, failures, ended, lines] = [[], [], [], 0, []];
    readings = (arrival) => ({ kind: 'event', job: arrival as Job });
    runner = new BatchRunner(
      { batchSize: 100, concurrency: 3, storageLimits: DEFAULT_STORAGE_LIMITS, earlyHoldMs: 0, prefetch: 100 },
      {
        broker,
        index: index as unknown as OrderIndex,
        metrics,
        log: createLogger('error', { write: (line) => void lines.push(line) }),
        reached: () => Promise.resolve(),
        wrote: () => undefined,
        read: (arrival) => readings(arrival),
        settle: (delivery) => settled.push(delivery),
        outage: (reason) => outages.push(reason),
        ended: () => (ended += 1),
        failed: (error) => failures.push(error),
      },
    );
  });
  afterEach(() => assert.deepEqual(failures, []));

  const placed = (orderId: string) => jobOf(orderId, eventAt(1));
  const versionOf = (orderId: string) => index.generations.get(LIVE)?.get(orderId)?.version;

  const unavailable = async () => {
    const { values } = await metrics.updateErrors.get();
    return values.find(({ labels }) => labels.reason === 'unavailable')?.value ?? 0;
  };
  const jobs = (from: string, count: number) => Array.from({ length: count }, (_, at) => placed(`${from} ${at}`));

  describe('when a delivery is suspected of killing the process', () => {
    it('handles it with nothing beside it, whatever came before and after', async () => {
      const atOnce: string[][] = [];
      const underWay = new Set<string>();
      const load = index.load.bind(index);
      index.load = async (from, orderIds) => {
        for (const orderId of orderIds) underWay.add(orderId);
        if (orderIds[0]?.startsWith('suspect') === true) runner.add([placed(`during ${orderIds[0]}`)]);
        atOnce.push([...underWay]);
        await new Promise((resolve) => setTimeout(resolve, 5));
        return load(from, orderIds);
      };
      index.obstacle = (_, { orderId }) => (underWay.delete(orderId), undefined);
      runner.add([placed('before 1')]);
      runner.add([placed('before 2'), placed('before 3')]);
      for (const name of ['suspect 1', 'suspect 2', 'suspect 3']) runner.addSuspect(placed(name));
      runner.add([placed('after 1')]);
      runner.add([placed('after 2')]);
      await runner.idle();
      assert.equal(settled.length, 11);
      const withSuspects = atOnce.filter((orders) => orders.some((orderId) => orderId.startsWith('suspect')));
      assert.deepEqual(
        withSuspects.map((orders) => orders.length),
        [1, 1, 1],
      );
      assert.ok(
        atOnce.some((orders) => orders.length > 1),
        'the others do overlap',
      );
    });

    it('handles some together once many have got through, never more than an eighth of these', async () => {
      const groups: number[] = [];
      const load = index.load.bind(index);
      index.load = (from, orderIds) => {
        groups.push(orderIds.length);
        return load(from, orderIds);
      };
      for (const job of jobs('suspect', 1_000)) runner.addSuspect(job);
      await runner.idle();
      assert.equal(new Set(settled).size, 1_000);
      let tried = 0;
      for (const [place, size] of groups.entries()) {
        assert.ok(size <= Math.max(1, tried / 8), `${size} after ${tried}`);
        assert.ok(size === 1 || place >= 16);
        tried += size;
      }
      assert.equal(tried, 1_000);
      assert.ok(groups.length < 80, `${groups.length} groups`);
    });

    it('reads it only when its turn has come, and those before it are settled by then', async () => {
      const settledBefore: number[] = [];
      const read = readings;
      readings = (arrival) => {
        settledBefore.push(settled.length);
        return read(arrival);
      };
      runner.add([placed('before')]);
      for (const name of ['suspect 1', 'suspect 2', 'suspect 3']) runner.addSuspect(placed(name));
      assert.deepEqual(settledBefore, []);
      await runner.idle();
      assert.deepEqual(settledBefore, [1, 2, 3]);
    });

    it('dead-letters it where what is read is refused', async () => {
      readings = ({ delivery }) => ({ kind: 'refused', letter: { ...LETTER, body: delivery.body } });
      const suspect = placed('suspect');
      runner.addSuspect(suspect);
      await runner.idle();
      assert.deepEqual([broker.letters.length, settled], [1, [suspect.delivery]]);
    });

    it('is not free meanwhile, and says so when it is again', async () => {
      const free: boolean[] = [];
      index.before = (step) => {
        if (step === 'registry') free.push(runner.isFree());
        return Promise.resolve();
      };
      runner.addSuspect(placed('suspect'));
      const before = ended;
      await runner.idle();
      assert.equal(free.length > 0 && free.every((is) => !is), true);
      assert.equal(runner.isFree(), true);
      assert.ok(ended > before);
    });

    it('forgets those that it has not begun with when the deliveries are void', async () => {
      const begun = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      index.before = async (step) => {
        if (step !== 'registry') return;
        begun.resolve();
        await goOn.promise;
      };
      for (const name of ['a', 'b', 'c']) runner.addSuspect(placed(name));
      await begun.promise;
      runner.drop();
      goOn.resolve();
      await runner.idle();
      assert.equal(settled.length, 1);
    });
  });

  describe('when a standby refuses a write', () => {
    it('says that it is written to no more once that is so', async () => {
      const standby = 'orders-000002';
      index.register(standby);
      index.obstacle = (generation) => (generation === standby ? REFUSED : undefined);
      let attempts = 0;
      const linesBefore: number[] = [];
      Object.assign(index, {
        readControl: () => Promise.resolve(undefined),
        writeControl: () => Promise.resolve(true),
      });
      Object.assign(index.generations, {
        renameEpoch: () => {
          linesBefore.push(lines.length);
          if ((attempts += 1) <= 2) return Promise.reject(new IndexUnavailableError('its alias stays'));
          index.unregister(standby);
          return Promise.resolve({ kind: 'moved' });
        },
      });
      runner.add([placed('O-1')]);
      await runner.idle();
      assert.deepEqual(linesBefore, [0, 0, 0]);
      assert.equal(lines.length, 1);
      assert.match(lines[0] ?? '', /"generation":"orders-000002".*is written to no more/);
    });
  });

  describe('when it refuses a declaration that an event is missing', () => {
    const skip: OrderEvent = { ...eventAt(2, 'skip'), type: 'order.skipped.v1', data: {} };
    const marked = () => broker.markers.map(readRefusedSkip);

    it('says so in the history before it settles the declaration', async () => {
      runner.add([placed('O-1'), jobOf('O-1', eventAt(2))]);
      await runner.idle();
      broker.isThere = false;
      runner.add([jobOf('O-1', skip)]);
      await eventually(() => assert.equal(runner.letterOutage()?.reason, 'no broker'));
      assert.deepEqual([settled.length, broker.letters.length], [2, 0]);
      broker.isThere = true;
      await runner.idle();
      assert.deepEqual([settled.length, broker.letters.length], [3, 1]);
      assert.deepEqual(marked(), [{ orderId: 'O-1', sequence: 2, source: '/test', id: 'skip' }]);
    });

    it('says nothing of one that is applied, nor of other events that are refused', async () => {
      runner.add([placed('O-1'), jobOf('O-1', skip)]);
      await runner.idle();
      runner.add([jobOf('O-1', skip), jobOf('O-1', eventAt(2))]);
      await runner.idle();
      assert.deepEqual([settled.length, broker.letters.length, marked()], [4, 1, []]);
    });
  });

  describe('when it is to wait no longer', () => {
    it('begins with no batch that is still waiting', async () => {
      index.obstacle = (_, { orderId }) =>
        orderId.startsWith('stuck') ? { kind: 'unavailable', reason: 'no primary' } : undefined;
      for (const name of ['stuck 1', 'stuck 2', 'stuck 3', 'waiting']) runner.add([placed(name)]);
      await eventually(() => assert.ok(outages.includes('no primary')));
      await runner.interrupt();
      assert.equal(versionOf('waiting'), undefined);
      assert.equal(settled.length, 0);
    });
  });

  describe('when several batches are spoilt', () => {
    it('reports the outage until none is, and not what gets through beside it', async () => {
      let isAway = true;
      index.obstacle = (_, { orderId }) =>
        isAway && orderId === 'stuck' ? { kind: 'unavailable', reason: 'no primary' } : undefined;
      runner.add([placed('stuck')]);
      await eventually(() => assert.ok(outages.includes('no primary')));
      runner.add([placed('beside')]);
      await eventually(() => assert.equal(versionOf('beside'), 1));
      assert.equal(outages.includes(undefined), false);
      isAway = false;
      await runner.idle();
      assert.equal(outages.at(-1), undefined);
    });

    it('probes each of them before it says that the outage is over', async () => {
      const away = new Set(['first', 'second']);
      index.obstacle = (_, { orderId }) =>
        away.has(orderId) ? { kind: 'unavailable', reason: `no ${orderId}` } : undefined;
      runner.add([placed('first')]);
      runner.add([placed('second')]);
      await eventually(() => assert.deepEqual([...new Set(outages)].sort(), ['no first', 'no second']));
      await runner.interrupt();
      for (const healed of ['second', 'first']) {
        assert.equal(await runner.isOutageOver(), false);
        away.delete(healed);
      }
      assert.equal(await runner.isOutageOver(), true);
      assert.deepEqual([versionOf('first'), versionOf('second'), settled], [1, 1, []]);
    });

    it('probes the dropping of a parked event that was refused', async () => {
      const event = eventAt(1);
      const parkedAt = '2026-01-01T00:00:00.000Z';
      await index.park([{ orderId: 'o', event, parkedAt }]);
      index.obstacle = () => REFUSED;
      let isAway = true;
      index.before = (step) => {
        if (step === 'unpark' && isAway) throw new IndexUnavailableError('cannot be dropped');
        return Promise.resolve();
      };
      const parked = unparked({ orderId: 'o', event, parkedAt });
      const work = { orderId: 'o', jobs: [], parked: [parked], fresh: true, alone: false, applied: [] };
      runner.run(() => runner.project([work]));
      await eventually(() => assert.ok(outages.includes('cannot be dropped')));
      await runner.interrupt();
      assert.equal(await runner.isOutageOver(), false);
      isAway = false;
      assert.equal(await runner.isOutageOver(), true);
      assert.deepEqual([index.parked.size, broker.letters.length], [0, 1]);
    });
  });

  describe('when an outage refuses a part of a round', () => {
    it('counts the events that it refuses as errors, not the others, and not the round', async () => {
      const tried = new Set<string>();
      index.obstacle = (_, { orderId }) => {
        const isFirst = orderId.startsWith('refused') && !tried.has(orderId);
        tried.add(orderId);
        return isFirst ? { kind: 'unavailable', reason: 'HTTP 429' } : undefined;
      };
      runner.add([...jobs('refused', 30), jobOf('refused 0', eventAt(2)), ...jobs('taken', 50)]);
      await runner.idle();
      assert.deepEqual([settled.length, await unavailable()], [81, 31]);
    });

    it('counts all of them where the index answers nothing', async () => {
      let failures = 1;
      index.before = (step) => {
        if (step === 'load' && failures-- > 0) throw new IndexUnavailableError('refused');
        return Promise.resolve();
      };
      runner.add(jobs('o', 20));
      await runner.idle();
      assert.deepEqual([settled.length, await unavailable()], [20, 20]);
    });

    it('counts at least one where nobody has delivered what was tried', async () => {
      await index.park([{ orderId: 'o', event: eventAt(1), parkedAt: '2026-01-01T00:00:00.000Z' }]);
      let failures = 1;
      index.obstacle = () => (failures-- > 0 ? { kind: 'unavailable', reason: 'no primary' } : undefined);
      runner.run(() => runner.project([sweepOf('o', [...index.parked.values()])]));
      await runner.idle();
      assert.deepEqual([versionOf('o'), await unavailable()], [1, 1]);
    });

    it('counts what each failed probe still finds refused', async () => {
      const away = new Set(['o 0', 'o 1', 'o 2']);
      index.obstacle = (_, { orderId }) =>
        away.has(orderId) ? { kind: 'unavailable', reason: 'no primary' } : undefined;
      runner.add(jobs('o', 5));
      await eventually(() => assert.ok(outages.includes('no primary')));
      await runner.interrupt();
      const before = await unavailable();
      const counted = async () => [await runner.isOutageOver(), (await unavailable()) - before];
      assert.deepEqual(await counted(), [false, 3]);
      away.delete('o 1');
      assert.deepEqual(await counted(), [false, 5]);
      away.clear();
      assert.deepEqual(await counted(), [true, 5]);
    });
  });

  describe('when the broker takes no dead letters', () => {
    const parkedAt = '2026-01-01T00:00:00.000Z';

    it('leaves a refused event parked that was, and goes on; a later sweep dead-letters it', async () => {
      const event = eventAt(2);
      await index.park([{ orderId: 'o', event, parkedAt }]);
      index.obstacle = (_, { document }) => (document.tags?.includes('e2') ? REFUSED : undefined);
      broker.isThere = false;
      runner.add([placed('o')]);
      runner.add([jobOf('o', eventAt(3))]);
      await runner.idle();
      assert.deepEqual([versionOf('o'), settled.length, broker.letters.length, index.parked.size], [1, 2, 0, 2]);
      broker.isThere = true;
      runner.run(() => runner.project([sweepOf('o', [...index.parked.values()])]));
      await runner.idle();
      assert.deepEqual([broker.letters.length, index.parked.size], [1, 1]);
    });

    it('does not look again and again at a parked event whose id stands elsewhere', async () => {
      await index.park([{ orderId: 'o', event: { ...eventAt(2), id: 'e1' }, parkedAt }]);
      broker.isThere = false;
      runner.add([placed('o')]);
      await runner.idle();
      assert.deepEqual([versionOf('o'), settled.length, index.parked.size], [1, 1, 1]);
    });
  });

  describe('when the index is there again, and the broker takes no messages', () => {
    it('says that the outage is over', async () => {
      let isAway = true;
      index.obstacle = () => (isAway ? { kind: 'unavailable', reason: 'no primary' } : undefined);
      runner.add([placed('o')]);
      await eventually(() => assert.ok(outages.includes('no primary')));
      await runner.interrupt();
      broker.isThere = false;
      isAway = false;
      assert.deepEqual([await runner.isOutageOver(), versionOf('o')], [true, 1]);
    });
  });

  describe('when an outage goes on for another reason', () => {
    it('says so with each probe', async () => {
      let reason = 'no primary';
      index.obstacle = () => ({ kind: 'unavailable', reason });
      runner.add([placed('o')]);
      await eventually(() => assert.ok(outages.includes('no primary')));
      await runner.interrupt();
      reason = 'disks are full';
      assert.deepEqual([await runner.isOutageOver(), outages.at(-1)], [false, 'disks are full']);
    });
  });
});
