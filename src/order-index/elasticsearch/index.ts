import type { Client } from '@elastic/elasticsearch';
import type { Logger } from '../../observability/logging.ts';
import type { Tracing } from '../../observability/tracing.ts';
import type { OrderIndex } from '../port.ts';
import { createAggregates } from './aggregates.ts';
import { createBreaker } from './breaker.ts';
import type { Breaker, BreakerOptions, BreakerState } from './breaker.ts';
import { createBulkWriter } from './bulk-writer.ts';
import type { BulkWriter } from './bulk-writer.ts';
import { createClient } from './client.ts';
import type { ConnectionOptions } from './client.ts';
import { createControl } from './control.ts';
import type { Control } from './control.ts';
import { customerOrders } from './customer-orders.ts';
import { createDeadLetters } from './dead-letters.ts';
import { getRefreshed, loadDocuments, writeDocuments } from './documents.ts';
import { isOutage } from './errors.ts';
import { refreshIndex } from './generation-care.ts';
import type { IndexSizing } from './generation-mapping.ts';
import { createGenerations } from './generations.ts';
import { indexHealth } from './health.ts';
import { readDefinition } from './mapping.ts';
import { indexNames } from './names.ts';
import { createParking } from './parking.ts';
import { probeSearches, probeWrites } from './probes.ts';
import { isReadable } from './search-query.ts';
import { searchOrders } from './search.ts';
import type { Searching } from './search.ts';
import { suggestFor } from './suggest.ts';
import { openTechnicalIndices, restoreTechnicalIndices } from './technical-indices.ts';
import { createTechnicalStore } from './technical-store.ts';

export interface ElasticsearchIndexOptions extends ConnectionOptions, IndexSizing {
  readonly prefix: string;
  /** For what readers ask; by default the same as for all else. */
  readonly readTimeoutMs?: number;
  /** Bulk requests under way at once. */
  readonly bulkConcurrency: number;
  /** Of the code that writes; an index that newer code writes to is not written by this one. */
  readonly foldVersion: number;
  readonly log: Logger;
  /** `elasticsearch-writes` and `elasticsearch-searches`; called at the start and on each change. */
  readonly onBreakerState?: (name: string, state: BreakerState) => void;
  /**
   * How long an open breaker waits before it lets one request through, and then for one to come before it makes its own; by default 5 s.
   */
  readonly breakerResetMs?: number;
  /** A bulk request of several documents is split above this; by default 8 MiB. */
  readonly maxBulkBytes?: number;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

const BREAKER_RESET_MS = 5_000;
const MAX_BULK_BYTES = 8 * 1024 * 1024;
const OPEN_TIMEOUT_MS = 30_000;

/** Nothing is sent before `open`. */
export function createElasticsearchIndex(options: ElasticsearchIndexOptions): OrderIndex {
  const { requestTimeoutMs } = options;
  const parts = partsOf(options);
  const { client, names, writes, searches, writer, reading, generations, technical } = parts;
  const store = createTechnicalStore(writer, writes, () => restoreTechnicalIndices(technical));
  const searching = { ...reading, searches, alias: names.alias };
  return {
    ...createParking({ client, store, index: names.parked, requestTimeoutMs }),
    ...createControl({ client, store, index: names.control }),
    ...createDeadLetters({ client, store, index: names.deadLetters, requestTimeoutMs }),
    generations,
    aggregates: createAggregates({ ...parts, requestTimeoutMs }),
    async open() {
      await generations.open();
      await openTechnicalIndices(technical);
    },
    registry: () => writes.look(() => generations.registry()),
    load: (from, orderIds) => loadDocuments(client, writes, from, orderIds),
    write: (target, documents, priority) => writeDocuments(writer, target, documents, priority),
    refresh: () => writes.look(() => refreshIndex(client, names.alias)),
    get: async (orderId, signal) => {
      const document = await getRefreshed(searching, orderId, signal);
      return document && isReadable(document) ? document : undefined;
    },
    getAny: (orderId, signal) => getRefreshed(searching, orderId, signal),
    search: (query, signal) => searchOrders(searching, query, signal),
    suggest: (query, signal) => suggestFor(searching, query, signal),
    customerOrders: (query, signal) => customerOrders(searching, query, signal),
    health: () => indexHealth({ client, names, generations, writes, searches, control: technical.control }),
    async close() {
      await writer.drained();
      await client.close();
      writes.close();
      searches.close();
    },
  };
}

function partsOf(options: ElasticsearchIndexOptions) {
  const { prefix, foldVersion, shards, replicas, refreshInterval, requestTimeoutMs, log } = options;
  const client = createClient(options);
  const reading = readingBy(client, options.readTimeoutMs ?? requestTimeoutMs);
  const names = indexNames(prefix);
  const sizing = { shards, replicas, refreshInterval };
  const writes: Breaker = breakerOf('elasticsearch-writes', options, (failed) =>
    probeWrites({ client, writer, writes, control: names.control }, failed),
  );
  const searches: Breaker = breakerOf('elasticsearch-searches', options, () =>
    probeSearches({ ...reading, searches, alias: names.alias }),
  );
  const writer = writerOf(client, writes, options);
  return {
    client,
    reading,
    names,
    sizing,
    writes,
    searches,
    writer,
    generations: createGenerations({
      client,
      names,
      code: { definition: readDefinition('orders'), foldVersion },
      sizing,
      openTimeoutMs: OPEN_TIMEOUT_MS,
      requestTimeoutMs,
      log,
    }),
    technical: {
      ...{ client, names, sizing, requestTimeoutMs, log },
      control: controlAsItIs(client, names.control, writer, writes),
    },
  };
}

function writerOf(client: Client, breaker: Breaker, options: ElasticsearchIndexOptions): BulkWriter {
  return createBulkWriter({
    client,
    breaker,
    concurrency: options.bulkConcurrency,
    requestTimeoutMs: options.requestTimeoutMs,
    maxRequestBytes: options.maxBulkBytes ?? MAX_BULK_BYTES,
    tracing: options.tracing,
  });
}

/** Nothing makes it anew where it has vanished. */
function controlAsItIs(client: Client, index: string, writer: BulkWriter, writes: Breaker): Control {
  const store = createTechnicalStore(writer, writes, () => Promise.resolve());
  return createControl({ client, store, index });
}

/** Over the same connections. */
function readingBy(client: Client, requestTimeoutMs: number): Pick<Searching, 'client' | 'requestTimeoutMs'> {
  return { client: client.child({ requestTimeout: requestTimeoutMs }), requestTimeoutMs };
}

function breakerOf(
  name: string,
  { log, breakerResetMs = BREAKER_RESET_MS, onBreakerState }: ElasticsearchIndexOptions,
  probe: NonNullable<BreakerOptions['probe']>,
): Breaker {
  return createBreaker({
    name,
    probe,
    resetTimeoutMs: breakerResetMs,
    isOutage,
    onState(breaker, state) {
      if (state !== 'closed') log.warn({ breaker, state }, 'circuit breaker');
      else log.debug({ breaker, state }, 'circuit breaker');
      onBreakerState?.(breaker, state);
    },
  });
}
