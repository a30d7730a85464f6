import assert from 'node:assert/strict';
import type { Broker } from '../../../src/broker/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { DEFAULT_STORAGE_LIMITS } from '../../../src/order/fold.ts';
import type { OrderIndex, WriteTarget } from '../../../src/order-index/port.ts';
import { Projector } from '../../../src/projector/projector.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryBroker } from '../../support/memory-broker.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt } from '../../support/protocol.ts';
import { SNAPSHOT } from '../order/sample-events.ts';

const LIVE = 'orders-000001';
const WITHDRAW_AFTER_MS = 1_500;
const LETTER_HOLD_MS = 4_000;
const CONCURRENCY = 2;
const BATCH_SIZE = 50;
const PARKED_AT = '2026-01-01T00:00:00.000Z';

function message(orderId: string, sequence: number): Buffer {
  return Buffer.from(JSON.stringify({ specversion: '1.0', subject: orderId, ...eventAt(sequence) }));
}

describe('Projector', function () {
  this.timeout(15_000);
  let index: MemoryIndex;
  let broker: MemoryBroker;
  let projector: Projector;
  let loads: (readonly string[])[];
  let paces: string[];
  beforeEach(async () => {
    [index, broker, loads, paces] = [new MemoryIndex(), new MemoryBroker(), [], []];
    Object.assign(index.generations, { paceRefreshes: (_target: WriteTarget, pace: string) => paces.push(pace) > 0 });
    const load = index.load.bind(index);
    index.load = (from, orderIds) => {
      loads.push(orderIds);
      return load(from, orderIds);
    };
    const control = new MemoryControl();
    const extended = Object.assign(index, {
      refresh: () => Promise.resolve(),
      countParked: () => Promise.resolve(index.parked.size),
      readControl: control.readControl.bind(control),
      writeControl: control.writeControl.bind(control),
    });
    projector = new Projector(
      {
        prefetch: 100,
        batchSize: BATCH_SIZE,
        batchDelayMs: 5,
        concurrency: CONCURRENCY,
        maxMessageBytes: 1_000_000,
        storageLimits: DEFAULT_STORAGE_LIMITS,
        freshnessIntervalMs: 50,
        sweepIntervalMs: 60_000,
        instance: 'own',
        lossNoticedMs: 0,
        earlyHoldMs: 0,
        withdrawAfterMs: WITHDRAW_AFTER_MS,
        letterHoldMs: LETTER_HOLD_MS,
      },
      {
        broker: broker as unknown as Broker,
        index: extended as unknown as OrderIndex,
        metrics: createMetrics(),
        log: createLogger('silent'),
        reached: () => Promise.resolve(),
        wrote: () => undefined,
        delivered: () => undefined,
      },
    );
    await projector.start();
  });
  afterEach(() => projector.stop(100));

  const versionOf = (orderId: string) => index.generations.get(LIVE)?.get(orderId)?.version;
  const unavailable = (isMeant: (orderId: string) => boolean) => {
    index.obstacle = (_, { orderId }) => (isMeant(orderId) ? { kind: 'unavailable', reason: 'no primary' } : undefined);
  };

  describe('when a delivery comes the third time', () => {
    it('handles it alone, and the others together', async () => {
      broker.deliver(message('a', 1), 1);
      broker.deliver(message('suspect', 1), 2);
      broker.deliver(message('b', 1), 0);
      await eventually(() => assert.equal(broker.current.settled.length, 3));
      assert.deepEqual(loads.map((orderIds) => [...orderIds].sort()).sort(), [['a', 'b'], ['suspect']]);
    });
  });

  describe('when what was in other hands has come again', () => {
    it('sweeps up the copies that these have left parked, long before the next sweep is due', async () => {
      await eventually(() => assert.ok(loads.length === 0 && projector.inHand() === 0));
      await index.park([{ orderId: 'o', event: eventAt(2), parkedAt: PARKED_AT }]);
      broker.deliver(message('o', 2), 1);
      broker.deliver(message('o', 1), 1);
      await eventually(() => assert.deepEqual([versionOf('o'), index.parked.size], [2, 0]), 3_000);
    });
  });

  describe('when a snapshot goes over a hole', () => {
    it('drops at once what was parked behind it', async () => {
      broker.deliver(message('o', 1));
      await eventually(() => assert.equal(versionOf('o'), 1));
      const parked = [3, 5].map((sequence) => ({ orderId: 'o', event: eventAt(sequence), parkedAt: PARKED_AT }));
      await index.park(parked);
      const snapshot = { ...eventAt(9), type: 'order.snapshot.v1', data: SNAPSHOT };
      broker.deliver(Buffer.from(JSON.stringify({ specversion: '1.0', subject: 'o', ...snapshot })));
      await eventually(() => assert.deepEqual([versionOf('o'), index.parked.size], [9, 0]), 5_000);
    });
  });

  describe('when more waits than the next batch takes, and answers are old', () => {
    it('has the index refreshed less often', async () => {
      unavailable(() => true);
      for (let number = 0; number < BATCH_SIZE; number++) broker.deliver(message(`o-${number}`, 1));
      await eventually(() => assert.deepEqual(paces, ['relaxed']));
    });
  });

  describe('when an outage lasts', () => {
    it('gives everything back once, takes no more, and takes again when what was spoilt gets through', async () => {
      unavailable(() => true);
      const positions = [broker.deliver(message('a', 1)), broker.deliver(message('b', 1))];
      const first = broker.current;
      await eventually(() => assert.deepEqual(first.returned, positions));
      assert.deepEqual([first.cancelled, first.settled, projector.inHand()], [true, [], 0]);
      assert.match(projector.health(Date.now()).reason ?? '', /held up for .* no primary/);
      unavailable((orderId) => orderId === 'b');
      await assert.rejects(eventually(() => assert.equal(broker.subscriptions.length, 2), 2_500));
      unavailable(() => false);
      await eventually(() => assert.equal(broker.subscriptions.length, 2));
      assert.equal(projector.health(Date.now()).state, 'up');
    });

    it('gives nothing back while something else gets through', async () => {
      unavailable((orderId) => orderId === 'stuck');
      broker.deliver(message('stuck', 1));
      const until = Date.now() + WITHDRAW_AFTER_MS * 2;
      await eventually(() => {
        broker.deliver(message(`other ${Date.now()}`, 1));
        assert.ok(Date.now() > until);
      });
      assert.deepEqual([broker.current.returned, broker.current.cancelled], [[], false]);
      assert.equal(projector.health(Date.now()).state, 'degraded');
    });

    it('stops within its limit though it has withdrawn', async () => {
      unavailable(() => true);
      broker.deliver(message('a', 1));
      const { current } = broker;
      await eventually(() => assert.equal(current.returned.length, 1));
      const startedAt = performance.now();
      await projector.stop(200);
      assert.ok(performance.now() - startedAt < 1_000);
    });
  });

  describe('when a message is no event', () => {
    it('dead-letters it before it acknowledges it, also when the broker takes no letters for a while', async () => {
      broker.isThere = false;
      const position = broker.deliver(Buffer.from('no JSON'));
      await eventually(() =>
        assert.match(projector.health(Date.now()).reason ?? '', /1 dead letter has not been published/),
      );
      assert.deepEqual(broker.current.settled, []);
      broker.isThere = true;
      await eventually(() => assert.deepEqual(broker.current.settled, [position]));
      assert.deepEqual(
        broker.letters.map(({ refusal }) => refusal.reason),
        ['unparseable'],
      );
    });
  });

  describe('when the broker takes no dead letters, and more messages are refused than batches run at a time', () => {
    const refuseSome = () => {
      broker.isThere = false;
      const poison = Array.from({ length: CONCURRENCY + 1 }, () => broker.deliver(Buffer.from('no JSON')));
      const wellFormed = [broker.deliver(message('a', 1)), broker.deliver(message('a', 2))];
      const conflicts = Array.from({ length: CONCURRENCY + 1 }, (_, at) => {
        const other = { ...eventAt(1), id: `other ${at}` };
        return broker.deliver(Buffer.from(JSON.stringify({ specversion: '1.0', subject: 'a', ...other })));
      });
      return { refused: [...poison, ...conflicts], wellFormed };
    };

    it('projects the others, takes more, and says what is held up and why', async () => {
      const { refused, wellFormed } = refuseSome();
      const { current } = broker;
      await eventually(() => assert.deepEqual([...current.settled].sort(), wellFormed));
      await eventually(() => assert.equal(projector.health(Date.now()).details?.['deadLettersHeld'], refused.length));
      const until = Date.now() + WITHDRAW_AFTER_MS * 1.5;
      let last = wellFormed;
      await eventually(() => {
        last = [broker.deliver(message(`later ${Date.now()}`, 1))];
        assert.ok(Date.now() > until);
      });
      await eventually(() => assert.deepEqual(current.settled.slice(-1), last));
      assert.deepEqual([current.cancelled, broker.subscriptions.length, current.returned], [false, 1, []]);
      const { state, reason } = projector.health(Date.now());
      assert.deepEqual([state, broker.letters], ['degraded', []]);
      assert.match(reason ?? '', /^6 dead letters have not been published for \d s: no broker$/);
      broker.isThere = true;
      await eventually(() => assert.deepEqual([projector.inHand(), projector.health(Date.now()).state], [0, 'up']));
      assert.equal(broker.letters.length + current.returned.length, refused.length);
    });

    it('gives back in time what it cannot dead-letter, and does not settle it', async () => {
      const { refused } = refuseSome();
      const { current } = broker;
      await eventually(() => assert.deepEqual([...current.returned].sort(), refused), LETTER_HOLD_MS * 2);
      assert.deepEqual([current.cancelled, projector.inHand()], [false, 0]);
      broker.isThere = true;
      for (let count = 0; count < 2; count++) broker.deliver(Buffer.from('no JSON'), 1);
      await eventually(() => assert.equal(projector.inHand(), 0));
      assert.equal(broker.letters.length, 2);
    });
  });

  describe('when the connection is lost', () => {
    it('settles nothing of what came over it, and writes it all the same', async () => {
      broker.deliver(message('a', 1));
      broker.current.handlers.onLost('cut');
      assert.equal(projector.inHand(), 0);
      broker.deliver(message('a', 1), 1);
      await eventually(() => assert.equal(versionOf('a'), 1));
      await eventually(() => assert.equal(broker.current.settled.length, 1));
    });
  });
});
