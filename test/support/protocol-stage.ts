import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Client } from '@elastic/elasticsearch';
import { connect } from 'amqplib';
import type { Broker } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS, FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { Interrupted } from '../../src/projector/back-off.ts';
import type { ProtocolStep } from '../../src/projector/round.ts';
import { historySource } from '../../src/rebuild/event-source.ts';
import { createLease } from '../../src/order-index/lease.ts';
import { createRunRecords } from '../../src/rebuild/records.ts';
import { runRebuild, type RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import { newRun, type NewRun, type RebuildRequest, type RunState } from '../../src/rebuild/state.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { eventually, steadily } from './eventually.ts';
import { heldSteps, type HeldSteps } from './held-steps.ts';
import { startProjector, type InProcessProjector } from './in-process-projector.ts';
import type { Environment } from './running-service.ts';
import { testBackend, type TestBackend } from './test-backend.ts';
import { NO_AGGREGATES } from './no-aggregates.ts';

/**
 * The actors of the protocol of design §2, over the real services and each with connections of its own, whose every step a test can
 * hold. They do nothing unasked: nobody refreshes, sweeps or keeps house, and what is live refreshes by itself only where told.
 */
export interface Stage {
  readonly backend: TestBackend;
  /** For a process that projects or rebuilds too. */
  readonly environment: Environment;
  readonly index: OrderIndex;
  readonly elasticsearch: Client;
  /** `test-…-000002` */
  generation(number: number): string;
  publish(...events: readonly CloudEvent[]): Promise<void>;
  /** Into one queue alone, as where an exchange routes to two and one is behind. */
  publishTo(queue: 'live' | 'history', ...events: readonly CloudEvent[]): Promise<void>;
  /** One that takes a single message at a time: of two, the second one's is the second. */
  projector(options?: StageProjectorOptions): Promise<StageProjector>;
  rebuild(options?: RebuildOptions): Promise<StageRun>;
  activate(number: number, steps?: HeldSteps<RebuildStep>): Promise<StageRun>;
  /** Of an order in a generation, in real time; 0 where it is not there. */
  versionIn(number: number, orderId: string): Promise<number>;
  /** What a reader sees; 0 where it sees nothing. */
  versionSeen(orderId: string): Promise<number>;
  /** `-1`: from now on a generation shows only what somebody refreshes. */
  refreshEvery(number: number, interval: string): Promise<void>;
  refresh(number: number): Promise<void>;
  live(): Promise<string>;
  remove(): Promise<void>;
}

export interface StageProjectorOptions {
  readonly batchSize?: number;
  readonly prefetch?: number;
  /** Batches side by side; by default 1, so that the sweep at the start comes before everything. */
  readonly concurrency?: number;
  readonly sweepIntervalMs?: number;
}

export interface StageProjector extends HeldSteps<ProtocolStep> {
  /** Once everything published is settled by the projectors that live. */
  untilSettled(): Promise<void>;
  /** It does nothing any more from the step that it is held at, and what it had taken goes to others. */
  crash(): Promise<void>;
}

export interface RebuildOptions {
  readonly request?: Partial<RebuildRequest>;
  /** Steps at which it is held from the beginning. */
  readonly steps?: HeldSteps<RebuildStep>;
  readonly leaseExpiryMs?: number;
}

export interface StageRun {
  readonly id: string;
  readonly state: () => Promise<RunState>;
  /** Resolves when this runner runs it no more, with the state that is kept then. */
  readonly ended: Promise<RunState>;
  /** Another runner takes it over at once, as from one that is believed dead. */
  takenOver(steps?: HeldSteps<RebuildStep>): StageRun;
}

const NEVER_MS = 3_600_000;
const LOG = createLogger('silent');
const REQUEST: RebuildRequest = { projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false };

export async function openStage(): Promise<Stage> {
  const backend = await testBackend();
  const environment = { ...backend.environment, SINGLE_ACTIVE_CONSUMER: 'false' };
  const index = indexOf(backend);
  const broker = brokerOf(backend);
  await index.open();
  await broker.open();
  const elasticsearch = new Client({ node: backend.environment['ELASTICSEARCH_URL'] ?? '' });
  const projectors: Actor[] = [];
  const runs = createRuns(backend, broker);
  const generation = (number: number) => `${backend.prefix}-${String(number).padStart(6, '0')}`;
  const stage: Stage = {
    ...{ backend, environment, index, elasticsearch, generation },
    publish: (...events) => broker.publish(events.map(outgoingOf)),
    publishTo: (queue, ...events) => publishTo(backend, queueNames(backend.prefix)[queue], events),
    async projector(options = {}) {
      const actor = await startActor(backend, options);
      projectors.push(actor);
      return {
        ...actor.steps,
        crash: () => crash(actor),
        untilSettled: () => steadily(() => assertSettled(backend, projectors), 15_000),
      };
    },
    rebuild: ({ request, ...options } = {}) =>
      runs.begin({ kind: 'rebuild', request: { ...REQUEST, ...request } }, options),
    async activate(number, steps = heldSteps()) {
      const { epoch, live } = await index.registry();
      const target = { generation: generation(number), number, from: live.generation, epoch };
      return await runs.begin({ kind: 'activation', request: { ...REQUEST, keep: 0 }, target }, { steps });
    },
    versionIn: (number, orderId) => versionIn(elasticsearch, generation(number), orderId),
    versionSeen: async (orderId) => (await index.get(orderId))?.version ?? 0,
    refreshEvery: async (number, interval) => {
      await elasticsearch.indices.putSettings({ index: generation(number), settings: { refresh_interval: interval } });
    },
    refresh: (number) => index.generations.refresh(generation(number)),
    live: async () => (await index.registry()).live.generation,
    async remove() {
      await runs.stop();
      for (const { running, steps, isCrashed } of projectors) {
        if (isCrashed) continue;
        steps.releaseAll();
        await running.stop();
      }
      await Promise.all([broker.close(), index.close(), elasticsearch.close()]);
      await backend.remove();
    },
  };
  await stage.refreshEvery(1, '-1');
  return stage;
}

function indexOf({ environment, prefix }: TestBackend): OrderIndex {
  return createElasticsearchIndex({
    nodes: [environment['ELASTICSEARCH_URL'] ?? ''],
    ...{ prefix, shards: 1, replicas: 0, refreshInterval: '1s', bulkConcurrency: 2 },
    ...{ requestTimeoutMs: 10_000, foldVersion: FOLD_VERSION, log: LOG },
  });
}

function brokerOf({ environment, prefix }: TestBackend): Broker {
  return createRabbitMqBroker({
    urls: [environment['AMQP_URL'] ?? ''],
    ...{ prefix, exchange: prefix, bindingKeys: ['order.#'], singleActiveConsumer: false, deliveryLimit: 50 },
    ...{ historyMaxAge: '30D', log: LOG },
  });
}

interface Actor {
  readonly running: InProcessProjector;
  readonly steps: HeldSteps<ProtocolStep>;
  isCrashed: boolean;
}

async function startActor(backend: TestBackend, options: StageProjectorOptions): Promise<Actor> {
  const steps = heldSteps<ProtocolStep>();
  const quiet = { freshnessIntervalMs: NEVER_MS, sweepIntervalMs: NEVER_MS, withdrawAfterMs: NEVER_MS };
  const running = await startProjector(backend, {
    ...{ singleActiveConsumer: false, requestTimeoutMs: 10_000, reached: steps.reached },
    projector: {
      ...{ ...quiet, prefetch: 1, batchSize: 1, batchDelayMs: 5, concurrency: 1, instance: randomUUID() },
      ...options,
    },
  });
  return { running, steps, isCrashed: false };
}

async function crash(actor: Actor): Promise<void> {
  actor.isCrashed = true;
  actor.steps.abandon(new Interrupted());
  await actor.running.stop();
}

async function assertSettled(backend: TestBackend, projectors: readonly Actor[]): Promise<void> {
  const alive = projectors.filter(({ isCrashed }) => !isCrashed);
  const inHand = alive.reduce((sum, { running }) => sum + running.projector.inHand(), 0);
  assert.equal((await backend.queues()).live + inHand, 0, 'events wait');
}

async function publishTo({ environment }: TestBackend, queue: string, events: readonly CloudEvent[]): Promise<void> {
  const connection = await connect(environment['AMQP_URL'] ?? '');
  try {
    const channel = await connection.createConfirmChannel();
    for (const event of events) channel.sendToQueue(queue, Buffer.from(JSON.stringify(event)), { persistent: true });
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

async function versionIn(elasticsearch: Client, index: string, id: string): Promise<number> {
  const { found, _version: version = 0 } = await elasticsearch.get({ index, id, realtime: true }, { ignore: [404] });
  return found ? version : 0;
}

/** Runners of rebuilds and activations, each as in a process of its own. */
function createRuns(backend: TestBackend, broker: Broker) {
  const stopping = new AbortController();
  const indices: OrderIndex[] = [];
  const scripts: HeldSteps<RebuildStep>[] = [];
  const running: Promise<RunState>[] = [];
  const runner = (
    id: string,
    { steps = heldSteps(), leaseExpiryMs = 0 }: Omit<RebuildOptions, 'request'>,
  ): StageRun => {
    const index = indexOf(backend);
    indices.push(index);
    scripts.push(steps);
    const instance = randomUUID();
    const records = createRunRecords({ store: index, writer: instance, now: () => Date.now() });
    const state = async () => {
      const kept = await records.read(id);
      assert.ok(kept);
      return kept.state;
    };
    const lease = createLease({
      ...{ index, instance, name: 'rebuild', expiryMs: leaseExpiryMs, renewMs: 1_000 },
      clock: () => performance.now(),
    });
    const run = async () => {
      await lease.hold();
      await runRebuild(
        id,
        {
          ...{
            index,
            rollups: NO_AGGREGATES,
            records,
            lease,
            log: LOG,
            reached: steps.reached,
            maxMessageBytes: 4 * 1024 * 1024,
          },
          ...{ storageLimits: DEFAULT_STORAGE_LIMITS, now: () => new Date(), onState: () => undefined },
          openSource: () => historySource(broker),
        },
        stopping.signal,
      );
      return await state();
    };
    const ended = run();
    running.push(ended);
    return { id, state, ended, takenOver: (others = heldSteps()) => runner(id, { steps: others }) };
  };
  return {
    async begin(run: Pick<NewRun, 'kind' | 'request' | 'target'>, options: Omit<RebuildOptions, 'request'>) {
      const index = indexOf(backend);
      indices.push(index);
      const records = createRunRecords({ store: index, writer: randomUUID(), now: () => Date.now() });
      const id = randomUUID();
      const begun = await records.begin(newRun({ ...run, id, startedAt: Date.now() }));
      assert.equal(begun.kind, 'begun');
      return runner(id, options);
    },
    async stop() {
      stopping.abort();
      for (const script of scripts) script.releaseAll();
      await Promise.allSettled(running);
      for (const index of indices) await index.close();
    },
  };
}

/** Event `sequence` of a plain order: placed, then one more tag with every event. */
export function eventOf(orderId: string, sequence: number, change: { id?: string; tag?: string } = {}): CloudEvent {
  const { id = `${orderId}:${sequence}` } = change;
  const items = [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
  const placed = {
    ...{ customer: { id: 'c-1', name: 'José' }, sellerId: 's-1', currency: 'EUR' },
    ...{ items, totalCents: 100, tags: [] },
  };
  return {
    ...{ specversion: '1.0', id, source: '/test', type: sequence === 1 ? 'order.placed.v2' : 'order.tagged.v1' },
    ...{ subject: orderId, partitionkey: orderId, sequence, datacontenttype: 'application/json' },
    time: `2026-01-01T00:00:${String(sequence).padStart(2, '0')}.000Z`,
    data: sequence === 1 ? placed : { add: [change.tag ?? id], remove: [] },
  };
}

/** Where the test waits for what another actor does. */
export async function untilVersionIn(stage: Stage, number: number, orderId: string, version: number): Promise<void> {
  await eventually(async () => assert.equal(await stage.versionIn(number, orderId), version));
}
