import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { orderServiceApp } from '../../examples/order-service/http.ts';
import { DDL } from '../../examples/order-service/order-store.ts';
import { AmqpPublisher } from '../../examples/order-service/publisher.ts';
import { createApp, type App } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { Relay } from '../../src/outbox/index.ts';
import { eventually } from '../support/eventually.ts';
import { placedData, startOrderService } from '../support/order-service.ts';
import { modulesIn, recordingModules } from '../support/loaded-modules.ts';
import { startCollector } from '../support/otlp-collector.ts';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { recordSpans, type RecordedSpan, type RecordedSpans } from '../support/recorded-spans.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const CALLER = { trace: '0af7651916cd43dd8448eb211c80319c', span: 'b7ad6b7169203331' };

describe('an order placed at examples/order-service, with traces', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let database: TestDatabase;
  let spans: RecordedSpans;
  let search: App;
  let publisher: AmqpPublisher;
  let relay: Relay;
  let shop: Server;

  before(async () => {
    [backend, database] = await Promise.all([testBackend(), testDatabase()]);
    await database.pool.query(DDL);
    spans = recordSpans();
    const read = readConfig({ ...backend.environment, AUTH: 'off', PORT: '0' });
    assert.ok(read.ok);
    search = await createApp(read.config, {
      log: createLogger('silent'),
      certificateAuthorities: { amqp: undefined, elasticsearch: undefined },
      tracing: spans.tracingOf('order-search'),
    });
    await search.start();
    const tracing = spans.tracingOf('order-service');
    publisher = new AmqpPublisher(backend.environment['AMQP_URL'] ?? '', backend.prefix, tracing);
    relay = new Relay({
      pool: database.pool,
      publish: (events) => publisher.publish(events),
      onTrouble: () => undefined,
    });
    relay.start();
    shop = orderServiceApp(database.pool, tracing).listen(0, '127.0.0.1');
    await once(shop, 'listening');
  });
  after(async () => {
    shop.close();
    shop.closeAllConnections();
    await relay.stop();
    await publisher.close();
    await search.close(5_000);
    await Promise.all([backend.remove(), database.remove()]);
  });

  async function place(orderId: string, headers: Readonly<Record<string, string>>): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${(shop.address() as AddressInfo).port}/orders/${orderId}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(placedData()),
    });
    assert.equal(response.status, 201);
  }

  /** The one span of that name under another one, once it has ended. */
  async function under(name: string, parent: RecordedSpan): Promise<RecordedSpan> {
    return await eventually(() => {
      const found = spans.named(name).filter(({ parentId }) => parentId === parent.spanId);
      assert.equal(found.length, 1, `${found.length} spans ${name}`);
      return found[0] ?? assert.fail();
    });
  }

  it('is followed from the HTTP call, by way of the transaction and the relay, to the bulk that writes it', async () => {
    await place('T-1', { traceparent: `00-${CALLER.trace}-${CALLER.span}-01` });
    const call = await eventually(() => spans.named('PUT /orders/:id')[0] ?? assert.fail('no call'));
    const written = await under('write_source', call);
    const emitted = await under('emit_event', written);
    const projected = await under('update_projection', emitted);
    const bulk = await under('bulk', projected);
    const way = [call, written, emitted, projected, bulk];
    assert.equal(call.parentId, CALLER.span);
    assert.deepEqual(new Set(way.map(({ traceId }) => traceId)), new Set([CALLER.trace]));
    assert.deepEqual(
      way.map(({ service }) => service),
      ['order-service', 'order-service', 'order-service', 'order-search', 'order-search'],
    );
    assert.deepEqual(projected.links, [emitted.spanId]);
    assert.ok(way.every(({ failure }) => failure === undefined));
    assert.ok((await backend.documents()).has('T-1'));
  });

  it("begins a trace where the caller has none, and is told of by nobody's name", async () => {
    const before = spans.named('PUT /orders/:id').length;
    await place('T-2', {});
    const call = await eventually(() => spans.named('PUT /orders/:id')[before] ?? assert.fail('no call'));
    assert.equal(call.parentId, undefined);
    const emitted = await under('emit_event', await under('write_source', call));
    const bulk = await under('bulk', await under('update_projection', emitted));
    assert.equal(bulk.traceId, call.traceId);
    const { customer } = placedData();
    const told = ['PUT /orders/:id', 'write_source', 'emit_event', 'update_projection', 'bulk'].flatMap((name) =>
      spans.named(name),
    );
    for (const part of customer.name.split(' ')) assert.ok(!JSON.stringify(told).includes(part), part);
  });
});

describe('the process of examples/order-service', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let folder: string;

  before(async () => {
    database = await testDatabase();
    folder = mkdtempSync(join(tmpdir(), 'order-service-tracing-'));
  });
  after(async () => {
    await database.remove();
    rmSync(folder, { recursive: true });
  });

  /** Places an order, and stops in good order; resolves with the modules that were loaded meanwhile. */
  async function modulesOf(name: string, env: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const record = join(folder, name);
    const shop = await startOrderService({
      // Without a broker: it is not what this is about.
      ...{ POSTGRES_URL: database.url, AMQP_URL: 'amqp://127.0.0.1:1' },
      ...recordingModules(record),
      ...env,
    });
    assert.equal((await shop.ask('PUT', `/orders/${name}`, placedData())).status, 201);
    await shop.stop();
    assert.equal(await shop.ended, 0);
    return modulesIn(record);
  }

  it('loads nothing of OpenTelemetry where no collector is configured', async () => {
    const modules = await modulesOf('silent', {});
    assert.ok(modules.some((url) => url.endsWith('/order-service/main.ts')));
    assert.deepEqual(
      modules.filter((url) => /opentelemetry/.test(url)),
      [],
    );
  });

  it('exports over OTLP where one is', async () => {
    const collector = await startCollector();
    try {
      await modulesOf('traced', { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    } finally {
      collector.close();
    }
    const exported = collector.requests.map(({ body }) => body).join('');
    for (const text of ['order-service', 'PUT /orders/:id', 'write_source']) assert.ok(exported.includes(text), text);
  });
});
