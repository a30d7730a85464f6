import assert from 'node:assert/strict';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createMetrics } from '../../../src/observability/metrics.ts';

type Described = readonly [name: string, type: 'counter' | 'gauge' | 'histogram', ...labels: string[]];

const CONTRACT: readonly Described[] = [
  ['projection_lag_seconds', 'gauge', 'projection'],
  ['projection_lag_messages', 'gauge'],
  ['projection_updates_total', 'counter', 'projection', 'outcome'],
  ['projection_update_errors_total', 'counter', 'projection', 'reason'],
  ['projection_batch_size', 'histogram'],
  ['projection_write_seconds', 'histogram'],
  ['projection_event_to_searchable_seconds', 'histogram'],
  ['projection_rebuild_duration_seconds', 'histogram'],
  ['projection_rebuild_processed', 'gauge'],
  ['projection_rebuild_total', 'gauge'],
  ['projection_parked_events', 'gauge'],
  ['projection_dead_letters', 'gauge'],
  ['projection_watermark_seconds', 'gauge', 'projection'],
  ['projection_late_events_total', 'counter'],
  ['circuit_breaker_state', 'gauge', 'name'],
  ['http_request_duration_seconds', 'histogram', 'route', 'method', 'status'],
];
/** Beyond the contract: what alerts need. */
const FURTHER: readonly Described[] = [
  ['projection_oldest_parked_seconds', 'gauge'],
  ['projection_gapped_orders', 'gauge'],
  ['projection_rebuild_stalled', 'gauge'],
  ['projection_rollup_leader', 'gauge'],
  ['projection_rollup_interval_seconds', 'gauge', 'projection'],
];

/** As prom-client has them. @throws AssertionError where there is no such one */
function described(registry: Registry, name: string): Described {
  const metric = registry.getSingleMetric(name) as { readonly labelNames?: readonly string[] } | undefined;
  assert.ok(metric, name);
  const type = metric instanceof Counter ? 'counter' : metric instanceof Gauge ? 'gauge' : 'histogram';
  assert.ok(type !== 'histogram' || metric instanceof Histogram, name);
  return [name, type, ...(metric.labelNames ?? []).filter((label) => label !== 'le')];
}

describe('createMetrics', () => {
  describe('when nothing has happened yet', () => {
    it('has each metric of the contract, of its type and with its labels, and those that alerts need', () => {
      const { registry } = createMetrics();
      const all = [...CONTRACT, ...FURTHER];
      assert.deepEqual(
        all.map(([name]) => described(registry, name)),
        all,
      );
    });

    it('has no others but the process defaults', async () => {
      const { registry } = createMetrics();
      const text = await registry.metrics();
      const known = new Set([...CONTRACT, ...FURTHER].map(([name]) => name));
      for (const [, name = ''] of text.matchAll(/^# TYPE (\S+) /gm)) {
        assert.ok(known.has(name) || /^(process|nodejs)_/.test(name), name);
      }
      for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']) {
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
