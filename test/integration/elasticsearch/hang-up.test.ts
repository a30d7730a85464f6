import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createVersionAwaiter } from '../../../src/order-index/await-version.ts';
import { createElasticsearchIndex } from '../../../src/order-index/elasticsearch/index.ts';
import type { ElasticsearchIndexOptions } from '../../../src/order-index/elasticsearch/index.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { createVersionWaits } from '../../../src/order-index/version-waits.ts';
import { eventually } from '../../support/eventually.ts';

/** It tells what it was asked and what was taken back, and answers as it is told: after a while, or with an outage. */
class SlowElasticsearch {
  readonly server: Server;
  readonly open = new Set<ServerResponse>();
  abandoned = 0;
  fails = false;

  constructor() {
    this.server = createServer((_request, response) => {
      response.setHeader('x-elastic-product', 'Elasticsearch');
      response.setHeader('content-type', 'application/vnd.elasticsearch+json;compatible-with=9');
      if (this.fails) {
        response.writeHead(503).end('{"error":{"type":"unavailable","reason":"x"},"status":503}');
        return;
      }
      this.open.add(response);
      response.once('close', () => {
        this.open.delete(response);
        if (!response.writableFinished) this.abandoned += 1;
      });
    }).listen(0, '127.0.0.1');
  }
}

function awaitVersion(index: OrderIndex, signal: AbortSignal): Promise<unknown> {
  const awaited = createVersionAwaiter(index, createVersionWaits(), new AbortController().signal);
  return awaited({ orderId: 'A-1', version: 1, waitMs: 5_000, counts: () => true, signal });
}

describe('a reader of Elasticsearch', () => {
  let slow: SlowElasticsearch;
  let index: OrderIndex;
  let options: ElasticsearchIndexOptions;
  const states: string[] = [];

  beforeEach(async () => {
    slow = new SlowElasticsearch();
    await once(slow.server, 'listening');
    const { port } = slow.server.address() as AddressInfo;
    states.length = 0;
    options = {
      ...{ nodes: [`http://127.0.0.1:${port}`], requestTimeoutMs: 10_000, prefix: 'orders', bulkConcurrency: 1 },
      ...{ shards: 1, replicas: 0, refreshInterval: '1s', foldVersion: 1, log: createLogger('silent') },
      breakerResetMs: 50,
      onBreakerState: (name, state) => name === 'elasticsearch-searches' && states.push(state),
    };
    index = createElasticsearchIndex(options);
  });

  afterEach(async () => {
    slow.server.closeAllConnections();
    slow.server.close();
    await index.close();
  });

  const reads: [string, (signal: AbortSignal) => Promise<unknown>][] = [
    ['search', (signal) => index.search({ q: 'x', sort: 'relevance', size: 1 }, signal)],
    ['suggest', (signal) => index.suggest({ q: 'x' }, signal)],
    ['customerOrders', (signal) => index.customerOrders({ customerId: 'C-1', size: 1 }, signal)],
    ['get', (signal) => index.get('A-1', signal)],
    ['getAny', (signal) => index.getAny('A-1', signal)],
    ['awaitVersion', (signal) => awaitVersion(index, signal)],
  ];

  for (const [name, read] of reads) {
    it(`takes its request back when it hangs up: ${name}`, async () => {
      const client = new AbortController();
      const answered = read(client.signal);
      await eventually(() => assert.equal(slow.open.size, 1));
      client.abort();
      await assert.rejects(answered, { name: 'AbortError' });
      await eventually(() => assert.deepEqual([slow.open.size, slow.abandoned], [0, 1]));
      assert.deepEqual(states, ['closed']);
    });
  }

  for (const [name, read] of reads) {
    it(`does not wait for as long as a writer: ${name}`, async () => {
      await index.close();
      index = createElasticsearchIndex({ ...options, requestTimeoutMs: 3_600_000, readTimeoutMs: 100 });
      await assert.rejects(read(new AbortController().signal), (error: unknown) => {
        return error instanceof IndexUnavailableError && /timed out/i.test(error.message);
      });
    });
  }

  it('makes no outage out of many that hang up, and hides none', async () => {
    const search = reads[0]?.[1];
    assert.ok(search);
    for (let n = 0; n < 12; n++) await assert.rejects(search(AbortSignal.abort()), { name: 'AbortError' });
    assert.deepEqual(states, ['closed']);
    slow.fails = true;
    for (let n = 0; n < 3; n++) {
      await assert.rejects(search(new AbortController().signal), IndexUnavailableError);
      await assert.rejects(search(AbortSignal.abort()), { name: n < 2 ? 'AbortError' : 'IndexUnavailableError' });
    }
    assert.deepEqual(states, ['closed', 'open']);
  });

  it('does not close the breaker by hanging up on its probe', async () => {
    const search = reads[0]?.[1];
    assert.ok(search);
    slow.fails = true;
    for (let n = 0; n < 3; n++) await assert.rejects(search(new AbortController().signal), IndexUnavailableError);
    await eventually(() => assert.equal(states.at(-1), 'halfOpen'));
    slow.fails = false;
    const client = new AbortController();
    const probe = search(client.signal);
    await eventually(() => assert.equal(slow.open.size, 1));
    client.abort();
    await assert.rejects(search(new AbortController().signal), IndexUnavailableError);
    assert.equal(states.at(-1), 'halfOpen');
    slow.fails = true;
    for (const response of slow.open) response.writeHead(503).end('{}');
    await assert.rejects(probe, IndexUnavailableError);
    assert.equal(states.at(-1), 'open');
  });
});
