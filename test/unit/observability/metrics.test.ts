import assert from 'node:assert/strict';
import { createMetrics } from '../../../src/observability/metrics.ts';

/** Beyond the contract: what alerts need. */
const FURTHER_NAMES = ['projection_gapped_orders', 'projection_rebuild_stalled', 'projection_rollup_leader'];

const CONTRACT_NAMES = [
  'projection_lag_seconds',
  'projection_lag_messages',
  'projection_updates_total',
  'projection_update_errors_total',
  'projection_batch_size',
  'projection_write_seconds',
  'projection_event_to_searchable_seconds',
  'projection_rebuild_duration_seconds',
  'projection_rebuild_processed',
  'projection_rebuild_total',
  'projection_parked_events',
  'projection_dead_letters',
  'projection_watermark_seconds',
  'projection_late_events_total',
  'circuit_breaker_state',
  'http_request_duration_seconds',
];

describe('createMetrics', () => {
  describe('when nothing has happened yet', () => {
    it('has every name of the contract, those that alerts need, and the process defaults', async () => {
      const text = await createMetrics().registry.metrics();
      for (const name of [
        ...CONTRACT_NAMES,
        ...FURTHER_NAMES,
        'process_cpu_seconds_total',
        'nodejs_eventloop_lag_seconds',
      ]) {
        assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'), name);
      }
    });

    it('counts every outcome as 0, so that rates work from the first event on', async () => {
      const text = await createMetrics().registry.metrics();
      for (const outcome of ['applied', 'duplicate', 'parked', 'dead_lettered', 'skipped']) {
        assert.match(
          text,
          new RegExp(`^projection_updates_total\\{projection="orders",outcome="${outcome}"\\} 0$`, 'm'),
        );
      }
    });
  });

  describe('when the aggregates are not run here', () => {
    it('says nothing of who leads them: a 0 would be a leader that is missing', async () => {
      assert.doesNotMatch(await createMetrics().registry.metrics(), /^projection_rollup_leader /m);
    });
  });

  describe('when it is called twice', () => {
    it('gives registries that know nothing of one another', async () => {
      const [one, other] = [createMetrics(), createMetrics()];
      one.lagMessages.set(7);
      assert.match(await one.registry.metrics(), /^projection_lag_messages 7$/m);
      assert.match(await other.registry.metrics(), /^projection_lag_messages 0$/m);
    });
  });
});
