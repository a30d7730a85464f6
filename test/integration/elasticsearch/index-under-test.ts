import { randomBytes } from 'node:crypto';
import { Client } from '@elastic/elasticsearch';
import { createLogger } from '../../../src/observability/logging.ts';
import { createElasticsearchIndex } from '../../../src/order-index/elasticsearch/index.ts';
import type { ElasticsearchIndexOptions } from '../../../src/order-index/elasticsearch/index.ts';
import { indexNames } from '../../../src/order-index/elasticsearch/names.ts';
import type { IndexNames } from '../../../src/order-index/elasticsearch/names.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';

export const ELASTICSEARCH_URL = process.env['ELASTICSEARCH_URL'] ?? 'http://127.0.0.1:9200';

/** A prefix of the test's own, and instances of the service's index under it. */
export interface IndexUnderTest {
  readonly prefix: string;
  readonly names: IndexNames;
  /** Elasticsearch itself, to look behind the adapter's back. */
  readonly elasticsearch: Client;
  /** One more instance, as another process would have it; not opened. */
  instance(overrides?: Partial<ElasticsearchIndexOptions>): OrderIndex;
  /** Closes the instances and deletes everything under the prefix. */
  remove(): Promise<void>;
}

export function indexUnderTest(prefix = `test-${randomBytes(6).toString('hex')}`): IndexUnderTest {
  const elasticsearch = new Client({ node: ELASTICSEARCH_URL });
  const instances: OrderIndex[] = [];
  return {
    prefix,
    names: indexNames(prefix),
    elasticsearch,
    instance(overrides) {
      const index = createElasticsearchIndex({ ...optionsFor(prefix), ...overrides });
      instances.push(index);
      return index;
    },
    async remove() {
      await Promise.all(instances.map((index) => index.close()));
      const indices = Object.keys(
        await elasticsearch.indices.getAlias({ index: [prefix, `${prefix}-*`], ignore_unavailable: true }),
      );
      if (indices.length > 0) await elasticsearch.indices.delete({ index: indices });
      await elasticsearch.close();
    },
  };
}

function optionsFor(prefix: string): ElasticsearchIndexOptions {
  return {
    nodes: [ELASTICSEARCH_URL],
    prefix,
    shards: 1,
    replicas: 0,
    // Tests refresh where they need it.
    refreshInterval: '60s',
    bulkConcurrency: 2,
    requestTimeoutMs: 10_000,
    foldVersion: 1,
    log: createLogger('silent'),
  };
}
