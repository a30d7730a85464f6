import { randomBytes } from 'node:crypto';
import { Client } from '@elastic/elasticsearch';
import { connect } from 'amqplib';
import type { OrderDocument } from '../../src/order/document.ts';
import type { Environment } from './running-service.ts';

/** RabbitMQ and Elasticsearch under a prefix of the test's own, and what is in them. */
export interface TestBackend {
  readonly prefix: string;
  /** What the service and the CLI need to use it. */
  readonly environment: Environment;
  /** Every document behind the read alias (or of that index), by order id, hidden ones included. */
  documents(index?: string): Promise<Map<string, OrderDocument>>;
  /** Ready messages of the live queue and of the dead letters. */
  queues(): Promise<{ live: number; deadLetters: number }>;
  countParked(): Promise<number>;
  /** Deletes everything under the prefix. */
  remove(): Promise<void>;
}

export interface BackendUrls {
  readonly amqpUrl: string;
  readonly elasticsearchUrl: string;
}

export const SHARED_SERVICES: BackendUrls = {
  amqpUrl: process.env['AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672',
  elasticsearchUrl: process.env['ELASTICSEARCH_URL'] ?? 'http://127.0.0.1:9200',
};

export async function testBackend(urls: BackendUrls = SHARED_SERVICES): Promise<TestBackend> {
  const prefix = `test-${randomBytes(5).toString('hex')}`;
  const client = new Client({ node: urls.elasticsearchUrl, maxRetries: 3, requestTimeout: 30_000 });
  const queue = (name: string) => `${prefix}.${name}`;
  return {
    prefix,
    environment: { PREFIX: prefix, AMQP_URL: urls.amqpUrl, ELASTICSEARCH_URL: urls.elasticsearchUrl, REPLICAS: '0' },
    documents: (index = prefix) => allDocuments(client, index),
    queues: async () => {
      const [live = 0, deadLetters = 0] = await waiting(urls.amqpUrl, ['projector', 'dead-letters'].map(queue));
      return { live, deadLetters };
    },
    countParked: async () => {
      await client.indices.refresh({ index: `${prefix}-parked` });
      return (await client.count({ index: `${prefix}-parked` })).count;
    },
    remove: async () => {
      // Deletion by wildcard is refused by default.
      const indices = Object.keys(await client.indices.get({ index: `${prefix}-*`, expand_wildcards: 'all' }));
      if (indices.length > 0) await client.indices.delete({ index: indices });
      await client.close();
      await removeQueues(urls.amqpUrl, prefix);
    },
  };
}

async function allDocuments(client: Client, index: string): Promise<Map<string, OrderDocument>> {
  await client.indices.refresh({ index });
  const documents = new Map<string, OrderDocument>();
  let after: unknown[] | undefined;
  for (;;) {
    const { hits } = await client.search<OrderDocument>({
      index,
      size: 5_000,
      sort: ['orderId'],
      ...(after && { search_after: after as string[] }),
    });
    for (const { _source: source } of hits.hits) if (source) documents.set(source.orderId, source);
    after = hits.hits.at(-1)?.sort;
    if (!after) return documents;
  }
}

async function waiting(amqpUrl: string, queues: readonly string[]): Promise<number[]> {
  const connection = await connect(amqpUrl);
  try {
    const channel = await connection.createChannel();
    const states = await Promise.all(queues.map((queue) => channel.checkQueue(queue)));
    return states.map(({ messageCount }) => messageCount);
  } finally {
    await connection.close();
  }
}

async function removeQueues(amqpUrl: string, prefix: string): Promise<void> {
  const connection = await connect(amqpUrl);
  const channel = await connection.createChannel();
  for (const name of ['projector', 'history', 'dead-letters']) await channel.deleteQueue(`${prefix}.${name}`);
  await channel.deleteExchange(prefix);
  await connection.close();
}
