/**
 * `npm run bench:scale`: how throughput (a full queue is drained, as in `bench:drain`), peak memory and searches change
 * - `orders`: with the number of orders in the index. They are written past the queue; then the queue holds the next events of some of
 * them,
 *   evenly spread; each of these orders is looked at afterwards.
 * - `events`: with the number of events that an order has near each other in the queue.
 * - `items`: with the number of items of an order, three events each; of longer orders there are fewer.
 * - `projectors`: from one projector to two (`bench:projectors`).
 * Searches of all kinds of `bench:search` by turns, through a service that only answers: CLIENTS (8) of them for SEARCH_SECONDS (5) when
 * the drain is over; of `projectors` one client while it is under way. ONLY (a regular expression of sections), EVENTS (20,000) a drain,
 * ROUNDS (1) of all sections but the first, ORDERS (10000,100000,1000000), EVENTS_PER_ORDER (1,2,3,4), ITEMS (1,10,100,500). All of it is
 * meant to take less than 12 minutes on 2 cores, half of them to write a million orders. Uses RabbitMQ and Elasticsearch on this machine
 * under prefixes of its own.
 */
import { Client } from '@elastic/elasticsearch';
import { generateEvents } from '../test/support/generate-events.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../test/support/test-backend.ts';
import { measureOn, SERVICE, type Bench } from './drain/measure.ts';
import type { Dataset } from './drain/events.ts';
import { drainBy, SETTINGS, type Setting } from './projectors/drain.ts';
import { datasetOfShape, nextEvents, PART } from './scale/datasets.ts';
import { aggregate, fill } from './scale/orders.ts';
import { startSearchLoad } from './scale/search-load.ts';
import { describeFigures, printTable, type Figures } from './scale/table.ts';
import type { Measured as Searched } from './search/load.ts';
import { indexOf } from './support/filled-index.ts';
import { runBench, type Leftovers } from './support/leftovers.ts';
import { requireLoopback } from './support/loopback.ts';

const numbers = (name: string, fallback: string) => (process.env[name] ?? fallback).split(',').map(Number);
const ONLY = new RegExp(process.env['ONLY'] ?? '.');
const [EVENTS = 0] = numbers('EVENTS', '20000');
const [ROUNDS = 0] = numbers('ROUNDS', '1');
const ORDERS = numbers('ORDERS', '10000,100000,1000000');
const EVENTS_PER_ORDER = numbers('EVENTS_PER_ORDER', '1,2,3,4');
const ITEMS = numbers('ITEMS', '1,10,100,500');
const [CLIENTS = 0] = numbers('CLIENTS', '8');
const [SEARCH_SECONDS = 0] = numbers('SEARCH_SECONDS', '5');
/** Of a drain of long orders, all of them together. */
const MAX_ITEMS = 250_000;
const MAX_ORDERS = 2_000_000;
const EVENTS_OF_LONG_ORDERS = 3;

type Rows = Map<string, Figures[]>;

async function main(leftovers: Leftovers): Promise<void> {
  requireLoopback();
  const client = new Client({ node: SHARED_SERVICES.elasticsearchUrl });
  const bench: Bench = { client, leftovers };
  const sections: readonly (readonly [name: string, run: (bench: Bench) => Promise<void>])[] = [
    ['orders', byOrders],
    ['events', byEventsPerOrder],
    ['items', byItems],
    ['projectors', byProjectors],
  ];
  // What a service and an Elasticsearch that have just started cost is discarded.
  await fresh(bench, datasetOfShape({ events: EVENTS, eventsPerOrder: 3, itemsPerOrder: 3 }));
  for (const [name, run] of sections) if (ONLY.test(name)) await run(bench);
  await client.close();
}

/** One index grows from size to size. */
async function byOrders(bench: Bench): Promise<void> {
  const backend = await testBackend();
  const remove = bench.leftovers.add(() => backend.remove());
  const index = indexOf(backend);
  const rows: Rows = new Map();
  try {
    await index.open();
    let parts = 0;
    for (const orders of ORDERS.toSorted((a, b) => a - b)) {
      const upTo = Math.round(orders / PART);
      if (upTo <= parts || orders > MAX_ORDERS) throw new Error(`ORDERS: not ${orders}, but thousands, growing`);
      await fill(bench.client, index, backend.prefix, parts, upTo);
      const isAggregated = await aggregate(bench.leftovers, backend);
      note(
        rows,
        `${orders}${isAggregated ? '' : ', aggregates being built'}`,
        await onBackend(bench, backend, nextEvents(parts, upTo, EVENTS)),
      );
      parts = upTo;
    }
  } finally {
    // Also where a size fails: those before it took minutes.
    printTable('orders in the index', rows);
    await index.close();
    await remove();
  }
}

async function byEventsPerOrder(bench: Bench): Promise<void> {
  const shapes = EVENTS_PER_ORDER.map((eventsPerOrder) => ({ events: EVENTS, eventsPerOrder, itemsPerOrder: 3 }));
  const datasets = shapes.map((shape) => [`${shape.eventsPerOrder}`, datasetOfShape(shape)] as const);
  printTable('events an order', await inRounds(datasets, (dataset) => fresh(bench, dataset)));
}

async function byItems(bench: Bench): Promise<void> {
  const datasets = ITEMS.map((itemsPerOrder) => {
    const events = Math.min(EVENTS, Math.ceil(MAX_ITEMS / itemsPerOrder) * EVENTS_OF_LONG_ORDERS);
    const dataset = datasetOfShape({ events, eventsPerOrder: EVENTS_OF_LONG_ORDERS, itemsPerOrder });
    return [`${itemsPerOrder} (${dataset.lines.length} events)`, dataset] as const;
  });
  printTable('items an order', await inRounds(datasets, (dataset) => fresh(bench, dataset)));
}

async function byProjectors(bench: Bench): Promise<void> {
  const settings = SETTINGS.map((setting) => [setting.name, setting] as const);
  printTable('projectors', await inRounds(settings, (setting) => whileSearching(bench, setting)));
}

/** Interleaved. */
async function inRounds<T>(
  sizes: readonly (readonly [name: string, size: T])[],
  measure: (size: T) => Promise<Figures>,
): Promise<Rows> {
  const rows: Rows = new Map();
  for (let round = 0; round < ROUNDS; round++) for (const [name, size] of sizes) note(rows, name, await measure(size));
  return rows;
}

function note(rows: Rows, name: string, figures: Figures): void {
  rows.set(name, [...(rows.get(name) ?? []), figures]);
  console.error(`${name}: ${describeFigures(figures)}`);
}

/** In an index of its own. */
async function fresh(bench: Bench, dataset: Dataset): Promise<Figures> {
  const backend = await testBackend();
  const remove = bench.leftovers.add(() => backend.remove());
  try {
    return await onBackend(bench, backend, dataset);
  } finally {
    await remove();
  }
}

/** @throws Error where a document is wrong */
async function onBackend(bench: Bench, backend: TestBackend, dataset: Dataset): Promise<Figures> {
  const { wrong, ...drained } = await measureOn(backend, bench, SERVICE, dataset);
  if (wrong !== undefined) throw new Error(wrong);
  const load = await startSearchLoad(bench.leftovers, backend, [...dataset.versions.keys()]);
  const searched = await load.measure(CLIENTS, SEARCH_SECONDS);
  await load.stop();
  return { ...drained, ...searchFigures(searched) };
}

async function whileSearching({ leftovers }: Bench, setting: Setting): Promise<Figures> {
  const events = generateEvents({ seed: 'projectors', orders: Math.ceil(EVENTS / 4) }).slice(0, EVENTS);
  let searched: Searched | undefined;
  const drained = await drainBy(setting, events, leftovers, async (backend) => {
    const load = await startSearchLoad(
      leftovers,
      backend,
      events.map(({ subject }) => subject),
    );
    return async (goesOn) => {
      searched = await load.measureWhile(goesOn, 1);
      await load.stop();
    };
  });
  return { ...drained, ...(searched && searchFigures(searched)) };
}

function searchFigures({ p50, p99, perSecond }: Searched): Figures {
  return { searchP50: p50, searchP99: p99, searchesPerSecond: perSecond };
}

await runBench(main);
