import assert from 'node:assert/strict';
import { createLogger } from '../../../src/observability/logging.ts';
import { createMetrics, type Metrics } from '../../../src/observability/metrics.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { Heartbeat } from '../../../src/projector/heartbeat.ts';
import { farewell, hasLeft, type InstanceProgress } from '../../../src/projector/shared-freshness.ts';
import { SilenceWatch } from '../../../src/projector/silence-watch.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const LOSS_NOTICED_MS = 120_000;
const INTERVAL_MS = 40;
const SILENT_MS = 400;

describe('Heartbeat', () => {
  let control: MemoryControl;
  let refreshes: number;
  let isIndexThere: boolean;
  let heartbeat: Heartbeat;
  let others: Heartbeat[];
  let metrics: Metrics;
  let lines: string[];
  const heartbeatOf = (instance: string, isThere = () => isIndexThere) =>
    new Heartbeat({
      broker: { publishHeartbeat: () => Promise.resolve() },
      index: {
        readControl: (id) =>
          isThere() ? control.readControl(id) : Promise.reject(new IndexUnavailableError('no index')),
        writeControl: (...args) => control.writeControl(...args),
        refresh: () => Promise.resolve(void (refreshes += 1)),
      },
      metrics,
      log: createLogger('info', { write: (line) => void lines.push(line) }),
      intervalMs: INTERVAL_MS,
      instance,
      lossNoticedMs: LOSS_NOTICED_MS,
      silence: new SilenceWatch(SILENT_MS),
    });
  beforeEach(() => {
    [control, refreshes, isIndexThere, others] = [new MemoryControl(), 0, true, []];
    [metrics, lines] = [createMetrics(), []];
    heartbeat = heartbeatOf('own');
  });
  afterEach(() => Promise.all([heartbeat, ...others].map((one) => one.stop(false))));

  const instances = () => {
    const value = control.records.get('freshness')?.value as { instances?: Record<string, InstanceProgress> };
    return value.instances ?? {};
  };
  const said = async (progress: Record<string, InstanceProgress>) => {
    await control.writeControl('freshness', { asOf: new Date(0).toISOString(), instances: progress });
  };
  const own = () => {
    const progress = instances()['own'];
    assert.ok(progress);
    return progress;
  };
  /** Received from the queue just now, and published long enough after the start to be trusted. */
  const hears = (position: number, publishedAt = Date.now() + 60_000) => {
    heartbeat.delivered({ kind: 'heartbeat', position, redeliveries: 0, publishedAt });
    return publishedAt;
  };
  const takes = (position: number) =>
    heartbeat.delivered({ kind: 'event', position, redeliveries: 0, body: new Uint8Array() });

  describe('when it begins', () => {
    it('makes itself known before anything is taken', async () => {
      const before = Date.now();
      await heartbeat.announce();
      assert.ok(own().settledTo >= before && own().returnedAt >= before);
    });

    it('reckons with the broker not having noticed that the former one of its name is dead', async () => {
      await said({ own: { settledTo: Date.now(), at: Date.now(), returnedAt: 0 } });
      const before = Date.now();
      await heartbeat.announce();
      assert.ok(own().returnedAt >= before + LOSS_NOTICED_MS);
    });

    it('goes on where the former one of its name has left in good order', async () => {
      const before = Date.now();
      await said({ own: farewell(before, before + 5_000) });
      await heartbeat.announce();
      assert.deepEqual([own().returnedAt, hasLeft(own())], [before + 5_000, false]);
    });
  });

  describe('at every beat', () => {
    it('promises what is settled once that is visible', async () => {
      await heartbeat.announce();
      heartbeat.start();
      takes(1);
      const publishedAt = hears(2);
      await eventually(() => assert.ok(own().at > 0 && refreshes === 0));
      heartbeat.settled({ kind: 'event', position: 1, redeliveries: 0, body: new Uint8Array() });
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
      assert.equal(refreshes, 1);
    });

    it('promises nothing by a clock that was far ahead, neither its own nor what the record says', async () => {
      const hour = 3_600_000;
      await heartbeat.announce();
      const progress = instances();
      await control.writeControl(
        'freshness',
        { asOf: new Date(Date.now() + hour).toISOString(), instances: progress },
        control.records.get('freshness')?.revision ?? null,
      );
      heartbeat.start();
      hears(1, Date.now() + hour);
      const publishedAt = hears(2);
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
      const value = control.records.get('freshness')?.value as { asOf: string };
      await eventually(() => assert.equal(Date.parse(value.asOf) <= publishedAt, true));
    });

    it('takes another name where another one that lives has the same', async () => {
      const twin = heartbeatOf('own');
      others.push(twin);
      for (const one of [heartbeat, twin]) {
        await one.announce();
        one.start();
      }
      twin.delivered({ kind: 'event', position: 1, redeliveries: 0, body: new Uint8Array() });
      await eventually(() => {
        const inHand = Object.values(instances()).map((one) => one.inHand ?? 0);
        assert.ok(inHand.includes(1) && inHand.includes(0), JSON.stringify(instances()));
      });
      assert.match(lines.join(''), /same host name, HOST and PORT/);
      const until = Date.now() + 5 * INTERVAL_MS;
      await eventually(() => assert.ok(Object.values(instances()).filter(({ at }) => at > until).length === 2));
    });

    it('logs once of each other projector that it says nothing any more, and that it has not left', async () => {
      const at = Date.now() - 20_000;
      const silent = { settledTo: at, at, returnedAt: 0 };
      const beats = Date.now() + 60_000;
      await said({ dead: silent, left: farewell(at, at), beating: { ...silent, at: beats, settledTo: beats } });
      await heartbeat.announce();
      heartbeat.start();
      await eventually(() => assert.equal(lines.length, 1));
      const first = own().at;
      await eventually(() => assert.ok(own().at >= first + 3 * INTERVAL_MS));
      const [line = '', ...others] = lines;
      const { level, projector, waitedForUntil } = JSON.parse(line) as Record<string, unknown>;
      assert.deepEqual([level, projector, others], ['warn', 'dead', []]);
      assert.equal(Date.parse(String(waitedForUntil)), at + 130_000);
    });

    it('takes nobody for silent who could say nothing either while the index was away', async () => {
      let isThereForOther = true;
      const other = heartbeatOf('other', () => isThereForOther);
      others.push(other);
      for (const one of [heartbeat, other]) {
        await one.announce();
        one.start();
      }
      const until = (time: number) =>
        eventually(() => assert.ok(Object.values(instances()).every(({ at }) => at > time)));
      await until(Date.now() + 2 * SILENT_MS);
      isIndexThere = isThereForOther = false;
      const back = Date.now() + 2 * SILENT_MS;
      await eventually(() => assert.ok(Date.now() > back));
      isIndexThere = true;
      await eventually(() => assert.ok(own().at > back + 2 * INTERVAL_MS));
      isThereForOther = true;
      await until(back + 3 * SILENT_MS);
      assert.deepEqual(lines, []);
    });

    it('measures how long everything took that has become visible since the former: of an outage each second', async () => {
      const samples = async () => {
        const { values } = await metrics.eventToSearchableSeconds.get();
        const valueOf = (suffix: string) => values.find(({ metricName }) => metricName?.endsWith(suffix))?.value;
        return { count: valueOf('_count') ?? NaN, sum: valueOf('_sum') ?? NaN };
      };
      await heartbeat.announce();
      heartbeat.start();
      const publishedAt = hears(1);
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
      const first = await samples();
      assert.equal(first.count, 1, 'nobody knows what was visible before');
      hears(2, publishedAt + 5_000);
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt + 5_000));
      const after = await samples();
      assert.equal(after.count - first.count, 5);
      // Each a second more than the next: 0 + 1 + 2 + 3 + 4 more than if they all had been published last.
      const visibleAfterSeconds = (Date.now() - publishedAt) / 1_000 - 5;
      assert.ok(Math.abs(after.sum - first.sum - (5 * visibleAfterSeconds + 10)) < 5, `${after.sum - first.sum} s`);
    });

    it('measures of what another instance has made visible nothing anew', async () => {
      await heartbeat.announce();
      heartbeat.start();
      const publishedAt = hears(1);
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
      await eventually(async () => {
        const { value, revision } = (await control.readControl('freshness')) ?? {};
        const asOf = new Date(publishedAt + 8_000).toISOString();
        assert.ok(await control.writeControl('freshness', { ...value, asOf }, revision));
      });
      hears(2, publishedAt + 10_000);
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt + 10_000));
      const { values } = await metrics.eventToSearchableSeconds.get();
      assert.equal(values.find(({ metricName }) => metricName?.endsWith('_count'))?.value, 1 + 2);
    });

    it('says how many events it has in hand: the broker does not count them', async () => {
      const saysInHand = (events: number) => eventually(() => assert.equal(own().inHand, events));
      await heartbeat.announce();
      heartbeat.start();
      for (const position of [1, 2, 3]) takes(position);
      hears(4);
      await saysInHand(3);
      heartbeat.settled({ kind: 'event', position: 2, redeliveries: 0, body: new Uint8Array() });
      await saysInHand(2);
      heartbeat.returned('at our word');
      await saysInHand(0);
    });

    it('vouches only up to its former look: of what came since then some may wait in the socket', async () => {
      await heartbeat.announce();
      const announcedAt = own().at;
      heartbeat.start();
      const first = await eventually(() => {
        assert.ok(own().at > announcedAt);
        return own();
      });
      assert.equal(first.settledTo, announcedAt);
      const second = await eventually(() => {
        assert.ok(own().at > first.at);
        return own();
      });
      assert.equal(second.settledTo, first.at);
    });

    it('lets one go that has been silent for long, and takes over what is to be distrusted for its sake', async () => {
      const now = Date.now();
      await said({ gone: farewell(now - 200_000, now + 50_000) });
      await heartbeat.announce();
      assert.ok(instances()['gone'], 'announcing is no time to judge');
      heartbeat.start();
      await eventually(() => assert.equal(instances()['gone'], undefined));
      assert.equal(own().returnedAt, now + 50_000);
      const { at } = own();
      await eventually(() => assert.ok(own().at > at));
      assert.equal(own().returnedAt, now + 50_000, 'it says so for good');
    });

    it('waits for one that has something in hand, not for one that has left', async () => {
      const now = Date.now();
      await heartbeat.announce();
      await said({ ...instances(), busy: { settledTo: now - 5_000, at: now, returnedAt: 0 } });
      heartbeat.start();
      const publishedAt = hears(1);
      await eventually(() => assert.ok(own().at > now + INTERVAL_MS * 2));
      assert.equal(heartbeat.asOf(), undefined);
      await eventually(async () => {
        await said({ ...instances(), busy: farewell(Date.now(), now) });
        assert.equal(heartbeat.asOf(), publishedAt);
      });
    });

    it('skips one while the index is away, and goes on', async () => {
      await heartbeat.announce();
      heartbeat.start();
      isIndexThere = false;
      const publishedAt = hears(1);
      await assert.rejects(eventually(() => assert.notEqual(heartbeat.asOf(), undefined), INTERVAL_MS * 4));
      isIndexThere = true;
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
    });
  });

  describe('when it stops taking', () => {
    it('tells the others that what was on its way has gone back, and trusts its own heartbeats', async () => {
      await heartbeat.announce();
      heartbeat.start();
      const publishedAt = hears(1);
      const before = Date.now();
      heartbeat.stoppedTaking();
      await eventually(() => assert.equal(heartbeat.asOf(), publishedAt));
      await eventually(() => assert.ok(own().returnedAt > before));
    });
  });

  describe('when it stops', () => {
    for (const [name, leftUnsettled, laterMs] of [
      ['with everything settled', false, 0],
      ['with something unsettled', true, LOSS_NOTICED_MS],
    ] as const) {
      it(`says until when its deliveries come back, and holds nobody up: ${name}`, async () => {
        await heartbeat.announce();
        const before = Date.now();
        heartbeat.stoppedTaking();
        await heartbeat.stop(leftUnsettled);
        assert.equal(hasLeft(own()), true);
        assert.ok(own().returnedAt > before + laterMs);
        assert.ok(own().returnedAt < before + laterMs + 30_000);
      });
    }
  });
});
