import { maxAgeMs } from './broker/max-age.ts';
import type { Broker } from './broker/port.ts';
import type { Config, EmbeddedBackend, ServicesBackend } from './config.ts';
import { rabbitMqOptions } from './config/rabbitmq-options.ts';
import type { Logger } from './observability/logging.ts';
import type { Tracing } from './observability/tracing.ts';
import { FOLD_VERSION } from './order/fold.ts';
import type { OrderIndex } from './order-index/port.ts';

/** The two ports behind one choice of backend. */
export interface Backends {
  readonly broker: Broker;
  readonly index: OrderIndex;
}

/** PEM texts of the CA files that the configuration names. */
export interface CertificateAuthorities {
  readonly amqp: string | undefined;
  readonly elasticsearch: string | undefined;
}

export interface BackendDependencies {
  readonly certificateAuthorities: CertificateAuthorities;
  readonly log: Logger;
  readonly tracing?: Tracing | undefined;
  readonly onBreakerState: (name: string, state: 'closed' | 'halfOpen' | 'open') => void;
}

const REQUEST_TIMEOUT_MS = 30_000;
/** Somebody waits for these. */
const READ_TIMEOUT_MS = 10_000;

/** Makes the adapters that the configuration chooses, and loads no others; nothing is opened yet. */
export async function createBackends(config: Config, deps: BackendDependencies): Promise<Backends> {
  const { backend } = config;
  if (backend.kind === 'embedded') return await embedded(config, backend, deps);
  const [broker, index] = await Promise.all([rabbitMq(config, backend, deps), elasticsearch(config, backend, deps)]);
  return { broker, index };
}

async function embedded(
  { prefix, bindingKeys, projector, history }: Config,
  { dataDir }: EmbeddedBackend,
  { log }: BackendDependencies,
): Promise<Backends> {
  const [{ createEmbeddedBroker }, { createEmbeddedIndex }] = await Promise.all([
    import('./broker/embedded/index.ts'),
    import('./order-index/embedded/index.ts'),
  ]);
  return {
    broker: createEmbeddedBroker({
      ...{ dataDir, prefix, bindingKeys, deliveryLimit: projector.deliveryLimit, log },
      historyMaxAgeMs: maxAgeMs(history.maxAge),
    }),
    index: createEmbeddedIndex({ dataDir, prefix, foldVersion: FOLD_VERSION, log }),
  };
}

async function rabbitMq(config: Config, { amqp }: ServicesBackend, deps: BackendDependencies): Promise<Broker> {
  const { createRabbitMqBroker } = await import('./broker/rabbitmq/rabbitmq-broker.ts');
  return createRabbitMqBroker({
    ...rabbitMqOptions(config, amqp.urls, deps.certificateAuthorities.amqp),
    log: deps.log,
    tracing: deps.tracing,
  });
}

async function elasticsearch(
  config: Config,
  { elasticsearch }: ServicesBackend,
  deps: BackendDependencies,
): Promise<OrderIndex> {
  const { createElasticsearchIndex } = await import('./order-index/elasticsearch/index.ts');
  const { prefix, index, projector } = config;
  const ca = deps.certificateAuthorities.elasticsearch;
  return createElasticsearchIndex({
    nodes: elasticsearch.urls,
    ...(elasticsearch.auth && { auth: elasticsearch.auth }),
    ...(ca !== undefined && { caPem: ca }),
    prefix,
    ...index,
    bulkConcurrency: projector.bulkConcurrency,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    readTimeoutMs: READ_TIMEOUT_MS,
    foldVersion: FOLD_VERSION,
    log: deps.log,
    tracing: deps.tracing,
    onBreakerState: deps.onBreakerState,
  });
}
