import assert from 'node:assert/strict';
import { createApp, type App } from '../../src/app.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logging.ts';
import type { TracePlace, Tracing } from '../../src/observability/tracing.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { DocumentWrite } from '../../src/order-index/port.ts';
import { rabbitMqOptions } from '../support/amqp-broker.ts';
import { publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { recordSpans, type RecordedSpan, type RecordedSpans } from '../support/recorded-spans.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

const TIME = '2026-03-01T10:00:00.000Z';
const ORIGIN = '0af7651916cd43dd8448eb211c80319c';

/** The first event of an order. */
function placed(orderId: string, trace: TracePlace | undefined): OutgoingEvent {
  const type = 'order.placed.v2';
  const items = [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
  const customer = { id: 'c-1', name: 'José' };
  const data = { customer, sellerId: 's-1', currency: 'EUR', items, totalCents: 100, tags: [] };
  const event = {
    specversion: '1.0',
    id: orderId,
    source: '/test',
    type,
    subject: orderId,
    time: TIME,
    sequence: 1,
    data,
  };
  return { id: orderId, type, orderId, time: TIME, body: Buffer.from(JSON.stringify({ ...event, ...trace })) };
}

const placeOf = (traceId: string, spanId: string): TracePlace => ({ traceparent: `00-${traceId}-${spanId}-01` });
const idOf = (digit: number, length: number) => String(digit).repeat(length);

function documentFor(orderId: string): DocumentWrite {
  const document = {
    orderId,
    status: 'incomplete',
    updatedAt: TIME,
    projectedAt: TIME,
    version: 1,
    events: [],
  } as const;
  return { orderId, version: 1, document };
}

describe('traces', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let spans: RecordedSpans;
  let shop: Tracing;
  let app: App;

  before(async () => {
    backend = await testBackend();
    spans = recordSpans();
    shop = spans.tracingOf('shop');
    // Long enough for what is published together to be one batch.
    const read = readConfig({ ...backend.environment, AUTH: 'off', PORT: '0', BATCH_DELAY_MS: '500' });
    assert.ok(read.ok);
    const certificateAuthorities = { amqp: undefined, elasticsearch: undefined };
    const tracing = spans.tracingOf('order-search');
    app = await createApp(read.config, { log: createLogger('silent'), certificateAuthorities, tracing });
    await app.start();
  });
  after(async () => {
    await app.close(5_000);
    await backend.remove();
  });

  /** Publishes as an order service does that is traced. */
  async function publish(events: readonly OutgoingEvent[]): Promise<void> {
    const broker = createRabbitMqBroker(rabbitMqOptions(backend.prefix, { tracing: shop }));
    await broker.open();
    await broker.publish(events);
    await broker.close();
  }

  async function untilWritten(orderId: string): Promise<void> {
    await eventually(async () => assert.ok((await backend.documents()).has(orderId)));
  }

  /** Of the projector, the span of the batch in which that was. */
  async function batchOf(isPart: (span: RecordedSpan) => boolean): Promise<RecordedSpan> {
    return await eventually(() => {
      const batch = spans.named('update_projection').find(isPart);
      assert.ok(batch);
      return batch;
    });
  }

  function emittedUnder(spanId: string): RecordedSpan {
    const emitted = spans.named('emit_event').find(({ parentId }) => parentId === spanId);
    assert.ok(emitted, 'the publishing was recorded');
    return emitted;
  }

  describe('when an order service publishes an event of a request of its own', () => {
    it('lead in one trace from the request, by way of its publishing, to the bulk that writes the order', async () => {
      const start = { kind: 'internal', parent: placeOf(ORIGIN, idOf(7, 16)) } as const;
      await shop.span('write_source', start, async ({ place }) => await publish([placed('one', place)]));
      await untilWritten('one');
      const [source] = spans.named('write_source');
      assert.ok(source);
      const emitted = emittedUnder(source.spanId);
      const batch = await batchOf(({ links }) => links.includes(emitted.spanId));
      const bulk = spans.named('bulk').find(({ parentId }) => parentId === batch.spanId);
      assert.ok(bulk);
      const way = [source, emitted, batch, bulk];
      assert.deepEqual(
        way.map(({ service, traceId, parentId }) => ({ service, traceId, parentId })),
        [
          { service: 'shop', traceId: ORIGIN, parentId: idOf(7, 16) },
          { service: 'shop', traceId: ORIGIN, parentId: source.spanId },
          { service: 'order-search', traceId: ORIGIN, parentId: emitted.spanId },
          { service: 'order-search', traceId: ORIGIN, parentId: batch.spanId },
        ],
      );
      assert.equal(batch.attributes['messaging.batch.message_count'], 1);
      assert.equal(bulk.attributes['db.operation.batch.size'], 1);
      assert.deepEqual(
        way.map(({ failure }) => failure),
        [undefined, undefined, undefined, undefined],
      );
    });
  });

  describe('when a batch has messages of several traces', () => {
    it('link its span to the publishing of each, and leave their traces apart', async () => {
      const digits = [1, 2, 3];
      await publish(digits.map((digit) => placed(`several-${digit}`, placeOf(idOf(digit, 32), idOf(digit, 16)))));
      await untilWritten('several-3');
      const emitted = digits.map((digit) => emittedUnder(idOf(digit, 16)));
      assert.deepEqual(
        emitted.map(({ traceId }) => traceId),
        digits.map((digit) => idOf(digit, 32)),
      );
      const batch = await batchOf(({ links }) => links.length === 3);
      assert.deepEqual([...batch.links].sort(), emitted.map(({ spanId }) => spanId).sort());
      assert.equal(batch.parentId, undefined);
      assert.ok(emitted.every(({ traceId }) => traceId !== batch.traceId));
      const bulks = spans.named('bulk').filter(({ parentId }) => parentId === batch.spanId);
      assert.deepEqual(
        bulks.map(({ traceId, attributes }) => [traceId, attributes['db.operation.batch.size']]),
        [[batch.traceId, 3]],
      );
    });
  });

  describe('when several write at once, and wait for one another', () => {
    it('tell whose bulk is whose', async () => {
      const tracing = spans.tracingOf('writers');
      const { elasticsearchUrl } = SHARED_SERVICES;
      const sizing = { shards: 1, replicas: 0, refreshInterval: '1s' };
      const index = createElasticsearchIndex({
        ...{ ...sizing, nodes: [elasticsearchUrl], prefix: backend.prefix, bulkConcurrency: 1, tracing },
        ...{ requestTimeoutMs: 30_000, foldVersion: FOLD_VERSION, log: createLogger('silent') },
      });
      await index.open();
      const { live } = await index.registry();
      const parents = [1, 2, 3, 4].map((digit) => placeOf(idOf(digit, 32), idOf(digit, 16)));
      await Promise.all(
        parents.map((parent, at) =>
          tracing.span('writer', { kind: 'internal', parent }, async () => {
            await index.write(live, [documentFor(`writer-${at}`)], 'live');
          }),
        ),
      );
      await index.close();
      const writers = spans.named('writer');
      assert.equal(writers.length, 4);
      for (const { spanId, traceId } of writers) {
        const bulks = spans.named('bulk').filter(({ parentId }) => parentId === spanId);
        assert.deepEqual(
          bulks.map((bulk) => bulk.traceId),
          [traceId],
        );
      }
    });
  });

  describe('when only the event itself says where it comes from', () => {
    it('link the batch to that', async () => {
      await publishMessages(backend, [placed('body', placeOf(idOf(5, 32), idOf(5, 16)))]);
      await untilWritten('body');
      const batch = await batchOf(({ links }) => links.includes(idOf(5, 16)));
      assert.equal(batch.traceId, idOf(5, 32));
    });
  });

  describe('when an event says nothing of it', () => {
    it('begin with the batch', async () => {
      await publishMessages(backend, [placed('none', undefined)]);
      await untilWritten('none');
      const batch = await batchOf(({ links }) => links.length === 0);
      assert.equal(batch.parentId, undefined);
    });
  });

  describe('when a caller asks', () => {
    const served = async (name: string) => await eventually(() => spans.named(name)[0] ?? assert.fail(name));

    it('go on with the request, under its route', async () => {
      const headers = { ...placeOf(idOf(6, 32), idOf(6, 16)) };
      await fetch(`http://127.0.0.1:${app.port()}/orders/nobody`, { headers });
      const span = await served('GET /orders/:id');
      assert.equal(span.parentId, idOf(6, 16));
      assert.deepEqual(span.attributes, {
        'http.request.method': 'GET',
        'http.route': '/orders/:id',
        'http.response.status_code': 404,
      });
    });

    it('leave out health and metrics', async () => {
      await fetch(`http://127.0.0.1:${app.port()}/health/live`);
      await fetch(`http://127.0.0.1:${app.port()}/search`);
      await served('GET /search');
      assert.deepEqual(spans.named('GET /health/live'), []);
    });
  });
});
