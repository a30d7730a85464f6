import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger } from '../../../src/observability/logging.ts';
import { createElasticsearchIndex } from '../../../src/order-index/elasticsearch/index.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { sampleDocument } from './sample-orders.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1 } } as const;
/** What a copy of the shard shows that was refreshed, and one that was not yet. */
const COPIES = [sampleDocument({ orderId: 'A-1', then: [PAID] }), sampleDocument({ orderId: 'A-1' })];

/** A cluster with two copies of a shard, which it asks in turn, or by the preference that it is told: as Elasticsearch does. */
function twoCopies() {
  const preferred = new Map<string, number>();
  let turn = 0;
  return createServer((request, response) => {
    const preference = new URL(request.url ?? '', 'http://x').searchParams.get('preference');
    const copy = (preference === null ? undefined : preferred.get(preference)) ?? turn++ % COPIES.length;
    if (preference !== null) preferred.set(preference, copy);
    response.setHeader('x-elastic-product', 'Elasticsearch');
    response.setHeader('content-type', 'application/vnd.elasticsearch+json;compatible-with=9');
    response.end(JSON.stringify({ docs: [{ _id: 'A-1', found: true, _source: COPIES[copy] }] }));
  });
}

describe('a reader of one order where its shard has several copies', () => {
  const cluster = twoCopies();
  let index: OrderIndex;

  before(async () => {
    cluster.listen(0, '127.0.0.1');
    await once(cluster, 'listening');
    index = createElasticsearchIndex({
      ...{ nodes: [`http://127.0.0.1:${(cluster.address() as AddressInfo).port}`], requestTimeoutMs: 10_000 },
      ...{ prefix: 'orders', bulkConcurrency: 1, shards: 1, replicas: 1, refreshInterval: '1s', foldVersion: 1 },
      log: createLogger('silent'),
    });
  });
  after(async () => {
    await index.close();
    cluster.closeAllConnections();
    cluster.close();
  });

  it('never goes back to an older version, nor does who has waited for one', async () => {
    const versions: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      versions.push((await index.getAny('A-1'))?.version);
      versions.push((await index.get('A-1'))?.version);
    }
    assert.deepEqual(versions, [2, 2, 2, 2, 2, 2]);
  });
});
