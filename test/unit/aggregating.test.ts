import assert from 'node:assert/strict';
import { createAggregating, type Aggregating } from '../../src/aggregating.ts';
import type { Backends } from '../../src/backends.ts';
import type { Config } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { eventually } from '../support/eventually.ts';
import { RefresherStage } from './rollups/refresher-stage.ts';

const DAY = '2026-03-01';
const SILENT_MS = 45_000;

describe('the health of the aggregates', () => {
  let stage: RefresherStage;
  let aggregating: Aggregating;
  beforeEach(() => {
    stage = new RefresherStage();
    const { index, control } = stage;
    const controls = {
      readControl: control.readControl.bind(control),
      writeControl: control.writeControl.bind(control),
    };
    aggregating = createAggregating({
      config: { role: 'all', rollups: { intervalMs: 5, lateGraceSeconds: 60 } } as Config,
      backends: { index: { ...index, ...controls } } as Backends,
      metrics: createMetrics(),
      log: createLogger('silent'),
      instance: 'one',
      freshness: () => Promise.resolve({ asOf: '2026-01-01T00:00:00.000Z', lagSeconds: 0 }),
      reached: () => Promise.resolve(),
      sawEventTime: () => undefined,
      aggregates: [REVENUE_DAILY],
    });
    stage.put('A', DAY);
  });
  afterEach(() => aggregating.stop());

  const refuseRows = () => {
    stage.aggregates.before = (step) =>
      step === 'revenue-daily write'
        ? Promise.reject(new Error(`the row ${DAY} is refused: no number`))
        : Promise.resolve();
  };
  const told = async (state: string, reason?: RegExp) => {
    await eventually(async () => {
      const health = await aggregating.health();
      assert.equal(health.state, state);
      if (reason) assert.match(health.reason ?? '', reason);
    });
  };

  it('is well once they are built', async () => {
    aggregating.start();
    await told('up');
  });

  it('says why one cannot be built, until it can', async () => {
    refuseRows();
    aggregating.start();
    await told(
      'degraded',
      /^revenue-daily is being built for the first time, and it fails: the row 2026-03-01 is refused/,
    );
    stage.aggregates.before = () => Promise.resolve();
    await told('up');
  });

  it('says why one cannot be refreshed, where that is known', async () => {
    aggregating.start();
    await told('up');
    refuseRows();
    stage.put('B', DAY);
    await eventually(() => assert.ok(stage.count('compute') > 1));
    await silentFor(SILENT_MS);
    await told('degraded', /^revenue-daily was not refreshed for 4\d s: the row 2026-03-01 is refused: no number$/);
  });

  it('says what may be the matter where another instance would lead', async () => {
    aggregating.start();
    await told('up');
    await aggregating.stop();
    await silentFor(SILENT_MS);
    await told('degraded', /^revenue-daily was not refreshed for 4\d s: no projector leads/);
  });

  it('says why one cannot be built anew, though readers have the newest of the present one', async () => {
    aggregating.start();
    await told('up');
    stage.aggregates.before = (step) =>
      step === 'revenue-daily create' ? Promise.reject(new Error('no room')) : Promise.resolve();
    await aggregating.rollups.rebuild(REVENUE_DAILY.name, 'request');
    await told('degraded', /^the last turn of revenue-daily has failed: no room$/);
    stage.aggregates.before = () => Promise.resolve();
    await told('up');
  });

  /** As if it had failed for so long: what is kept was found out then. */
  async function silentFor(ms: number): Promise<void> {
    await eventually(async () => {
      const kept = await stage.records.read(REVENUE_DAILY.name);
      const { live } = kept.state;
      assert.ok(live);
      const silent = { ...kept.state, live: { ...live, refreshedAt: Date.now() - ms } };
      assert.ok(await stage.records.replace(REVENUE_DAILY.name, kept, silent));
    });
  }
});
