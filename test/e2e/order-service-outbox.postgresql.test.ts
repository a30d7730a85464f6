import assert from 'node:assert/strict';
import { amqpAddress, amqpUrlVia, declareQueueOfAll, deleteQueueOfAll, uniquePrefix } from '../support/amqp-broker.ts';
import { eventually } from '../support/eventually.ts';
import {
  committedEvents,
  placedData,
  startOrderService,
  unpublishedEvents,
  type RunningOrderService,
} from '../support/order-service.ts';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

describe('the outbox of examples/order-service', function () {
  this.timeout(60_000);
  let name: string;
  let proxy: TcpProxy;
  let database: TestDatabase;
  let shop: RunningOrderService | undefined;

  beforeEach(async () => {
    name = uniquePrefix();
    await declareQueueOfAll(name);
    [proxy, database] = await Promise.all([startTcpProxy(amqpAddress()), testDatabase()]);
  });
  afterEach(async () => {
    await shop?.stop();
    shop = undefined;
    await Promise.all([proxy.close(), database.remove()]);
    await deleteQueueOfAll(name);
  });

  async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningOrderService> {
    shop = await startOrderService({ POSTGRES_URL: database.url, AMQP_URL: amqpUrlVia(proxy), EXCHANGE: name, ...env });
    return shop;
  }

  async function done(started: RunningOrderService, method: string, path: string, body: object): Promise<void> {
    const { status, body: said } = await started.ask(method, path, body);
    assert.ok(status === 200 || status === 201, JSON.stringify(said));
  }

  it('remembers nobody whose order was erased while the broker was away', async () => {
    const started = await start();
    await done(started, 'PUT', '/orders/A-1', placedData('Nora Gone'));
    await eventually(async () => assert.equal(await unpublishedEvents(database), 0));
    await proxy.refuse();
    const patch = { customer: { name: 'Nora Gone-Away' } };
    await done(started, 'POST', '/orders/A-1/corrections', { patch, reason: 'married' });
    await done(started, 'PUT', '/orders/A-2', placedData('Nora Gone'));
    await done(started, 'PUT', '/orders/A-3', placedData('Otto Here'));
    for (const id of ['A-1', 'A-2']) await done(started, 'DELETE', `/orders/${id}`, { reason: 'asked for' });
    await proxy.accept();
    await eventually(async () => assert.equal(await unpublishedEvents(database), 0));
    const events = await committedEvents(database);
    assert.deepEqual(
      events.map(({ subject, type }) => `${subject} ${type}`),
      ['A-3 order.placed.v2', 'A-1 order.erased.v1', 'A-2 order.erased.v1'],
    );
    const { rows } = await database.pool.query("SELECT FROM order_outbox WHERE event::text LIKE '%Nora%'");
    assert.equal(rows.length, 0);
  });

  it('does not grow for ever: what was published is forgotten in the end', async () => {
    const started = await start({ OUTBOX_RETENTION_SECONDS: '1' });
    for (const id of ['A-1', 'A-2']) {
      await done(started, 'PUT', `/orders/${id}`, placedData());
      await eventually(async () => assert.deepEqual(await committedEvents(database), []));
      assert.equal((await started.ask('GET', `/orders/${id}`)).status, 200);
    }
  });
});
