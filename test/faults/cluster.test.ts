import assert from 'node:assert/strict';
import { Client } from '@elastic/elasticsearch';
import type { Broker } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { generateEvents } from '../support/generate-events.ts';
import { eventIdOf, rabbitMqOptions } from '../support/amqp-broker.ts';
import { assertExactly, drainAndStop } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { unrulyEvents, unrulyShare } from '../support/live-load.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { readWholeHistory } from '../support/read-whole-history.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const PUBLISHED_AT_ONCE = 50;
/** There is always something to do, and never so much that a slow machine does not come to its end. */
const MAX_WAITING = 200;
/** Of everything that has to happen: the machine has as many servers to run as a cluster has. */
const PATIENCE_MS = 120_000;
/** Little in hand, so that both projectors have events of one order; and not more for Elasticsearch to do than there has to be. */
const SMALL_BATCHES: Environment = { BATCH_SIZE: '100', PREFETCH: '200', ROLLUP_INTERVAL_MS: '60000' };

/**
 * Three, since a quorum queue (and a stream) of two stands still as soon as it has lost one. Two would lose nothing either, but go on only
 * once the second one is back.
 */
interface RabbitMqNodes {
  /** What is judged is asked of this one. */
  readonly survivor: PrivateServices;
  /** Killed: it leads the queues. */
  readonly leader: PrivateServices;
  /** Keeps the majority. */
  readonly third: PrivateServices;
}

/** The second one holds data only: of two that could be elected none could be lost. */
interface ElasticsearchNodes {
  readonly survivor: PrivateServices;
  /** Killed: it has the primary. */
  readonly primary: PrivateServices;
}

async function startRabbitMq(): Promise<RabbitMqNodes> {
  const common = { only: 'rabbitmq', native: true } as const;
  const of = (node: number) => ({
    ...common,
    name: `cluster-mq-${node}`,
    amqpPort: 5_740 + node,
    esPort: 9_350 + node,
  });
  const survivor = await startPrivateServices(of(1));
  const join = { join: 'cluster-mq-1' };
  const others = [startPrivateServices({ ...of(2), ...join }), startPrivateServices({ ...of(3), ...join })] as const;
  const [leader, third] = await Promise.all(others);
  return { survivor, leader, third };
}

async function startElasticsearch(): Promise<ElasticsearchNodes> {
  const common = { only: 'elasticsearch', native: true } as const;
  const of = (node: number) => ({
    ...common,
    name: `cluster-es-${node}`,
    amqpPort: 5_750 + node,
    esPort: 9_340 + node,
  });
  const survivor = await startPrivateServices(of(1));
  return { survivor, primary: await startPrivateServices({ ...of(2), join: 'cluster-es-1' }) };
}

/** As a producer does that has an outbox: what was not confirmed is published again, for as long as it takes. */
class Producer {
  readonly published: CloudEvent[] = [];
  readonly #broker: Broker;
  readonly #events: Iterator<CloudEvent, never>;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;

  constructor(broker: Broker, events: Iterator<CloudEvent, never>) {
    this.#broker = broker;
    this.#events = events;
    this.#ended = this.#run();
    // Told by `stop`.
    this.#ended.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async publish(events: readonly CloudEvent[]): Promise<void> {
    await eventually(() => this.#broker.publish(events.map(outgoingOf)), PATIENCE_MS);
    this.published.push(...events);
  }

  /** @throws BrokerUnavailableError */
  async #hasRoom(): Promise<boolean> {
    return this.#stopping.signal.aborted || (await this.#broker.queueDepth()) < MAX_WAITING;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.publish(Array.from({ length: PUBLISHED_AT_ONCE }, () => this.#events.next().value));
      await eventually(async () => assert.ok(await this.#hasRoom()), PATIENCE_MS);
    }
  }
}

/** A projector and a producer that know all nodes. */
interface Stage {
  /** Of the nodes that survive. */
  readonly backend: TestBackend;
  /** A further projector, once it is ready. */
  startProjector(): Promise<RunningService>;
  readonly steady: RunningService;
  readonly broker: Broker;
  readonly producer: Producer;
  end(): Promise<void>;
}

/** Without nodes of Elasticsearch, on the one that the tests share. */
async function beginOn(rabbitMq: RabbitMqNodes, elasticsearch: ElasticsearchNodes): Promise<Stage> {
  const { survivor, leader, third } = rabbitMq;
  const surviving = elasticsearch.survivor.elasticsearchUrl;
  const bare = await testBackend({ amqpUrl: survivor.amqpUrl, elasticsearchUrl: surviving });
  const shared = { ...bare.environment, SINGLE_ACTIVE_CONSUMER: 'false', REPLICAS: '1' };
  // Who declares a queue first has its leader at the node that it is connected to.
  const amqpUrls = [leader, survivor, third].map(({ amqpUrl }) => amqpUrl);
  const elasticsearchUrls = [surviving, elasticsearch.primary.elasticsearchUrl];
  const nodes = { AMQP_URL: amqpUrls.join(), ELASTICSEARCH_URL: elasticsearchUrls.join() };
  const projectors: RunningService[] = [];
  const startProjector = async () => {
    const projector = await startService({ ...shared, ...SMALL_BATCHES, ...nodes });
    projectors.push(projector);
    await untilReady(projector, PATIENCE_MS);
    return projector;
  };
  const steady = await startProjector();
  const broker = createRabbitMqBroker(rabbitMqOptions(bare.prefix, { urls: amqpUrls, singleActiveConsumer: false }));
  await broker.open();
  const producer = new Producer(broker, unrulyEvents('cluster'));
  return {
    ...{ startProjector, steady, broker, producer },
    backend: { ...bare, environment: shared },
    end: async () => {
      await Promise.allSettled([producer.stop(), ...projectors.map((projector) => projector.kill())]);
      await broker.close();
      await bare.remove();
    },
  };
}

/**
 * What is published from now on is found, though more is published all the time: several orders, so that each projector has some of them.
 * (By `asOf` it could not be told: a projector that was killed holds it back for two minutes, since nobody knows what was in its hand.)
 */
async function assertGoesOn({ producer, steady }: Stage, after: string): Promise<void> {
  const events = generateEvents({ seed: after, idPrefix: after, orders: 20, eventsPerOrder: { min: 1, max: 1 } });
  await producer.publish(events);
  await eventually(async () => {
    for (const { subject } of events) {
      const { status, body } = await steady.get(`/orders/${subject}`);
      assert.equal(status, 200, `${subject}: ${JSON.stringify(body)}`);
    }
  }, PATIENCE_MS);
}

interface Queue {
  readonly name: string;
  readonly leader: string;
  readonly members: readonly string[];
}

/** The live queue and the history, as a node of the cluster sees them. */
async function queuesOf({ survivor }: RabbitMqNodes, { prefix }: TestBackend): Promise<Queue[]> {
  const columns = ['name', 'leader', 'members', '--formatter', 'json'];
  const all = JSON.parse(await survivor.rabbitmqctl('list_queues', '--quiet', ...columns)) as Queue[];
  const { live, history } = queueNames(prefix);
  return all.filter(({ name }) => name === live || name === history);
}

/** The live generation's primary goes to that node, where its replica is, and a replica is made where it was. */
async function movePrimaryTo(node: string, { environment, prefix }: TestBackend): Promise<void> {
  const index = `${prefix}-000001`;
  const client = new Client({ node: environment['ELASTICSEARCH_URL'] ?? '', requestTimeout: PATIENCE_MS });
  const untilGreen = () => client.cluster.health({ index, wait_for_status: 'green', timeout: '60s' });
  const primaryNode = async () => {
    const shards = await client.cat.shards({ index, format: 'json' });
    return shards.find(({ prirep }) => prirep === 'p')?.node ?? '';
  };
  try {
    await untilGreen();
    const from = await primaryNode();
    if (from !== node) {
      const cancel = { index, shard: 0, node: from, allow_primary: true };
      await client.cluster.reroute({ commands: [{ cancel }] });
      await untilGreen();
    }
    assert.equal(await primaryNode(), node);
  } finally {
    await client.close();
  }
}

/** Events that were confirmed and that the history does not have. */
async function missingFromHistory({ broker, producer }: Stage): Promise<readonly CloudEvent[]> {
  const history = await readWholeHistory(broker);
  const ids = new Set(history.map(({ body }) => eventIdOf(body)));
  return producer.published.filter(({ id }) => !ids.has(id));
}

if (RUNS_LONG_TESTS) {
  describe('a cluster of projectors, RabbitMQ and Elasticsearch', function () {
    this.timeout(5 * PATIENCE_MS);
    let rabbitMq: RabbitMqNodes;
    let elasticsearch: ElasticsearchNodes;
    before(async () => {
      [rabbitMq, elasticsearch] = await Promise.all([startRabbitMq(), startElasticsearch()]);
    });
    // Those that have joined go first.
    after(async () => {
      await Promise.all([rabbitMq.leader.stop(), rabbitMq.third.stop(), elasticsearch.primary.stop()]);
      await Promise.all([rabbitMq.survivor.stop(), elasticsearch.survivor.stop()]);
    });

    describe('when one of each is killed under load, one after the other, and the nodes stay away', () => {
      let stage: Stage;
      before(async () => {
        stage = await beginOn(rabbitMq, elasticsearch);
      });
      after(() => stage.end());

      it('goes on each time, and what is left has exactly the right documents', async () => {
        const { backend, steady, producer } = stage;
        const victim = await stage.startProjector();
        await assertGoesOn(stage, 'two-projectors');

        await victim.kill();
        const successor = await stage.startProjector();
        await assertGoesOn(stage, 'without-a-projector');

        for (const { name, leader, members } of await queuesOf(rabbitMq, backend)) {
          assert.match(leader, /cluster-mq-2@/, name);
          assert.equal(members.length, 3, name);
        }
        await rabbitMq.leader.kill('rabbitmq');
        await assertGoesOn(stage, 'without-a-rabbitmq');

        await movePrimaryTo('cluster-es-2', backend);
        await elasticsearch.primary.kill('elasticsearch');
        await assertGoesOn(stage, 'without-an-elasticsearch');
        await eventually(async () => {
          const { body } = await steady.get<{ parts: { index: { reason?: string } } }>('/health');
          assert.match(body.parts.index.reason ?? '', /is yellow: 1 shard without a node/);
        }, PATIENCE_MS);

        await producer.stop();
        await drainAndStop(backend, successor, PATIENCE_MS);
        await drainAndStop(backend, steady, PATIENCE_MS);
        await assertExactly(backend, producer.published);
        assert.deepEqual(await missingFromHistory(stage), []);
        const share = unrulyShare(producer.published);
        assert.ok(share >= 0.2, `only ${share} of them out of order or again`);
      });
    });
  });
}
