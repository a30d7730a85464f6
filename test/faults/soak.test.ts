import assert from 'node:assert/strict';
import { outgoingOf } from '../../src/sample/cloud-event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { assertExactly, drainAndStop, messageOf, publishMessages, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpProxy, type HttpProxy } from '../support/http-proxy.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { MemoryWatch, MIB } from '../support/memory-samples.ts';
import { startService, untilReady, type Environment } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { endlessFaults, SOAK_FAULTS, type SoakTargets } from '../support/soak-faults.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

/** By hand: `SOAK_EVENTS=200000 SOAK_SEED=… npx mocha test/faults/soak.test.ts`. */
const EVENTS = Number(process.env['SOAK_EVENTS'] ?? 4_000);
const SEED = process.env['SOAK_SEED'] ?? 'soak';
const IS_LONG = EVENTS >= 100_000;
/** They take their time to start again; `kill-while-draining` has that for every day. */
const ONLY_IN_A_LONG_ONE = ['Elasticsearch is killed', 'RabbitMQ is killed'];
const FAULTS = Object.keys(SOAK_FAULTS).filter((name) => IS_LONG || !ONLY_IN_A_LONG_ONE.includes(name));
const MAX_FAULT_MS = IS_LONG ? 6_000 : 1_500;
const EVENTS_A_FAULT = IS_LONG ? 2_500 : Math.ceil(EVENTS / FAULTS.length);
const EVENTS_AN_ORDER = 4.6;
const SMALL_BATCHES: Environment = { PREFETCH: '500', BATCH_SIZE: '200', BATCH_DELAY_MS: '20' };
/** The working set fills as the soak goes on, so that much more is no leak. */
const MAX_GROWTH_BYTES = 160 * MIB;

if (RUNS_LONG_TESTS || process.env['SOAK_EVENTS'] !== undefined) {
  describe(`a soak of ${EVENTS} events with random faults (SOAK_SEED=${SEED})`, function () {
    this.timeout(300_000 + EVENTS * 20);
    let services: PrivateServices;
    let backend: TestBackend;
    let toRabbitMq: TcpProxy;
    let toElasticsearch: TcpProxy;
    let bulks: HttpProxy;

    before(async () => {
      services = await startPrivateServices({
        name: 'soak',
        amqpPort: 5_731,
        esPort: 9_331,
        esHeap: IS_LONG ? '1g' : '512m',
      });
      backend = sharing(await testBackend(services));
      bulks = await startHttpProxy(services.elasticsearchUrl);
      toElasticsearch = await startTcpProxy(addressOf(bulks.url));
      toRabbitMq = await startTcpProxy(addressOf(services.amqpUrl));
    });
    after(async () => {
      await toRabbitMq.close();
      await toElasticsearch.close();
      await bulks.close();
      await services.stop();
    });

    it('ends with exactly the right documents, only poison in the dead letters, and no more memory', async () => {
      const random = createRandom(SEED, 'faults');
      const environment = {
        ...backend.environment,
        ...SMALL_BATCHES,
        AMQP_URL: `amqp://guest:guest@127.0.0.1:${toRabbitMq.port}?heartbeat=2`,
        ELASTICSEARCH_URL: `http://127.0.0.1:${toElasticsearch.port}`,
      };
      const steady = await startService(environment);
      const victim = { service: await startService(environment), environment };
      await untilReady(steady);
      const targets = { services, backend, toRabbitMq, toElasticsearch, bulks, victim, random, maxMs: MAX_FAULT_MS };
      const memory = new MemoryWatch(steady);
      const published = await soak(targets, memory);
      await drainAndStop(backend, victim.service, 300_000);
      await drainAndStop(backend, steady, 60_000);
      memory.stop();
      await assertExactly(backend, published, ['unparseable']);
      const { earlier, later } = memory.thirds();
      console.log(
        `resident: ${inMib(earlier)} in the second third, ${inMib(later)} in the last, ${inMib(memory.most())} at most`,
      );
      assert.ok(later - earlier < MAX_GROWTH_BYTES, `grown from ${inMib(earlier)} to ${inMib(later)}`);
    });
  });
}

/** Publishes portion by portion and lets a fault strike while each is worked on. */
async function soak(targets: SoakTargets, memory: MemoryWatch) {
  const { backend, random } = targets;
  const events = shuffledEvents({ seed: SEED, orders: Math.ceil(EVENTS / EVENTS_AN_ORDER) });
  const faults = endlessFaults(FAULTS, random);
  const startedAt = performance.now();
  for (let from = 0; from < events.length; from += EVENTS_A_FAULT) {
    const portion = events.slice(from, from + EVENTS_A_FAULT);
    await publishMessages(backend, [...portion.map(outgoingOf), messageOf(`no event ${from}`)]);
    const left = random.integer(EVENTS_A_FAULT / 4, EVENTS_A_FAULT);
    await eventually(async () => assert.ok((await backend.queues()).live <= left), 120_000);
    const [name, fault] = faults.next().value;
    await fault(targets);
    if (IS_LONG) report(startedAt, from + portion.length, name, memory);
  }
  return events;
}

function report(startedAt: number, published: number, fault: string, memory: MemoryWatch): void {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  console.log(`${seconds} s, ${published} published, ${inMib(memory.latest())} resident: ${fault}`);
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function sharing(backend: TestBackend): TestBackend {
  return { ...backend, environment: { ...backend.environment, SINGLE_ACTIVE_CONSUMER: 'false' } };
}

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname: host, port } = new URL(url);
  return { host, port: Number(port) };
}
