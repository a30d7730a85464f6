import assert from 'node:assert/strict';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf } from '../../src/sample/cloud-event.ts';
import { generateEvents } from '../../src/sample/generate-events.ts';
import { eventually } from '../support/eventually.ts';
import { compareDocuments, expectedDocuments, type CloudEventJson } from '../support/oracle.ts';
import { startService, type Environment, type RunningService } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const EVENTS = 20_000;
const KILLS = 10;
const DUPLICATE_SHARE = 0.1;
const SHUFFLE_WINDOW = 200;
/** Small batches and a small prefetch, so that every kill finds many of them in hand. */
const SMALL_BATCHES: Environment = { BATCH_SIZE: '100', PREFETCH: '400' };

/** Shuffled within windows, a tenth sent twice. */
function events(seed: string): CloudEventJson[] {
  const options = { orders: 4_500, shuffleWindow: SHUFFLE_WINDOW, duplicateShare: DUPLICATE_SHARE };
  const generated = generateEvents({ seed, ...options });
  assert.ok(generated.length >= EVENTS, `only ${generated.length} events`);
  return generated.map((event) => ({ ...event }));
}

async function publish(backend: TestBackend, all: readonly CloudEventJson[]): Promise<void> {
  const { PREFIX: prefix = '', AMQP_URL: url = '' } = backend.environment;
  const broker = createRabbitMqBroker({
    urls: [url],
    prefix,
    exchange: prefix,
    bindingKeys: ['order.#'],
    singleActiveConsumer: true,
    deliveryLimit: 50,
    historyMaxAge: '30D',
    log: createLogger('silent'),
  });
  await broker.open();
  for (let from = 0; from < all.length; from += 1_000) {
    await broker.publish(all.slice(from, from + 1_000).map((event) => outgoingOf(event as never)));
  }
  await broker.close();
}

/** Nothing waits, nothing is in hand, and it stays so for a while: the queue shows ready messages alone. */
async function untilDrained(backend: TestBackend, service: RunningService): Promise<void> {
  await eventually(async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    assert.match(text, /^projection_lag_messages 0$/m);
    assert.equal((await backend.queues()).live, 0);
  }, 120_000);
}

async function assertExactly(backend: TestBackend, all: readonly CloudEventJson[]): Promise<void> {
  const expected = expectedDocuments(all);
  await eventually(async () => assert.equal(await backend.countParked(), 0), 60_000);
  const documents = await backend.documents();
  assert.deepEqual([...documents.keys()].sort(), [...expected.keys()].sort());
  const wrong = [...expected.values()].flatMap((order) => compareDocuments(order, documents.get(order.orderId)));
  assert.deepEqual(wrong, []);
  assert.deepEqual(await backend.queues(), { live: 0, deadLetters: 0 });
}

describe('a drain of 20,000 shuffled and duplicated events', function () {
  this.timeout(300_000);

  describe(`when the projector is killed ${KILLS} times`, () => {
    it('ends with exactly the right documents, nothing waiting and nothing dead-lettered', async () => {
      const backend = await testBackend();
      const all = events('kills');
      let service = await startService({ ...backend.environment, ...SMALL_BATCHES });
      await publish(backend, all);
      for (let kill = 1; kill <= KILLS; kill++) {
        const left = all.length * (1 - kill / (KILLS + 2));
        await eventually(async () => assert.ok((await backend.queues()).live < left), 60_000);
        await service.kill();
        service = await startService({ ...backend.environment, ...SMALL_BATCHES });
      }
      await untilDrained(backend, service);
      await assertExactly(backend, all);
      await service.stop();
      await backend.remove();
    });
  });

  describe('when RabbitMQ and Elasticsearch are killed and started again', () => {
    let services: PrivateServices;
    before(async () => {
      services = await startPrivateServices({ name: 'drain', amqpPort: 15_672, esPort: 19_200 });
    });
    after(() => services.stop());

    it('ends with exactly the right documents, nothing waiting and nothing dead-lettered', async () => {
      const backend = await testBackend(services);
      const all = events('restarts');
      const service = await startService({ ...backend.environment, ...SMALL_BATCHES });
      await publish(backend, all);
      for (const [index, name] of (['elasticsearch', 'rabbitmq'] as const).entries()) {
        const left = all.length * (1 - (index + 1) / 4);
        await eventually(async () => assert.ok((await backend.queues()).live < left), 60_000);
        await services.kill(name);
        await services.start(name);
      }
      await untilDrained(backend, service);
      await assertExactly(backend, all);
      await service.stop();
    });
  });
});
