import assert from 'node:assert/strict';
import { createLease } from '../../../src/order-index/lease.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { plusDays } from '../../../src/order/day.ts';
import { eventually } from '../../support/eventually.ts';
import { heldSteps } from '../../support/held-steps.ts';
import { leaseOf, ORDERS, RefresherStage } from './refresher-stage.ts';

const DAY = '2026-03-01';
const MINUTE_MS = 60_000;

describe('a refresher of aggregates', () => {
  let stage: RefresherStage;
  beforeEach(() => {
    stage = new RefresherStage();
  });
  afterEach(() => stage.stop());

  const seen = (days: Record<string, number>) => eventually(async () => assert.deepEqual(await stage.seen(), days));

  /** When it was asked for, in milliseconds. */
  function clockedLease() {
    const times: number[] = [];
    const lease = leaseOf(() => {
      times.push(performance.now());
      return true;
    });
    const gaps = () => times.slice(1).map((at, place) => at - (times[place] ?? 0));
    return { lease, times, gaps };
  }

  /** Three pages to add up, and whoever leads is held before the first of them. Returns what lets it go on. */
  async function heldAtItsFirstPage(): Promise<() => void> {
    const steps = heldSteps<string>();
    stage.aggregates.before = steps.reached;
    const { arrived, release } = steps.hold('compute');
    for (let order = 0; order < 450; order++) stage.put(`O-${order}`, plusDays(DAY, order));
    await arrived;
    return release;
  }

  it('builds what is not there, and refreshes it after each interval', async () => {
    const { lease, times, gaps } = clockedLease();
    stage.put('A', DAY);
    stage.refresher({ intervalMs: 40, lease }).start();
    await seen({ [DAY]: 1 });
    const built = times.length;
    stage.put('B', DAY);
    await seen({ [DAY]: 2 });
    await eventually(() => assert.ok(times.length >= built + 5));
    // A timer may be early by the part of a millisecond that it does not count.
    for (const gap of gaps().slice(built)) assert.ok(gap >= 38, `after ${gap} ms`);
  });

  it('rests at least as long as a turn took where that is longer than the interval', async () => {
    const { lease, times, gaps } = clockedLease();
    const TOOK_MS = 60;
    stage.aggregates.before = (step) =>
      step === 'checkpoint' ? new Promise((resolve) => setTimeout(resolve, TOOK_MS)) : Promise.resolve();
    stage.refresher({ lease }).start();
    await eventually(async () => assert.ok(await stage.live()));
    const built = times.length;
    await eventually(() => assert.ok(times.length >= built + 4));
    for (const gap of gaps().slice(built)) assert.ok(gap >= 2 * TOOK_MS - 4, `after ${gap} ms`);
  });

  describe('when the orders lag behind', () => {
    const TOOK_MS = 20;
    beforeEach(() => {
      stage.aggregates.before = (step) =>
        step === 'checkpoint' ? new Promise((resolve) => setTimeout(resolve, TOOK_MS)) : Promise.resolve();
    });

    /** The others take no time. */
    const firstStepTakes = (ms: number) => {
      let slowMs = ms;
      stage.aggregates.before = async () => {
        const took = slowMs;
        slowMs = 0;
        await new Promise((resolve) => setTimeout(resolve, took));
      };
    };

    it('rests for longer, and for no longer than they lag', async () => {
      const { lease, times, gaps } = clockedLease();
      let looks = 0;
      let isBehind = false;
      stage.refresher({ lease, isBehind: () => Promise.resolve((looks += 1) > 0 && isBehind) }).start();
      await eventually(async () => assert.ok(await stage.live()));
      isBehind = true;
      const before = times.length;
      await eventually(() => assert.ok(times.length >= before + 3));
      for (const gap of gaps().slice(before)) assert.ok(gap >= 20 * TOOK_MS, `after ${gap} ms`);
      isBehind = false;
      const lagging = times.length;
      await eventually(() => assert.ok(times.length > lagging));
      const since = { turns: times.length, looks };
      await eventually(() => assert.ok(times.length >= since.turns + 5));
      // One look a rest: they do not lag, and the rest is over.
      const looksMore = looks - since.looks - (times.length - since.turns);
      assert.ok(Math.abs(looksMore) <= 1, `${looksMore} looks more than turns`);
    });

    it('rests between the slices of a build too', async () => {
      const { lease, times } = clockedLease();
      firstStepTakes(2_100);
      let looks = 0;
      let isBehind = true;
      const behind = () => Promise.resolve((looks += 1) > 0 && isBehind);
      stage.put('A', DAY);
      stage.refresher({ lease, isBehind: behind }).start();
      await eventually(() => assert.ok(looks >= 10), 10_000);
      assert.equal(times.length, 1);
      assert.equal(await stage.live(), undefined);
      isBehind = false;
      await eventually(async () => assert.ok(await stage.live()));
    });

    it('rests between the slices no longer than it must, however long the interval is', async () => {
      const { lease, times } = clockedLease();
      firstStepTakes(2_100);
      stage.put('A', DAY);
      const isBehind = () => Promise.resolve(true);
      stage.refresher({ lease, intervalMs: 60 * MINUTE_MS, isBehind, timing: { maxRestBehindMs: 50 } }).start();
      await eventually(() => assert.ok(times.length > 1), 10_000);
    });

    it('is woken all the same', async () => {
      const { lease, times } = clockedLease();
      const untilThen = { intervalMs: 10 * MINUTE_MS, timing: { maxRestBehindMs: MINUTE_MS } };
      const refresher = stage.refresher({ lease, isBehind: () => Promise.resolve(true), ...untilThen });
      refresher.start();
      await eventually(async () => assert.ok(await stage.live()));
      const before = times.length;
      refresher.wake();
      await eventually(() => assert.ok(times.length > before));
    });

    it('looks at the lease all the time while another one has it: that one may have died, and they lag for this reason', async () => {
      let asked = 0;
      const lease = leaseOf(() => (asked += 1) > 20);
      let askedBeforeLag: number | undefined;
      const isBehind = () => Promise.resolve((askedBeforeLag ??= asked) > 0);
      stage.put('A', DAY);
      stage.refresher({ lease, isBehind }).start();
      await seen({ [DAY]: 1 });
      await eventually(() => assert.ok(askedBeforeLag !== undefined && askedBeforeLag > 20, `${askedBeforeLag} looks`));
    });

    it('goes on where nobody can say so', async () => {
      const { lease, times } = clockedLease();
      stage.refresher({ lease, isBehind: () => Promise.reject(new IndexUnavailableError('away')) }).start();
      await eventually(() => assert.ok(times.length >= 4));
    });
  });

  it('looks at once when it is woken, also while it is at work', async () => {
    const refresher = stage.refresher({ intervalMs: 10 * MINUTE_MS });
    refresher.start();
    await eventually(async () => assert.ok(await stage.live()));
    stage.put('A', DAY);
    refresher.wake();
    await seen({ [DAY]: 1 });
    const going = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    stage.aggregates.before = async (step) => {
      if (step !== 'changed') return;
      arrived.resolve();
      await going.promise;
    };
    stage.put('B', DAY);
    refresher.wake();
    await arrived.promise;
    stage.put('C', DAY);
    refresher.wake();
    going.resolve();
    await seen({ [DAY]: 3 });
  });

  describe('when the index is away', () => {
    const random = Math.random;
    before(() => {
      Math.random = () => 0.999;
    });
    after(() => {
      Math.random = random;
    });

    it('tries again after ever longer, and goes on as before once it is back', async () => {
      const { lease, times, gaps } = clockedLease();
      const failed: string[] = [];
      let outages = 4;
      stage.aggregates.before = (step) => {
        if (step !== 'revenue-daily list' || outages === 0) return Promise.resolve();
        outages -= 1;
        return Promise.reject(new IndexUnavailableError('away'));
      };
      stage.put('A', DAY);
      stage.refresher({ intervalMs: 10, lease, onFailure: (aggregate) => failed.push(aggregate) }).start();
      await seen({ [DAY]: 1 });
      assert.deepEqual(
        failed,
        Array.from({ length: 4 }, () => 'revenue-daily'),
      );
      [20, 40, 80, 160].forEach((ms, place) => {
        const gap = gaps()[place] ?? 0;
        assert.ok(gap >= 0.95 * ms, `${gap} ms instead of ${ms}`);
      });
      const back = times.length;
      await eventually(() => assert.ok(times.length >= back + 3));
    });
  });

  describe('when another one has the lease', () => {
    it('does nothing until it has it', async () => {
      let isOurs = false;
      const told: boolean[] = [];
      stage.put('A', DAY);
      stage.refresher({ lease: leaseOf(() => isOurs), onLead: (leads) => told.push(leads) }).start();
      await eventually(() => assert.ok(told.length >= 3));
      assert.deepEqual([new Set(told), stage.aggregates.steps, stage.control.records.size], [new Set([false]), [], 0]);
      isOurs = true;
      await seen({ [DAY]: 1 });
      assert.equal(told.at(-1), true);
    });

    it('stops building between two pages, and the other one goes on with that', async () => {
      for (let order = 0; order < 450; order++) stage.put(`O-${order}`, plusDays(DAY, order));
      let holds = 0;
      // The turn that creates the generation, and the first page.
      stage.refresher({ lease: leaseOf(() => (holds += 1) <= 2) }).start();
      await eventually(() => assert.ok(holds > 4));
      assert.equal(stage.count('compute'), 1);
      stage.refresher().start();
      await eventually(async () => assert.equal(Object.keys(await stage.seen()).length, 450));
      assert.equal(stage.count('compute'), 3);
      assert.equal(stage.count('revenue-daily create'), 1);
    });
  });

  describe('when to catch up takes longer than its lease lasts', () => {
    const EXPIRY_MS = MINUTE_MS;
    /** That of the leases. */
    let nowMs: number;
    let renewals: number;
    /** What the second one was told whenever it looked at the lease. */
    let led: boolean[];
    beforeEach(() => {
      nowMs = 0;
      renewals = 0;
      led = [];
    });

    const leaseFor = (instance: string) =>
      createLease({
        ...{ index: stage.control, name: 'rollups', instance, expiryMs: EXPIRY_MS, renewMs: 1_000 },
        clock: () => nowMs,
      });

    async function firstLeads(intervalMs: number): Promise<void> {
      const lease = leaseFor('first');
      const hold = async () => {
        const isHeld = await lease.hold();
        renewals += 1;
        return isHeld;
      };
      stage.refresher({ lease: { ...lease, hold }, timing: { renewMs: 5 }, intervalMs }).start();
      await eventually(async () => assert.ok(await stage.live()));
    }

    function secondLooks(): void {
      stage.refresher({ lease: leaseFor('second'), onLead: (leads) => led.push(leads) }).start();
    }

    /** Half of the time after which a lease is given up that nobody renews, and then both of them have asked for it. */
    async function halfItsTime(): Promise<void> {
      nowMs += EXPIRY_MS / 2;
      const before = { renewals, looks: led.length };
      await eventually(() => assert.ok(renewals > before.renewals && led.length > before.looks), 10_000);
    }

    it('keeps the lead until it is done, and so it gets done', async () => {
      await firstLeads(5);
      for (let order = 0; order < 1_000; order++) stage.put(`O-${order}`, plusDays(DAY, order));
      stage.aggregates.before = (step) => (step === 'compute' ? halfItsTime() : Promise.resolve());
      secondLooks();
      await eventually(async () => assert.equal((await stage.live())?.checkpoint[0], 1_000));
      assert.equal(stage.count('compute'), 5);
      assert.deepEqual([led.length > 0, led.includes(true)], [true, false]);
    });

    it('keeps it while it rests', async () => {
      await firstLeads(10 * MINUTE_MS);
      secondLooks();
      for (let time = 1; time <= 5; time++) await halfItsTime();
      assert.ok(!led.includes(true));
    });
  });

  describe('when another one takes the lead in the middle of a turn', () => {
    it('ends it between two pages, and that is no failure', async () => {
      let isOurs = true;
      const failed: unknown[] = [];
      const told: boolean[] = [];
      const refresher = stage.refresher({
        ...{ lease: leaseOf(() => isOurs), timing: { renewMs: 5 }, onLead: (leads) => told.push(leads) },
        onFailure: (_aggregate, error) => failed.push(error),
      });
      refresher.start();
      await eventually(async () => assert.ok(await stage.live()));
      const goOn = await heldAtItsFirstPage();
      isOurs = false;
      await eventually(() => assert.equal(told.at(-1), false));
      goOn();
      const toldBefore = told.length;
      await eventually(() => assert.ok(told.length > toldBefore + 2));
      assert.deepEqual([stage.count('compute'), failed], [1, []]);
    });
  });

  describe('when nobody can tell who has the lease', () => {
    for (const [when, orders, held] of [
      ['between two turns', 1, 1],
      ['between two pages', 450, 2],
    ] as const) {
      it(`says that it does not lead, until it does again: ${when}`, async () => {
        for (let order = 0; order < orders; order++) stage.put(`O-${order}`, plusDays(DAY, order));
        const told: boolean[] = [];
        let holds = 0;
        const hold = () =>
          (holds += 1) === held + 1 ? Promise.reject(new IndexUnavailableError('away')) : Promise.resolve(true);
        const lease = { ...leaseOf(() => true), hold };
        stage.refresher({ lease, onLead: (leads) => told.push(leads) }).start();
        await eventually(() => assert.ok(told.length > held + 1));
        assert.deepEqual(told.slice(0, held + 2), [...Array.from({ length: held }, () => true), false, true]);
      });
    }
  });

  describe('when it is stopped in the middle of a turn', () => {
    it('writes what it has added up, leaves the rest to the next one, and gives the lease back', async () => {
      let isReleased = false;
      const refresher = stage.refresher({ lease: leaseOf(() => true, () => (isReleased = true)) }); // prettier-ignore
      refresher.start();
      await eventually(async () => assert.ok(await stage.live()));
      const goOn = await heldAtItsFirstPage();
      const stopped = refresher.stop();
      assert.equal(isReleased, false);
      goOn();
      await stopped;
      assert.deepEqual([isReleased, stage.count('compute'), (await stage.live())?.checkpoint], [true, 1, [0]]);
      stage.refresher().start();
      await eventually(async () => assert.equal(Object.keys(await stage.seen()).length, 450));
    });
  });

  describe('when the orders that it is made of leave the write targets in the middle of a turn', () => {
    it('claims nothing that was written to the others alone', async () => {
      const AT_FIRST = '2026-01-01T00:00:00.000Z';
      let isLeaving = false;
      let hasLeft = false;
      const next = { generation: 'orders-000002', address: 'orders-000002' };
      const index = {
        ...stage.index,
        registry: async () => {
          const before = await stage.index.registry();
          if (!isLeaving) return before;
          return { epoch: 2, live: next, targets: hasLeft ? [next] : [...before.targets, next] };
        },
      };
      const asOf = () => {
        hasLeft = isLeaving;
        return Promise.resolve(isLeaving ? '2026-01-01T01:00:00.000Z' : AT_FIRST);
      };
      stage.refresher({ index, asOf }).start();
      await eventually(async () => assert.ok(await stage.live()));
      isLeaving = true;
      stage.aggregates.put(next.generation);
      await eventually(async () => assert.equal((await stage.live())?.origin.orders, next.generation));
      const claimed = stage.kept.filter(({ live }) => live?.origin.orders === ORDERS).map(({ live }) => live?.asOf);
      assert.deepEqual(new Set(claimed), new Set([AT_FIRST]));
    });
  });

  describe('when something is left over', () => {
    let clockMs: number;
    beforeEach(() => {
      clockMs = 0;
    });
    const names = async () => (await stage.store.list()).map(({ name }) => name);
    const LEFT = 'orders-revenue-daily-000001';
    const LIVE = 'orders-revenue-daily-000002';

    it('keeps a generation that nobody refers to for a minute, and drops it then', async () => {
      await stage.store.create(1);
      stage.refresher({ timing: { clock: () => clockMs } }).start();
      await eventually(() => assert.ok(stage.count('checkpoint') > 3));
      clockMs = MINUTE_MS - 1;
      const before = stage.count('checkpoint');
      await eventually(() => assert.ok(stage.count('checkpoint') > before + 3));
      assert.deepEqual(await names(), [LEFT, LIVE]);
      clockMs = MINUTE_MS;
      await eventually(async () => assert.deepEqual(await names(), [LIVE]));
    });

    it('forgets one that another one has dropped meanwhile', async () => {
      await stage.store.create(1);
      stage.refresher({ timing: { clock: () => clockMs }, keptFrom: () => DAY }).start();
      await eventually(() => assert.ok(stage.count('revenue-daily expire') > 3));
      await stage.store.drop(LEFT);
      const before = stage.count('checkpoint');
      await eventually(() => assert.ok(stage.count('checkpoint') > before + 2));
      const tidied = stage.count('revenue-daily expire');
      await eventually(() => assert.ok(stage.count('checkpoint') > before + 6));
      assert.equal(stage.count('revenue-daily expire'), tidied);
    });

    it('drops days that are not kept any more, every ten minutes, and counts none of them again', async () => {
      let from = DAY;
      stage.put('A', DAY);
      stage.put('B', plusDays(DAY, 1));
      stage.refresher({ timing: { clock: () => clockMs }, keptFrom: () => from }).start();
      await seen({ [DAY]: 1, [plusDays(DAY, 1)]: 1 });
      from = plusDays(DAY, 1);
      stage.put('C', DAY);
      stage.put('D', plusDays(DAY, 1));
      await seen({ [DAY]: 1, [plusDays(DAY, 1)]: 2 });
      clockMs = 10 * MINUTE_MS;
      await seen({ [plusDays(DAY, 1)]: 2 });
      assert.equal(stage.aggregates.orders.get(ORDERS)?.size, 4);
    });

    it('says from which day on there are any, and builds anew once earlier ones are to be kept', async () => {
      let from: string | undefined = plusDays(DAY, 2);
      stage.put('A', DAY);
      stage.put('B', plusDays(DAY, 2));
      stage.refresher({ timing: { clock: () => clockMs }, keptFrom: () => from }).start();
      await seen({ [plusDays(DAY, 2)]: 1 });
      assert.equal((await stage.live())?.wholeFrom, plusDays(DAY, 2));
      const generation = (await stage.live())?.generation;
      // Another clock, a moment before midnight.
      from = plusDays(DAY, 1);
      const before = stage.count('checkpoint');
      await eventually(() => assert.ok(stage.count('checkpoint') > before + 6));
      assert.equal((await stage.live())?.generation, generation);
      from = undefined;
      await seen({ [DAY]: 1, [plusDays(DAY, 2)]: 1 });
      await eventually(async () => assert.equal((await stage.live())?.wholeFrom, undefined));
      assert.notEqual((await stage.live())?.generation, generation);
    });
  });
});
