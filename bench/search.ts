/**
 * `npm run bench:search`: how long searches and suggestions take through the service, beside the same Elasticsearch asked directly with
 * the same query, by kind of query and number of clients; then with a live load of writes. p50/p95/p99 in milliseconds, requests a second,
 * the service's CPU time a search, and its p50 and p99 as multiples of Elasticsearch's own. Both are asked by turns.
 * ORDERS (20000,200000), CLIENTS (1,8,32), MEASURE_SECONDS (2), WRITES_PER_SECOND (500). Under a prefix of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { serverTimeout } from '../src/order-index/elasticsearch/client.ts';
import { searchRequest } from '../src/order-index/elasticsearch/search-query.ts';
import type { DocumentWrite, OrderIndex, SearchQuery } from '../src/order-index/port.ts';
import { generateEvents } from '../test/support/generate-events.ts';
import { startService } from '../test/support/running-service.ts';
import type { RunningService } from '../test/support/running-service.ts';
import { eventually } from '../test/support/eventually.ts';
import { testBackend } from '../test/support/test-backend.ts';
import type { TestBackend } from '../test/support/test-backend.ts';
import { cpuOf } from './drain/processes.ts';
import { queryKinds } from './search/kinds.ts';
import type { QueryKind } from './search/kinds.ts';
import { ask, createSampler, within } from './search/load.ts';
import type { Measured } from './search/load.ts';
import { indexOf, writeAll, writeOrders } from './support/filled-index.ts';

const numbers = (name: string, fallback: string) => (process.env[name] ?? fallback).split(',').map(Number);
const ORDERS = numbers('ORDERS', '20000,200000');
const CLIENTS = numbers('CLIENTS', '1,8,32');
const [MEASURE_SECONDS = 2] = numbers('MEASURE_SECONDS', '2');
const [WRITES_PER_SECOND = 500] = numbers('WRITES_PER_SECOND', '500');
const MADE_AT_ONCE = 10_000;
const LOADED_CLIENTS = 8;
const TURNS = 6;
/** Of the service's own requests (`backends.ts`). */
const REQUEST_TIMEOUT_MS = 30_000;

interface Bench {
  readonly service: RunningService;
  readonly kinds: readonly QueryKind[];
  readonly askIndex: (query: SearchQuery) => Promise<void>;
}

async function main(): Promise<void> {
  for (const orders of ORDERS) {
    const backend = await testBackend();
    const index = indexOf(backend);
    try {
      await atSize(backend, index, await fill(index, orders));
    } finally {
      await index.close();
      await backend.remove();
    }
  }
}

interface Filled {
  readonly orders: number;
  /** Some of them, to be asked for and to be written again. */
  readonly some: readonly DocumentWrite[];
}

/** The orders' documents, as the projector would have written them. */
async function fill(index: OrderIndex, orders: number): Promise<Filled> {
  await index.open();
  let some: readonly DocumentWrite[] = [];
  for (let from = 0; from < orders; from += MADE_AT_ONCE) {
    const count = Math.min(MADE_AT_ONCE, orders - from);
    const events = generateEvents({
      seed: from,
      orders: count,
      idPrefix: `${from}-`,
      eventsPerOrder: { min: 2, max: 4 },
    });
    some = await writeOrders(index, events);
  }
  await index.refresh();
  return { orders, some };
}

async function atSize(backend: TestBackend, index: OrderIndex, { orders, some }: Filled): Promise<void> {
  const service = await startService({ ...backend.environment, ROLE: 'api', RATE_LIMIT_PER_MINUTE: '0' });
  try {
    await eventually(async () => ask(`${service.url}/search?size=1`));
    const askIndex = asksIndex(backend);
    const bench = { service, askIndex, kinds: queryKinds(some.map(({ orderId }) => orderId)) };
    for (const kind of bench.kinds) await measured(bench, kind, LOADED_CLIENTS, 0.5);
    for (const clients of CLIENTS) await table(bench, `${orders} orders, ${clients} clients`, clients);
    const load = startWrites(index, some);
    await table(
      bench,
      `${orders} orders, ${LOADED_CLIENTS} clients, ${WRITES_PER_SECOND} writes a second`,
      LOADED_CLIENTS,
    );
    await load.stop();
  } finally {
    await service.stop();
  }
}

/** The very question that the service asks, and as it asks it: for the same hits, and with the same time to answer. */
function asksIndex({ environment, prefix }: TestBackend): (query: SearchQuery) => Promise<void> {
  const address = `${environment['ELASTICSEARCH_URL'] ?? ''}/${prefix}/_search`;
  const headers = { 'content-type': 'application/json' };
  return (query) => {
    const { allow_partial_search_results: allowsPartial, ...body } = searchRequest(query);
    const url = `${address}?allow_partial_search_results=${String(allowsPartial)}`;
    const timeout = serverTimeout(REQUEST_TIMEOUT_MS);
    return ask(url, { method: 'POST', headers, body: JSON.stringify({ timeout, ...body }) });
  };
}

async function table(bench: Bench, title: string, clients: number): Promise<void> {
  console.log(`\n| ${title} | p50 | p95 | p99 | /s | CPU µs | Elasticsearch p50 | p95 | p99 | /s | × p50 | × p99 |`);
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const kind of bench.kinds) {
    const { service, index, cpuMicros } = await measured(bench, kind, clients, MEASURE_SECONDS);
    const times = (of: 'p50' | 'p99') => (index ? (service[of] / index[of]).toFixed(2) : '');
    const both = [cells(service), cpuMicros.toFixed(0), index ? cells(index) : ' | | | ', times('p50'), times('p99')];
    console.log(`| ${kind.name} | ${both.join(' | ')} |`);
  }
}

/** By turns, the first one in each the last one in the next: what drifts on the machine meets both alike. */
async function measured({ service, askIndex }: Bench, { address, query }: QueryKind, clients: number, seconds: number) {
  const ours = createSampler(clients, (nth) => ask(`${service.url}${address(nth)}`));
  const index = query && createSampler(clients, (nth) => askIndex(query(nth)));
  let cpuSeconds = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    for (const side of turn % 2 === 0 ? [ours, index] : [index, ours]) {
      const cpuBefore = cpuOf(service.pid);
      await side?.run(within(seconds / TURNS));
      if (side === ours) cpuSeconds += cpuOf(service.pid) - cpuBefore;
    }
  }
  const cpuMicros = (cpuSeconds * 1e6) / ours.answered();
  return { service: ours.measured(), index: index?.measured(), cpuMicros };
}

function cells({ p50, p95, p99, perSecond }: Measured): string {
  return [...[p50, p95, p99].map((ms) => ms.toFixed(1)), perSecond.toFixed(0)].join(' | ');
}

/** Orders that were there get new versions, over and over. */
function startWrites(index: OrderIndex, writes: readonly DocumentWrite[]): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const size = Math.max(1, Math.round(WRITES_PER_SECOND / 5));
  const run = async () => {
    for (let from = 0, round = 1; !stopping.signal.aborted; from += size) {
      if (from + size > writes.length) [from, round] = [0, round + 1];
      const newer = writes.slice(from, from + size).map(({ orderId, version, document }) => ({
        ...{ orderId, version: version + round, document: { ...document, version: version + round } },
      }));
      await writeAll(index, newer);
      await delay(200);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

await main();
