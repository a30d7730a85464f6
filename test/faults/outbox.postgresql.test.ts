import assert from 'node:assert/strict';
import { AmqpPublisher } from '../../examples/order-service/publisher.ts';
import { appendEvent, Relay, type RelayStep } from '../../src/outbox/index.ts';
import { assertExactly, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { committedEvents, placedData, startOrderService, unpublishedEvents } from '../support/order-service.ts';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

const MINUTE_MS = 60_000;
const STEPS: readonly RelayStep[] = ['claimed', 'published', 'marked', 'committed'];
/** Between these the relay talks to the broker, or trusts what it has said. */
const BROKER_STEPS: readonly RelayStep[] = ['claimed', 'published'];
const ORDERS = 12;

/** Every committed order is found, no rolled-back one is, whatever is killed. */
describe('the outbox when something is killed', function () {
  this.timeout(2 * MINUTE_MS);
  let services: PrivateServices;
  let backend: TestBackend;
  let database: TestDatabase;
  let search: RunningService;
  let environment: Readonly<Record<string, string>>;

  before(async () => {
    services = await startPrivateServices({ name: 'outbox-test', amqpPort: 5697, esPort: 9297, only: 'rabbitmq' });
    backend = await testBackend({ ...SHARED_SERVICES, amqpUrl: services.amqpUrl });
    database = await testDatabase();
    search = await startService(backend.environment);
    await untilReady(search);
    environment = { POSTGRES_URL: database.url, AMQP_URL: services.amqpUrl, EXCHANGE: backend.prefix };
    // The shop's own tables.
    await (await startOrderService(environment)).stop();
  });
  after(async () => {
    await search.stop();
    await backend.remove();
    await database.remove();
    await services.stop();
  });

  /** A transaction that fails when all is written: the event must never be heard of. */
  async function rollBack(orderId: string): Promise<void> {
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await appendEvent(client, { orderId, type: 'order.placed.v2', source: '/order-service', data: placedData() });
    await client.query('ROLLBACK');
    client.release();
  }

  for (const step of STEPS) {
    it(`loses nothing: the order service, just when its relay has ${step}`, async () => {
      const shop = await startOrderService({ ...environment, RELAY_FAULT_POINT: `${step}#2:kill` });
      const asked = Array.from({ length: ORDERS }, async (_, index) => {
        await shop.ask('PUT', `/orders/${step}-${index}`, placedData());
        await rollBack(`${step}-${index}-rolled-back`);
        await shop.ask('POST', `/orders/${step}-${index}/payments`, { amountCents: 2_500 });
        await shop.ask('POST', `/orders/${step}-${index}/shipment`, {});
      });
      // Who was answered nothing does not know whether it was committed; the outbox does.
      await Promise.allSettled(asked);
      assert.equal(await shop.ended, 'SIGKILL');
    });
  }

  for (const step of BROKER_STEPS) {
    it(`loses nothing: the broker, just when the relay has ${step}`, async () => {
      const publisher = new AmqpPublisher(services.amqpUrl, backend.prefix);
      let killed: Promise<void> | undefined;
      const troubles: unknown[] = [];
      const relay = new Relay({
        pool: database.pool,
        publish: (events) => publisher.publish(events),
        onTrouble: (error) => troubles.push(error),
        // Not waited for after it has begun: what is published next meets a broker that is dying.
        reached: async (at) => {
          if (at === step) killed ??= services.kill('rabbitmq').then(() => services.start('rabbitmq'));
        },
      });
      relay.start();
      for (let index = 0; index < ORDERS; index++) {
        const orderId = `broker-${step}-${index}`;
        await rollBack(orderId);
        await appendEvent(database.pool, {
          orderId,
          type: 'order.placed.v2',
          source: '/order-service',
          data: placedData(),
        });
      }
      await eventually(() => assert.ok(killed !== undefined));
      await killed;
      await eventually(async () => assert.equal(await unpublishedEvents(database), 0), MINUTE_MS);
      await relay.stop();
      await publisher.close();
    });
  }

  it('finds exactly what was committed, in the end', async () => {
    const shop = await startOrderService(environment);
    assert.equal((await shop.ask('PUT', '/orders/last', placedData())).status, 201);
    await eventually(async () => assert.equal(await unpublishedEvents(database), 0), MINUTE_MS);
    await shop.stop();
    await untilDrained(backend, search);
    await search.stop();
    const events = await committedEvents(database);
    assert.ok(events.length >= STEPS.length + BROKER_STEPS.length * ORDERS);
    assert.ok(events.every(({ subject }) => !subject.endsWith('rolled-back')));
    await assertExactly(backend, events);
  });
});
