import { createAggregating, type Aggregating } from './aggregating.ts';
import { createBackends, type Backends, type CertificateAuthorities } from './backends.ts';
import { BrokerUnavailableError } from './broker/port.ts';
import type { Config } from './config.ts';
import {
  createFreshnessReader,
  createFreshnessRecord,
  type FreshnessRecordReader,
} from './service/freshness-reader.ts';
import { createHttpApp } from './http/app.ts';
import { createAuthenticator, logAuthenticationOutages } from './http/auth.ts';
import type { HttpDependencies } from './http/dependencies.ts';
import { listen, type HttpServer } from './http/server.ts';
import { createInHandReader } from './service/in-hand-reader.ts';
import { LagRecorder } from './service/lag-recorder.ts';
import { createGaugeReader } from './service/gauges.ts';
import { allEnded } from './back-off/all-ended.ts';
import { endingWith } from './back-off/ending.ts';
import { instanceOf, rebuilderOf } from './service/instance.ts';
import { sharedRead } from './service/shared-read.ts';
import { serviceHealth, type SharedKnowledge } from './service/health.ts';
import type { Logger } from './observability/logging.ts';
import { BREAKER_STATES, createMetrics, type Metrics } from './observability/metrics.ts';
import type { Tracing } from './observability/tracing.ts';
import { DEFAULT_STORAGE_LIMITS } from './order/fold.ts';
import { createVersionAwaiter } from './order-index/await-version.ts';
import { createVersionWaits } from './order-index/version-waits.ts';
import type { VersionWaits } from './order-index/version-waits.ts';
import { GapMonitor } from './projector/gap-monitor.ts';
import { pageOfGaps } from './projector/gaps.ts';
import { startDeadLetterDrainer, type DeadLetterDrainer } from './projector/dead-letter-drainer.ts';
import { createDeadLetterOperations } from './projector/dead-letter-operations.ts';
import { LateEvents } from './projector/late-events.ts';
import { Projector } from './projector/projector.ts';
import { createRepair } from './projector/repair.ts';
import type { ProtocolStep } from './projector/round.ts';
import { SilenceWatch } from './projector/silence-watch.ts';
import { createRebuilding, type Rebuilding } from './rebuilding.ts';
import type { RebuildStep } from './rebuild/run-rebuild.ts';
import type { RollupStep } from './rollups/turn.ts';
import { startSampleFeed, type SampleFeed } from './service/sample-feed.ts';
import { untilAvailable } from './service/until-available.ts';

export interface AppDependencies {
  readonly log: Logger;
  readonly certificateAuthorities: CertificateAuthorities;
  /** Where spans are made; closed by whoever has made it. */
  readonly tracing?: Tracing | undefined;
  /** Called at each step of the projector's protocol and of a rebuild: a test's fault point. */
  readonly reached?: (step: ProtocolStep | RebuildStep | RollupStep) => Promise<void>;
}

export interface App {
  /**
   * Listens, then opens the index and the broker. While one of them cannot be reached it goes on trying, and says so in `/health`.
   * @throws IndexConfigurationError, BrokerTopologyError, or the system's error where the address cannot be listened on
   */
  start(): Promise<void>;
  /** The port that the HTTP interface listens on, whatever the role; 0 before `start`. */
  port(): number;
  /** Whether it publishes sample orders itself; known once `start` has resolved. */
  sendsSampleOrders(): boolean;
  /** Takes no more, finishes what is in hand within the limit, and closes everything. */
  close(limitMs: number): Promise<void>;
}

const FRESHNESS_INTERVAL_MS = 1_000;
const SWEEP_INTERVAL_MS = 30_000;
const GAP_INTERVAL_MS = 5_000;
const LAG_INTERVAL_MS = 5_000;
const LAG_KEPT_MS = 15 * 60_000;
const WITHDRAW_AFTER_MS = 60_000;
const EARLY_HOLD_MS = 200;
const REPLAYING = 'a rebuild is reading events again, the missing ones perhaps among them: wait until it is over';
/** Two of RabbitMQ's heartbeat intervals. */
const LOSS_NOTICED_MS = 120_000;

/** The whole service, put together as the configuration says. */
export async function createApp(config: Config, deps: AppDependencies): Promise<App> {
  const metrics = createMetrics();
  const backends = await createBackends(config, {
    ...deps,
    onBreakerState: (name, state) => metrics.circuitBreakerState.set({ name }, BREAKER_STATES[state]),
  });
  const stopping = new AbortController();
  const silence = new SilenceWatch();
  const record = createFreshnessRecord(backends.index, config.role === 'api' ? silence : undefined);
  const freshness = createFreshnessReader(record, () => service.projector?.asOf());
  const { reached = () => Promise.resolve(), log } = deps;
  const common = { config, backends, metrics, log, instance: rebuilderOf(config), reached };
  const lateEvents = createLateEvents(config, metrics);
  const aggregating = createAggregating({ ...common, freshness, sawEventTime: (time) => lateEvents.saw(time) });
  const inHand = readInHand(record, () => service);
  const service: Service = {
    ...{ config, deps, metrics, backends, stopping, aggregating, lateEvents, silence, inHand },
    ...{ waitingFor: undefined, isIndexOpen: false },
    versionWaits: createVersionWaits(),
    rebuilding: createRebuilding({ ...common, aggregating, stopping: stopping.signal }),
    lag: createLagRecorder(backends, record, inHand),
  };
  const silent = async () => silence.silentOthers(await record(), instanceOf(config));
  const http = httpDependencies(service, { freshness, silentOthers: silent });
  return {
    start: async () => {
      const serves = config.role === 'projector' ? 'operations' : 'all';
      service.server = await listen(createHttpApp(http, serves, config.http), config.http);
      deps.log.info({ host: config.http.host, port: service.server.port, backend: config.backend.kind }, 'listening');
      await openBackends(service);
      if (config.role !== 'api') await startProjecting(service);
    },
    port: () => service.server?.port ?? 0,
    sendsSampleOrders: () => service.samples !== undefined,
    close: (limitMs) => closeAll(service, limitMs),
  };
}

/** What runs; filled in as it starts. */
interface Service {
  readonly config: Config;
  readonly deps: AppDependencies;
  readonly metrics: Metrics;
  readonly backends: Backends;
  readonly stopping: AbortController;
  waitingFor: string | undefined;
  /** Whether the index is there to be read. */
  isIndexOpen: boolean;
  /** Readers who wait for a write; the projector wakes them. */
  readonly versionWaits: VersionWaits;
  readonly rebuilding: Rebuilding;
  readonly aggregating: Aggregating;
  readonly lateEvents: LateEvents;
  readonly silence: SilenceWatch;
  /** Events that the projectors have in hand, all of them. */
  readonly inHand: () => Promise<number>;
  readonly lag: LagRecorder;
  server?: HttpServer;
  projector?: Projector;
  gaps?: GapMonitor;
  drainer?: DeadLetterDrainer;
  samples?: SampleFeed | undefined;
}

function createLateEvents({ rollups }: Config, metrics: Metrics): LateEvents {
  return new LateEvents({
    graceMs: rollups.lateGraceSeconds * 1_000,
    now: () => Date.now(),
    onLate: () => metrics.lateEvents.inc(),
  });
}

async function openBackends(service: Service): Promise<void> {
  const { broker, index } = service.backends;
  await untilAvailable(service, () => index.open());
  service.isIndexOpen = true;
  if (service.config.role !== 'projector') service.lag.start();
  // Whatever a swap has left behind, and what needs no broker, does not wait for one.
  if (service.config.role !== 'api') {
    service.rebuilding.start();
    service.aggregating.start();
  }
  await untilAvailable(service, () => broker.open());
}

function readInHand(record: FreshnessRecordReader, service: () => Service): () => Promise<number> {
  return createInHandReader(record, {
    own: () => service().projector?.inHand() ?? 0,
    instance: () => instanceOf(service().config),
    now: () => Date.now(),
  });
}

function createLagRecorder(
  { broker }: Backends,
  record: FreshnessRecordReader,
  inHand: Service['inHand'],
): LagRecorder {
  return new LagRecorder({
    freshness: createFreshnessReader(record, () => undefined),
    queueDepth: () => broker.queueDepth(),
    inHand,
    intervalMs: LAG_INTERVAL_MS,
    keptMs: LAG_KEPT_MS,
    now: () => Date.now(),
  });
}

async function startProjecting(service: Service): Promise<void> {
  const { config, deps, metrics, backends } = service;
  const { projector: options } = config;
  const projector = new Projector(
    {
      ...options,
      concurrency: options.bulkConcurrency + 1,
      storageLimits: { ...DEFAULT_STORAGE_LIMITS, maxEvents: options.maxStoredEvents },
      freshnessIntervalMs: FRESHNESS_INTERVAL_MS,
      sweepIntervalMs: SWEEP_INTERVAL_MS,
      instance: instanceOf(config),
      // A single active consumer's queue hands out nothing to the next one before it has noticed.
      lossNoticedMs: options.singleActiveConsumer ? 0 : LOSS_NOTICED_MS,
      withdrawAfterMs: WITHDRAW_AFTER_MS,
      earlyHoldMs: options.singleActiveConsumer ? 0 : EARLY_HOLD_MS,
    },
    {
      ...backends,
      metrics,
      log: deps.log,
      tracing: deps.tracing,
      silence: service.silence,
      reached: deps.reached ?? (() => Promise.resolve()),
      wrote: (written) => {
        service.versionWaits.wrote(written.state.orderId, written.state.version);
        service.lateEvents.wrote(written);
      },
      delivered: (event) => service.lateEvents.delivered(event),
    },
  );
  await untilAvailable(service, () => projector.start());
  service.projector = projector;
  await untilAvailable(service, async () => {
    service.drainer = await startDeadLetterDrainer({ ...backends, log: deps.log });
  });
  service.gaps = startGapMonitor(service);
  if (config.backend.kind === 'embedded') service.samples = await startSampleFeed(backends, config, deps.log);
}

/** Where the projector runs, so that an operator is told by the part that is held up. */
function startGapMonitor(service: Service): GapMonitor {
  const gaps = new GapMonitor({
    ...gapOptions(service),
    index: service.backends.index,
    intervalMs: GAP_INTERVAL_MS,
    onSummary: ({ gappedOrders, oldestParkedSeconds }) => {
      service.metrics.oldestParkedSeconds.set(oldestParkedSeconds);
      service.metrics.gappedOrders.set(gappedOrders);
    },
  });
  gaps.start();
  return gaps;
}

function gapOptions({ config }: Service) {
  return { graceMs: config.projector.gapGraceSeconds * 1_000, now: () => new Date() };
}

/** What the operator's interface does about parked events. */
function parkedDependencies(service: Service): Pick<HttpDependencies, 'parkedOrders' | 'repair'> {
  const { config, deps, backends, stopping } = service;
  const signal = endingWith(stopping.signal, new BrokerUnavailableError('the service is stopping'));
  const options = { ...gapOptions(service), signal };
  const { maxMessageBytes } = config.projector;
  const repair = createRepair({ ...backends, ...options, maxMessageBytes, log: deps.log });
  return {
    parkedOrders: (page) => pageOfGaps(backends.index, options, page),
    repair: async (request) => {
      const isTooSoon = request.missing === 'skip' && (await service.rebuilding.isReplaying());
      return isTooSoon ? { kind: 'refused', reason: REPLAYING } : await repair(request);
    },
  };
}

/**
 * Side by side, since each may wait for a service that does not answer: a rebuild that does must not keep the projector from settling what
 * it has in hand and saying farewell. All of it together, and then the requests under way, have `limitMs`.
 * @throws the first failure, once everything has ended
 */
async function closeAll(service: Service, limitMs: number): Promise<void> {
  const { stopping, samples, projector, drainer, gaps, lag, rebuilding, aggregating, server, backends } = service;
  const until = performance.now() + limitMs;
  stopping.abort();
  await samples?.stop();
  const endings = [rebuilding.stop(), aggregating.stop(), lag.stop()];
  const ofProjecting = [projector?.stop(limitMs), drainer?.stop(), gaps?.stop()].filter(
    (ending) => ending !== undefined,
  );
  await allEnded([...endings, ...ofProjecting]);
  await server?.close(Math.max(0, until - performance.now()));
  await backends.broker.close();
  await backends.index.close();
}

function httpDependencies(service: Service, shared: SharedKnowledge): HttpDependencies {
  const { config, deps, metrics, backends } = service;
  const { freshness } = shared;
  const readGauges = sharedRead(createGaugeReader(service, freshness));
  return {
    search: (query, signal) => backends.index.search(query, signal),
    suggest: (query, signal) => backends.index.suggest(query, signal),
    customerOrders: (query, signal) => backends.index.customerOrders(query, signal),
    getOrder: (orderId, signal) => backends.index.get(orderId, signal),
    awaitVersion: createVersionAwaiter(backends.index, service.versionWaits, service.stopping.signal),
    freshness,
    lag: (since) => service.lag.report(since),
    ...parkedDependencies(service),
    deadLetters: createDeadLetterOperations(backends),
    aggregates: service.aggregating.reads,
    verifyAggregates: (signal) => service.aggregating.verify(signal),
    rebuilds: service.rebuilding.rebuilds,
    generations: service.rebuilding.generations,
    health: sharedRead(() => serviceHealth(service, shared)),
    metricsText: async () => {
      await readGauges();
      return { contentType: metrics.registry.contentType, body: await metrics.registry.metrics() };
    },
    observeRequest: ({ route, method, status, durationSeconds }) =>
      metrics.httpRequestDurationSeconds.observe({ route, method, status }, durationSeconds),
    authenticate: logAuthenticationOutages(createAuthenticator(config.auth), deps.log),
    log: deps.log,
    tracing: deps.tracing,
  };
}
