import assert from 'node:assert/strict';
import type { PartHealth } from '../../src/observability/health.ts';
import type { Broker } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { DEFAULT_STORAGE_LIMITS, FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { Projector, type ProjectorOptions } from '../../src/projector/projector.ts';
import type { ProtocolStep } from '../../src/projector/round.ts';
import { eventually, steadily } from './eventually.ts';
import type { TestBackend } from './test-backend.ts';

/** The projector over the real services with timeouts that a test can wait for; the operators' are tens of seconds. */
export interface InProcessProjector {
  readonly projector: Projector;
  readonly index: OrderIndex;
  readonly broker: Broker;
  health(): PartHealth;
  stop(): Promise<void>;
  /** Stops it once nothing waits and nothing is in hand. */
  drainAndStop(timeoutMs?: number): Promise<void>;
}

export interface InProcessOptions {
  /** Where they are reached by way of a proxy. */
  readonly amqpUrl?: string;
  readonly elasticsearchUrl?: string;
  readonly requestTimeoutMs?: number;
  readonly deliveryLimit?: number;
  readonly singleActiveConsumer?: boolean;
  /** Where a test holds it. */
  readonly reached?: (step: ProtocolStep) => Promise<void>;
  readonly projector?: Partial<ProjectorOptions>;
}

const BULK_CONCURRENCY = 2;
const STOP_LIMIT_MS = 5_000;

export async function startProjector(
  backend: TestBackend,
  options: InProcessOptions = {},
): Promise<InProcessProjector> {
  const { environment, prefix } = backend;
  const { amqpUrl = environment['AMQP_URL'] ?? '', elasticsearchUrl = environment['ELASTICSEARCH_URL'] ?? '' } =
    options;
  const log = createLogger('silent');
  const index = createElasticsearchIndex({
    nodes: [elasticsearchUrl],
    prefix,
    shards: 1,
    replicas: 0,
    refreshInterval: '1s',
    bulkConcurrency: BULK_CONCURRENCY,
    requestTimeoutMs: options.requestTimeoutMs ?? 1_500,
    foldVersion: FOLD_VERSION,
    breakerResetMs: 300,
    log,
  });
  const broker = createRabbitMqBroker({
    urls: [amqpUrl],
    prefix,
    exchange: prefix,
    bindingKeys: ['order.#'],
    singleActiveConsumer: options.singleActiveConsumer ?? true,
    deliveryLimit: options.deliveryLimit ?? 50,
    historyMaxAge: '30D',
    log,
  });
  // As the service does at its start: what is between it and Elasticsearch may lose an answer.
  await eventually(() => index.open());
  await broker.open();
  const projector = new Projector(
    { ...OPTIONS, ...options.projector },
    {
      ...{ index, broker, log, metrics: createMetrics(), wrote: () => undefined },
      ...{ delivered: () => undefined },
      reached: options.reached ?? (() => Promise.resolve()),
    },
  );
  await projector.start();
  const stop = async () => {
    await projector.stop(STOP_LIMIT_MS);
    await broker.close();
    await index.close();
  };
  return {
    projector,
    index,
    broker,
    health: () => projector.health(projector.asOf()),
    stop,
    async drainAndStop(timeoutMs = 90_000) {
      const drained = async () => assert.equal((await backend.queues()).live + projector.inHand(), 0);
      try {
        await steadily(drained, timeoutMs);
      } finally {
        await stop();
      }
    },
  };
}

/** An outage has lasted: everything has gone back to the queue, and nothing is taken. */
export async function untilWithdrawn(running: InProcessProjector, timeoutMs?: number): Promise<void> {
  await eventually(() => {
    assert.equal(running.projector.inHand(), 0);
    assert.deepEqual((running.health().details?.['intake'] as { state: string }).state, 'held');
  }, timeoutMs);
}

const OPTIONS: ProjectorOptions = {
  prefetch: 400,
  batchSize: 100,
  batchDelayMs: 20,
  concurrency: BULK_CONCURRENCY + 1,
  maxMessageBytes: 4 * 1024 * 1024,
  storageLimits: DEFAULT_STORAGE_LIMITS,
  freshnessIntervalMs: 500,
  sweepIntervalMs: 1_000,
  withdrawAfterMs: 500,
  earlyHoldMs: 0,
  instance: 'in process',
  lossNoticedMs: 0,
};
