import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export const UPDATE_OUTCOMES = ['applied', 'duplicate', 'parked', 'dead_lettered', 'skipped'] as const;
/** What became of an event. */
export type UpdateOutcome = (typeof UPDATE_OUTCOMES)[number];

/** The values of `circuit_breaker_state`. */
export const BREAKER_STATES = { closed: 0, halfOpen: 0.5, open: 1 } as const;

/**
 * The metrics of contract §6, typed by their labels; `projection` is `orders`, `revenue-daily` or `seller-daily`. Label values must come
 * from fixed sets, never from events or URLs.
 */
export interface Metrics {
  readonly registry: Registry;
  readonly lagSeconds: Gauge<'projection'>;
  readonly lagMessages: Gauge;
  readonly updates: Counter<'projection' | 'outcome'>;
  readonly updateErrors: Counter<'projection' | 'reason'>;
  /** Events a batch. */
  readonly batchSize: Histogram;
  /** Seconds from handing a batch to the index until all its outcomes are known. */
  readonly writeSeconds: Histogram;
  /** Seconds from an event's publishing until a search finds it. */
  readonly eventToSearchableSeconds: Histogram;
  readonly rebuildDurationSeconds: Histogram;
  readonly rebuildProcessed: Gauge;
  readonly rebuildTotal: Gauge;
  /** 1 while a rebuild is under way and nothing moves. */
  readonly rebuildStalled: Gauge;
  readonly parkedEvents: Gauge;
  /** How long the event has waited that was parked first; 0 where none is. */
  readonly oldestParkedSeconds: Gauge;
  /** Orders whose parked events have waited for longer than the grace. */
  readonly gappedOrders: Gauge;
  readonly deadLetters: Gauge;
  /** The watermark as seconds since the epoch. */
  readonly watermarkSeconds: Gauge<'projection'>;
  readonly lateEvents: Counter;
  /** `ROLLUP_INTERVAL_MS`: an aggregate that is no older is as fresh as it is meant to be. */
  readonly rollupIntervalSeconds: Gauge<'projection'>;
  /** 1 on the instance that refreshes the aggregates, 0 on one that would; without a value where they are not run. */
  readonly rollupLeader: Gauge;
  /** One of {@link BREAKER_STATES}. */
  readonly circuitBreakerState: Gauge<'name'>;
  /** `route` is the route's pattern, `static` or `unmatched`. */
  readonly httpRequestDurationSeconds: Histogram<'route' | 'method' | 'status'>;
}

/** All metrics in a registry of their own, with the process defaults; counters whose labels are known start at 0. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = {
    registry,
    ...projectionMetrics([registry]),
    ...aggregateMetrics([registry]),
    ...rebuildMetrics([registry]),
    ...servingMetrics([registry]),
  };
  for (const outcome of UPDATE_OUTCOMES) metrics.updates.inc({ projection: 'orders', outcome }, 0);
  metrics.rollupLeader.remove();
  return metrics;
}

type Registers = [Registry];

function projectionMetrics(registers: Registers) {
  return {
    ...progressMetrics(registers),
    ...waitingMetrics(registers),
    batchSize: new Histogram({
      name: 'projection_batch_size',
      help: 'Events in a batch of the projector',
      buckets: [1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
      registers,
    }),
    writeSeconds: new Histogram({
      name: 'projection_write_seconds',
      help: 'Seconds a batch took to write to all write targets',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    eventToSearchableSeconds: new Histogram({
      name: 'projection_event_to_searchable_seconds',
      help: 'Seconds from the publishing of an event until a search finds it: a sample for each second of publishing',
      buckets: [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300],
      registers,
    }),
  };
}

function waitingMetrics(registers: Registers) {
  return {
    parkedEvents: new Gauge({
      name: 'projection_parked_events',
      help: 'Events that wait for an earlier one of their order',
      registers,
    }),
    oldestParkedSeconds: new Gauge({
      name: 'projection_oldest_parked_seconds',
      help: 'How long the event that was parked first has waited for an earlier one; 0 where none waits',
      registers,
    }),
    gappedOrders: new Gauge({
      name: 'projection_gapped_orders',
      help: 'Orders that have waited for a missing event longer than GAP_GRACE_SECONDS',
      registers,
    }),
    deadLetters: new Gauge({
      name: 'projection_dead_letters',
      help: 'Events that were refused and wait for an operator',
      registers,
    }),
  };
}

function progressMetrics(registers: Registers) {
  return {
    lagSeconds: new Gauge({
      name: 'projection_lag_seconds',
      help: 'How old the read model is: now less the instant up to which all that was published is found',
      labelNames: ['projection'] as const,
      registers,
    }),
    lagMessages: new Gauge({
      name: 'projection_lag_messages',
      help: 'Messages in the live queue and in the hands of all projectors, by what they last said',
      registers,
    }),
    updates: new Counter({
      name: 'projection_updates_total',
      help: 'Events by what became of them; of the aggregates, rows that were written (applied)',
      labelNames: ['projection', 'outcome'] as const,
      registers,
    }),
    updateErrors: new Counter({
      name: 'projection_update_errors_total',
      help: 'Updates that failed, by reason; one that is tried again counts each time that it fails',
      labelNames: ['projection', 'reason'] as const,
      registers,
    }),
  };
}

function aggregateMetrics(registers: Registers) {
  return {
    watermarkSeconds: new Gauge({
      name: 'projection_watermark_seconds',
      help: 'Event time up to which days are final, in seconds since the epoch',
      labelNames: ['projection'] as const,
      registers,
    }),
    lateEvents: new Counter({
      name: 'projection_late_events_total',
      help: 'Events that have changed a day of the aggregates that was final already',
      registers,
    }),
    rollupIntervalSeconds: new Gauge({
      name: 'projection_rollup_interval_seconds',
      help: 'Seconds between two refreshes of an aggregate, as configured',
      labelNames: ['projection'] as const,
      registers,
    }),
    rollupLeader: new Gauge({
      name: 'projection_rollup_leader',
      help: '1 on the instance that refreshes the aggregates, 0 on one that stands by to',
      registers,
    }),
  };
}

function rebuildMetrics(registers: Registers) {
  return {
    rebuildDurationSeconds: new Histogram({
      name: 'projection_rebuild_duration_seconds',
      help: 'Seconds a rebuild took that was done; on the instance that ran it',
      buckets: [1, 5, 15, 60, 300, 900, 3_600, 4 * 3_600, 24 * 3_600],
      registers,
    }),
    rebuildProcessed: new Gauge({
      name: 'projection_rebuild_processed',
      help: 'Items that the rebuild begun last has processed',
      registers,
    }),
    rebuildTotal: new Gauge({
      name: 'projection_rebuild_total',
      help: 'Items that the rebuild begun last has to process',
      registers,
    }),
    rebuildStalled: new Gauge({
      name: 'projection_rebuild_stalled',
      help: '1 while a rebuild is under way and nothing moves',
      registers,
    }),
  };
}

function servingMetrics(registers: Registers) {
  return {
    circuitBreakerState: new Gauge({
      name: 'circuit_breaker_state',
      help: 'State of a circuit breaker: 0 closed, 0.5 half-open, 1 open; the embedded default has none',
      labelNames: ['name'] as const,
      registers,
    }),
    httpRequestDurationSeconds: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Seconds a request took to answer',
      labelNames: ['route', 'method', 'status'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  };
}
