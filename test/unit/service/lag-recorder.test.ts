import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../../src/broker/port.ts';
import type { LagReport } from '../../../src/http/lag-report.ts';
import { LagRecorder, type LagRecorderOptions } from '../../../src/service/lag-recorder.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { eventually } from '../../support/eventually.ts';

const START = Date.parse('2026-03-01T10:00:00.000Z');
const MINUTE_MS = 60_000;

describe('LagRecorder', () => {
  /** A clock that goes on by a minute each time that it is read. */
  let clock: number;
  let recorder: LagRecorder;

  beforeEach(() => {
    clock = START;
  });
  afterEach(() => recorder.stop());

  const at = (minutes: number) => new Date(START + minutes * MINUTE_MS).toISOString();

  function record(replaced: Partial<LagRecorderOptions> = {}): void {
    recorder = new LagRecorder({
      freshness: async () => ({ asOf: new Date(clock - 3_000).toISOString(), lagSeconds: 3 }),
      queueDepth: async () => 5,
      inHand: async () => 4,
      now: () => (clock += MINUTE_MS),
      intervalMs: 2,
      keptMs: Infinity,
      ...replaced,
    });
    recorder.start();
  }

  async function reported(enough: (report: LagReport) => boolean): Promise<LagReport> {
    return eventually(async () => {
      const report = await recorder.report();
      assert.ok(enough(report), JSON.stringify(report));
      return report;
    });
  }

  describe('when it has been looking for a while', () => {
    it('tells what it has seen, the oldest first, and how it is now', async () => {
      record();
      const { samples, asOf, lagSeconds, messages } = await reported((report) => report.samples.length >= 3);
      assert.deepEqual(samples[0], { at: at(1), lagSeconds: 63, messages: 9 });
      assert.deepEqual(
        samples.map((sample) => sample.at),
        samples.map((sample) => sample.at).toSorted(),
      );
      assert.equal(messages, 9);
      assert.ok(lagSeconds >= 63 && asOf > at(0), `${lagSeconds} s, ${asOf}`);
    });

    it('tells only what came after an instant where it is asked for that', async () => {
      record();
      const { samples } = await reported((report) => report.samples.length >= 3);
      const since = samples[1]?.at ?? '';
      const later = await recorder.report(since);
      assert.deepEqual(later.samples[0], samples[2]);
    });

    it('forgets what is older than it is to keep', async () => {
      // Each sample and each report is a minute.
      record({ keptMs: 5 * MINUTE_MS });
      await eventually(() => assert.ok(clock > START + 20 * MINUTE_MS));
      const { samples } = await recorder.report();
      assert.ok(samples.length > 0);
      const times = samples.map((sample) => Date.parse(sample.at));
      assert.ok(Math.max(...times) - Math.min(...times) <= 5 * MINUTE_MS, JSON.stringify(samples));
    });

    it('keeps no more than it is to keep, whatever the clock says', async () => {
      let looks = 0;
      const now = () => {
        looks += 1;
        return START;
      };
      record({ now, keptMs: 8 });
      await eventually(() => assert.ok(looks > 20));
      assert.equal((await recorder.report()).samples.length, 4);
    });
  });

  describe('when the index or the broker cannot be asked', () => {
    it('lets the lag grow from what was last known, and says that it does not know what waits', async () => {
      let isAway = false;
      record({
        freshness: () =>
          isAway ? Promise.reject(new IndexUnavailableError('away')) : Promise.resolve({ asOf: at(0), lagSeconds: 0 }),
        queueDepth: () => (isAway ? Promise.reject(new BrokerUnavailableError('away')) : Promise.resolve(0)),
      });
      await reported(({ samples }) => samples.length > 0);
      isAway = true;
      const { samples, asOf, messages } = await reported((report) => report.samples.at(-1)?.messages === null);
      assert.deepEqual([asOf, messages], [at(0), null]);
      const last = samples.at(-1);
      assert.equal(last?.lagSeconds, (Date.parse(last?.at ?? '') - START) / 1_000);
    });
  });

  describe('when no heartbeat has come through yet', () => {
    it('has no lag to tell', async () => {
      record({ freshness: async () => ({ asOf: new Date(0).toISOString(), lagSeconds: 1e9 }) });
      const { samples } = await reported((report) => report.samples.length > 0);
      assert.deepEqual(samples[0], { at: at(1), lagSeconds: null, messages: 9 });
    });
  });
});
