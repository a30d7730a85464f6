import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { assertExactly, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import {
  committedEvents,
  placedData,
  startOrderService,
  unpublishedEvents,
  type RunningOrderService,
} from '../support/order-service.ts';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

interface Found {
  readonly total: number;
  readonly hits: readonly { readonly order: { readonly orderId: string } }[];
}

/** Much longer than it takes on two processors. */
const FOUND_WITHIN_MS = 10_000;

describe('examples/order-service', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let database: TestDatabase;
  let search: RunningService;
  let shop: RunningOrderService;
  let imports: string;

  before(async () => {
    [backend, database] = await Promise.all([testBackend(), testDatabase()]);
    imports = mkdtempSync(join(tmpdir(), 'order-search-imports-'));
    const { AMQP_URL = '' } = backend.environment;
    const environment = { POSTGRES_URL: database.url, AMQP_URL, EXCHANGE: backend.prefix };
    [search, shop] = await Promise.all([
      startService({ ...backend.environment, IMPORT_DIR: imports, REFRESH_INTERVAL: '200ms' }),
      startOrderService(environment),
    ]);
    await untilReady(search);
  });
  after(async () => {
    await Promise.all([search.stop(), shop.stop()]);
    await Promise.all([backend.remove(), database.remove()]);
    rmSync(imports, { recursive: true });
  });

  /** Done, and to be found: the order as the search has it at that version. */
  async function done(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const { status, body: said } = await shop.ask(method, path, body);
    assert.ok(status === 200 || status === 201, JSON.stringify(said));
    const { version } = said as { version: number };
    const id = path.split('/')[2] ?? '';
    const answer = await search.get<{ order: Record<string, unknown> }>(
      `/orders/${id}?minVersion=${version}&waitMs=10000`,
    );
    return answer.body.order;
  }

  async function typesOf(idPrefix: string): Promise<string[]> {
    const events = await committedEvents(database);
    return events.filter(({ subject }) => subject.startsWith(`${idPrefix}-`)).map(({ type }) => type);
  }

  async function status(method: string, path: string, body?: object): Promise<number> {
    return (await shop.ask(method, path, body)).status;
  }

  it('has a placed order found by the search within seconds', async () => {
    await done('PUT', '/orders/warm-up', placedData());
    assert.equal(await status('PUT', '/orders/Z-1', placedData('Zoe Quick')), 201);
    await eventually(async () => {
      const { body } = await search.get<Found>('/search?q=zoe');
      assert.deepEqual(
        body.hits.map(({ order }) => order.orderId),
        ['Z-1'],
      );
    }, FOUND_WITHIN_MS);
  });

  it('tells of everything that becomes of an order', async () => {
    await done('PUT', '/orders/A-1', placedData());
    const paid = await done('POST', '/orders/A-1/payments', { amountCents: 2_500, method: 'card' });
    assert.deepEqual([paid['status'], paid['paidCents']], ['paid', 2_500]);
    assert.equal((await done('POST', '/orders/A-1/shipment', { carrier: 'DHL' }))['status'], 'shipped');
    assert.equal((await done('POST', '/orders/A-1/delivery', {}))['status'], 'delivered');
    const patch = { customer: { name: 'Anna Example', email: 'anna@shop.example' } };
    const corrected = await done('POST', '/orders/A-1/corrections', { patch, reason: 'a typo' });
    assert.deepEqual([corrected['customerName'], corrected['customerId']], ['Anna Example', 'c-1']);
    const refund = { refundId: 'r-1', amountCents: 2_500, reason: 'broken' };
    const refunded = await done('POST', '/orders/A-1/refunds', refund);
    assert.deepEqual([refunded['status'], refunded['netCents'], refunded['version']], ['refunded', 0, 6]);
    await done('PUT', '/orders/A-2', placedData());
    assert.equal((await done('POST', '/orders/A-2/cancellation', { reason: 'too late' }))['status'], 'cancelled');
  });

  it('refuses what cannot be, and says nothing of it to anybody', async () => {
    await done('PUT', '/orders/B-1', placedData());
    assert.equal(await status('PUT', '/orders/B-1', placedData()), 409);
    assert.equal(await status('POST', '/orders/B-1/shipment', {}), 409, 'not paid');
    assert.equal(await status('POST', '/orders/B-1/refunds', { refundId: 'r-1', amountCents: 1 }), 409, 'not paid');
    assert.equal(await status('POST', '/orders/B-9/payments', { amountCents: 1 }), 404);
    assert.equal(await status('PUT', '/orders/B-2', { ...placedData(), items: [] }), 400);
    assert.equal(await status('GET', '/orders/B-2'), 404);
    assert.deepEqual(await typesOf('B'), ['order.placed.v2']);
  });

  it('erases an order, from its own outbox too', async () => {
    await done('PUT', '/orders/C-1', placedData());
    await eventually(async () => assert.equal(await unpublishedEvents(database), 0));
    assert.equal(await status('DELETE', '/orders/C-1', { reason: 'asked for' }), 200);
    await eventually(async () => assert.equal((await search.get('/orders/C-1')).status, 404));
    assert.equal(await status('GET', '/orders/C-1'), 404);
    await eventually(async () => assert.deepEqual(await typesOf('C'), ['order.erased.v1']));
    assert.equal(await status('PUT', '/orders/C-1', placedData()), 409, 'an id is never used again');
  });

  it('exports snapshots that fill a search which has never heard of the orders', async () => {
    const paid = await done('PUT', '/orders/D-1', placedData()).then(() =>
      done('POST', '/orders/D-1/payments', { amountCents: 2_500 }),
    );
    const response = await fetch(`${shop.url}/snapshots`, { method: 'POST' });
    const lines = (await response.text()).trim().split('\n');
    const snapshots = lines.map((line) => JSON.parse(line) as CloudEvent);
    assert.deepEqual(snapshots.map(({ subject }) => subject).sort(), ['A-1', 'A-2', 'B-1', 'D-1', 'Z-1', 'warm-up']);
    const ofPaid = snapshots.find(({ subject }) => subject === 'D-1');
    assert.deepEqual([ofPaid?.sequence, ofPaid?.data['paidCents']], [3, paid['paidCents']]);

    // To who knows the orders they are one more event. (Of the erased one the outbox has forgotten the beginning.)
    await eventually(async () => assert.equal(await unpublishedEvents(database), 0));
    await untilDrained(backend, search);
    await search.stop();
    await assertExactly(backend, await committedEvents(database));
    await backend.remove();

    // Another search, and nothing but the file.
    backend = await testBackend();
    search = await startService({ ...backend.environment, IMPORT_DIR: imports });
    await untilReady(search);
    writeFileSync(join(imports, 'orders.ndjson'), lines.join('\n'));
    const started = await fetch(`${search.url}/admin/rebuilds`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ source: 'file', path: 'orders.ndjson' }),
    });
    assert.equal(started.status, 202);
    await eventually(async () => {
      const { body } = await search.get<{ items: { state: string }[] }>('/admin/rebuilds');
      assert.equal(body.items[0]?.state, 'DONE', JSON.stringify(body.items[0]));
    }, 60_000);
    await search.stop();
    await assertExactly(backend, snapshots);
  });
});

describe('a stop of examples/order-service', function () {
  this.timeout(60_000);
  /** Of each snapshot: a few are more than what lies between two processes holds. */
  const MEBIBYTE = 1_048_576;

  it('waits for nobody who takes nothing of the snapshots', async () => {
    const database = await testDatabase();
    const shop = await startOrderService({ POSTGRES_URL: database.url, AMQP_URL: 'amqp://127.0.0.1:1' });
    const placed = placedData('x'.repeat(MEBIBYTE));
    const state = { placed, status: 'placed', payments: [], refunds: [], placedAt: new Date().toISOString() };
    await database.pool.query("INSERT INTO orders SELECT 'S-' || n, $1 FROM generate_series(1, 40) n", [state]);
    const { hostname, port } = new URL(shop.url);
    const stalled = connect(Number(port), hostname);
    // It is cut off.
    stalled.on('error', () => undefined);
    stalled.write('POST /snapshots HTTP/1.1\r\nHost: shop\r\n\r\n');
    await once(stalled, 'readable');
    try {
      await shop.stop();
      assert.equal(await shop.ended, 0);
    } finally {
      stalled.destroy();
      await shop.stop();
      await database.remove();
    }
  });
});
