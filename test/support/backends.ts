import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import type { Broker } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../src/order-index/embedded/index.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { indexUnderTest } from '../integration/elasticsearch/index-under-test.ts';
import { deleteTopology, rabbitMqOptions, recordingLog, takeFrom, uniquePrefix } from './amqp-broker.ts';
import { takenDeadLetters } from './taken-dead-letters.ts';

/** Where an index is; see {@link openedAt}. */
export type IndexAddress =
  { readonly kind: 'embedded'; readonly dataDir: string } | { readonly kind: 'elasticsearch'; readonly prefix: string };

/** An index of the test's own. */
export interface IndexPlace {
  /** For another process. */
  readonly address: IndexAddress;
  /** Not opened. The embedded one allows one that is open at a time. */
  instance(options?: { readonly foldVersion?: number }): OrderIndex;
  /** Closes the instances and deletes what they made. */
  remove(): Promise<void>;
}

/** As the configuration has them unless given. */
export interface BrokerChoices {
  readonly deliveryLimit?: number;
  readonly bindingKeys?: readonly string[];
}

/** A broker of the test's own, with its queues. */
export interface BrokerPlace {
  /** Not opened. The embedded one allows one that is open at a time. */
  instance(options?: BrokerChoices): Broker;
  /** The bodies of so many dead letters, once there are as many. */
  deadLetters(count: number): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export interface Backend {
  readonly name: string;
  index(): IndexPlace;
  broker(): BrokerPlace;
}

const LOG = createLogger('silent');

const embeddedIndex = (dataDir: string, foldVersion: number) =>
  createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion, log: LOG });

/** An index that another process has made. */
export async function openedAt(address: IndexAddress): Promise<OrderIndex> {
  const index =
    address.kind === 'embedded'
      ? embeddedIndex(address.dataDir, FOLD_VERSION)
      : indexUnderTest(address.prefix).instance();
  await index.open();
  return index;
}

const EMBEDDED: Backend = {
  name: 'embedded',
  index() {
    const dataDir = mkdtempSync(join(tmpdir(), 'order-search-index-'));
    const instances: OrderIndex[] = [];
    return {
      address: { kind: 'embedded', dataDir },
      instance({ foldVersion = FOLD_VERSION } = {}) {
        const index = embeddedIndex(dataDir, foldVersion);
        instances.push(index);
        return index;
      },
      async remove() {
        for (const index of instances) await index.close();
        rmSync(dataDir, { recursive: true });
      },
    };
  },
  broker() {
    const dataDir = mkdtempSync(join(tmpdir(), 'order-search-broker-'));
    const instances: Broker[] = [];
    return {
      instance(choices) {
        const place = { dataDir, prefix: 'orders', log: recordingLog() };
        const broker = createEmbeddedBroker({ ...place, deliveryLimit: 50, ...choices });
        instances.push(broker);
        return broker;
      },
      async deadLetters(count) {
        const broker = instances.at(-1);
        assert.ok(broker);
        const letters = await takenDeadLetters(broker, count);
        return letters.map(({ body }) => Buffer.from(body).toString());
      },
      async remove() {
        for (const broker of instances) await broker.close();
        rmSync(dataDir, { recursive: true });
      },
    };
  },
};

const SERVICES: Backend = {
  name: 'RabbitMQ and Elasticsearch',
  index() {
    const under = indexUnderTest();
    return {
      address: { kind: 'elasticsearch', prefix: under.prefix },
      instance: (options) => under.instance(options),
      remove: () => under.remove(),
    };
  },
  broker() {
    const prefix = uniquePrefix();
    const instances: Broker[] = [];
    return {
      instance(choices) {
        const broker = createRabbitMqBroker(rabbitMqOptions(prefix, { ...choices }));
        instances.push(broker);
        return broker;
      },
      async deadLetters(count) {
        const bodies: string[] = [];
        while (bodies.length < count) bodies.push((await takeFrom(`${prefix}.dead-letters`)).content.toString());
        return bodies;
      },
      async remove() {
        for (const broker of instances) await broker.close();
        await deleteTopology(prefix);
      },
    };
  },
};

export const BACKENDS: readonly Backend[] = [EMBEDDED, SERVICES];

/** One suite for both backends: what differs between them is a bug in one of them. */
export function describeForEachBackend(title: string, suite: (backend: Backend) => void): void {
  for (const backend of BACKENDS) describe(`${title} (${backend.name})`, () => suite(backend));
}
