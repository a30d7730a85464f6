import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../../src/broker/port.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import type { RebuildMeasures } from '../../../src/rebuild/metrics.ts';
import { createGaugeReader, type GaugeSources } from '../../../src/service/gauges.ts';

/** What the service would ask; each may be replaced. */
function asked() {
  return {
    freshness: async () => ({ asOf: new Date(Date.now() - 3_000).toISOString(), lagSeconds: 3 }),
    queueDepth: async () => 5,
    countDeadLetters: async () => 2,
    countParked: async () => 7,
    rebuilds: async (): Promise<RebuildMeasures> => ({ isStalled: true, processed: 40, total: 100 }),
    aggregates: async () => undefined,
    /** What the record of lags knows. */
    asOf: 0,
  };
}

function reader(questions: ReturnType<typeof asked>) {
  const metrics = createMetrics();
  const sources = {
    metrics,
    backends: { broker: questions, index: questions },
    rebuilding: { measure: () => questions.rebuilds() },
    aggregating: { measure: () => questions.aggregates() },
    inHand: async () => 4,
    lag: questions,
  } as unknown as GaugeSources;
  const read = createGaugeReader(sources, () => questions.freshness());
  return async (name: string): Promise<number | undefined> => {
    await read();
    const line = new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(await metrics.registry.metrics());
    return line ? Number(line[1]) : undefined;
  };
}

const indexIsAway = () => Promise.reject(new IndexUnavailableError('refused'));

describe('createGaugeReader', () => {
  describe('when everything answers', () => {
    it('says how old the index is, what waits and is in hand, the dead letters, and that a rebuild is stalled', async () => {
      const value = reader(asked());
      const lag = (await value('projection_lag_seconds')) ?? 0;
      assert.ok(lag >= 3 && lag < 5, String(lag));
      assert.equal(await value('projection_lag_messages'), 9);
      assert.equal(await value('projection_dead_letters'), 2);
      assert.equal(await value('projection_parked_events'), 7);
      assert.equal(await value('projection_rebuild_stalled'), 1);
    });

    it('does not say that no order waits, which only a projector looks for', async () => {
      const value = reader(asked());
      for (const name of ['projection_gapped_orders', 'projection_oldest_parked_seconds'])
        assert.equal(await value(name), undefined, name);
    });

    it('says how far a rebuild is, whoever runs it', async () => {
      const value = reader(asked());
      assert.equal(await value('projection_rebuild_processed'), 40);
      assert.equal(await value('projection_rebuild_total'), 100);
    });
  });

  describe('when a rebuild does not know yet how much there is to do', () => {
    it('leaves that out', async () => {
      const value = reader({ ...asked(), rebuilds: async () => ({ isStalled: false, processed: 0, total: null }) });
      assert.equal(await value('projection_rebuild_processed'), 0);
      assert.equal(await value('projection_rebuild_total'), undefined);
    });
  });

  describe('when nothing waits', () => {
    it('says what is in hand', async () => {
      assert.equal(await reader({ ...asked(), queueDepth: async () => 0 })('projection_lag_messages'), 4);
    });
  });

  describe('when the index cannot be asked any more', () => {
    it('lets the lag grow from what was last known, and leaves out what only the index knows', async () => {
      const questions = asked();
      const value = reader(questions);
      const before = (await value('projection_lag_seconds')) ?? 0;
      Object.assign(questions, { freshness: indexIsAway, rebuilds: indexIsAway });
      Object.assign(questions, { countDeadLetters: indexIsAway, countParked: indexIsAway });
      const after = (await value('projection_lag_seconds')) ?? 0;
      assert.ok(before >= 3 && after >= before, `${before}, then ${after}`);
      assert.equal(await value('projection_dead_letters'), undefined);
      assert.equal(await value('projection_parked_events'), undefined);
      for (const name of ['stalled', 'processed', 'total']) {
        assert.equal(await value(`projection_rebuild_${name}`), undefined, name);
      }
    });

    it('lets the lag grow from what was known since the last scrape too', async () => {
      const questions = asked();
      const value = reader(questions);
      await value('projection_lag_seconds');
      Object.assign(questions, { freshness: indexIsAway, asOf: Date.now() - 1_000 });
      const lag = (await value('projection_lag_seconds')) ?? 0;
      assert.ok(lag >= 1 && lag < 3, String(lag));
    });

    it('says the values again once it can', async () => {
      const questions = asked();
      const { countDeadLetters } = questions;
      Object.assign(questions, { countDeadLetters: indexIsAway });
      const value = reader(questions);
      assert.equal(await value('projection_dead_letters'), undefined);
      Object.assign(questions, { countDeadLetters });
      assert.equal(await value('projection_dead_letters'), 2);
    });
  });

  describe('when no heartbeat has come through yet', () => {
    it('says no lag', async () => {
      const value = reader({ ...asked(), freshness: async () => ({ asOf: new Date(0).toISOString(), lagSeconds: 0 }) });
      assert.equal(await value('projection_lag_seconds'), undefined);
    });
  });

  describe('when the broker cannot be asked', () => {
    it('leaves out what waits', async () => {
      const queueDepth = () => Promise.reject(new BrokerUnavailableError('refused'));
      assert.equal(await reader({ ...asked(), queueDepth })('projection_lag_messages'), undefined);
    });
  });

  describe('when a question fails by a bug', () => {
    it('does not hide it', async () => {
      const rebuilds = () => Promise.reject(new TypeError('not a function'));
      await assert.rejects(reader({ ...asked(), rebuilds })('projection_rebuild_stalled'), TypeError);
    });
  });
});
