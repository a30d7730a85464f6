/**
 * `npm run bench:rebuild`: how fast a rebuild is from each source, beside the plain bulk ceiling of the same Elasticsearch with the same
 * documents; and what live traffic and searches notice of it. Interleaved rounds, medians [min–max].
 * ORDERS (20,000), ROUNDS (3), SOURCES (index,history,file), EVENTS_PER_SECOND (200) of live load, LATENCY_SECONDS (15; 0 leaves the
 * latencies out) a measurement. Uses RabbitMQ and Elasticsearch under a prefix of its own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import type { CloudEvent } from '../src/sample/cloud-event.ts';
import { generateEvents } from '../test/support/generate-events.ts';
import { publish, untilDrained } from '../test/support/drain.ts';
import { startLoad, unrulyEvents } from '../test/support/live-load.ts';
import { operatorOf, type Operator, type Rebuild } from '../test/support/rebuild-operator.ts';
import { startService, untilReady, type RunningService } from '../test/support/running-service.ts';
import { testBackend, type TestBackend } from '../test/support/test-backend.ts';
import { measureLatency, type Latency } from './rebuild/latency.ts';
import { bulkCeiling } from './rebuild/bulk-ceiling.ts';
import { spread } from './rebuild/statistics.ts';

const ORDERS = Number(process.env['ORDERS'] ?? 20_000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const EVENTS_PER_SECOND = Number(process.env['EVENTS_PER_SECOND'] ?? 200);
const KNOWN_SOURCES = ['index', 'history', 'file'];
const SOURCES = (process.env['SOURCES'] ?? KNOWN_SOURCES.join(',')).split(',');
const FILE = 'orders.ndjson';
const LATENCY_SECONDS = Number(process.env['LATENCY_SECONDS'] ?? 15);

interface Bench {
  readonly backend: TestBackend;
  readonly service: RunningService;
  readonly operator: Operator;
  readonly client: Client;
}

async function main(): Promise<void> {
  const unknown = SOURCES.filter((source) => !KNOWN_SOURCES.includes(source));
  if (unknown.length > 0) throw new Error(`SOURCES: ${unknown.join(', ')} is none of ${KNOWN_SOURCES.join(', ')}`);
  const imports = mkdtempSync(join(tmpdir(), 'order-search-bench-'));
  const backend = await testBackend();
  const client = new Client({ node: backend.environment['ELASTICSEARCH_URL'] ?? '' });
  const service = await startService({ ...backend.environment, IMPORT_DIR: imports, RATE_LIMIT_PER_MINUTE: '0' });
  try {
    await untilReady(service);
    const events = generateEvents({ seed: 'bench', orders: ORDERS });
    writeFileSync(join(imports, FILE), events.map((event) => JSON.stringify(event)).join('\n'));
    await publish(backend, events);
    await untilDrained(backend, service, 600_000);
    const bench = { backend, service, operator: operatorOf(service), client };
    await measureSpeed(bench, events);
    if (LATENCY_SECONDS > 0) await measureNuisance(bench);
  } finally {
    await service.stop();
    await backend.remove();
    await client.close();
    rmSync(imports, { recursive: true });
  }
}

/** Orders a second, from the start to DONE: all steps, validation and swap too. */
async function measureSpeed(bench: Bench, events: readonly CloudEvent[]): Promise<void> {
  const speeds = new Map<string, number[]>();
  const note = (name: string, perSecond: number) => speeds.set(name, [...(speeds.get(name) ?? []), perSecond]);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const source of SOURCES) {
      // Beside each: a machine that is slower for a while is so for both.
      const ceiling = await bulkCeiling(bench.client, bench.backend.prefix);
      const seconds = await rebuild(bench.operator, source);
      // The first round warms up.
      if (round === 0) continue;
      note('bulk', ceiling);
      note(source, ORDERS / seconds);
    }
  }
  console.log(
    `${ORDERS} orders of ${events.length} events, ${ROUNDS} rounds; orders/s, median [min–max], ratio to bulk`,
  );
  const { median: ceiling } = spread(speeds.get('bulk') ?? []);
  for (const [name, values] of speeds) {
    const { median, text } = spread(values);
    console.log(`${name.padEnd(8)} ${text.padEnd(28)} ${(median / ceiling).toFixed(2)}`);
  }
}

/** Seconds that it took. */
async function rebuild(operator: Operator, source: string): Promise<number> {
  const request = { source, keep: 0, ...(source === 'file' && { path: FILE }) };
  const { id } = await operator.start(request);
  const { state, error, startedAt, finishedAt } = await over(operator, id);
  if (state !== 'DONE') throw new Error(`the rebuild from the ${source} ended in ${state}: ${error ?? ''}`);
  return (Date.parse(finishedAt ?? '') - Date.parse(startedAt)) / 1_000;
}

const LOOK_MS = 250;
const LIMIT_MS = 15 * 60_000;

/** Looks seldom: each look is two requests to Elasticsearch, which has the rebuild to do. @throws Error after {@link LIMIT_MS} */
async function over(operator: Operator, id: string): Promise<Rebuild> {
  for (const from = performance.now(); performance.now() - from < LIMIT_MS;) {
    const found = await operator.get(id);
    if (found.finishedAt !== null) return found;
    await delay(LOOK_MS);
  }
  throw new Error(`rebuild ${id} is not over after ${LIMIT_MS / 60_000} minutes`);
}

/** What an event and a search take under a steady live load, without a rebuild and while one follows the other. */
async function measureNuisance({ backend, service, operator }: Bench): Promise<void> {
  const load = await startLoad(backend, unrulyEvents('bench-live'), { perSecond: EVENTS_PER_SECOND });
  try {
    const measure = () => measureLatency(backend, service.url, LATENCY_SECONDS);
    await measure();
    const without = await measure();
    const rebuilding = keepRebuilding(operator);
    const during = await measure();
    const rebuilds = await rebuilding.stop();
    print(without, during, rebuilds);
  } finally {
    await load.stop();
  }
}

function keepRebuilding(operator: Operator): { stop(): Promise<number> } {
  let isOver = false;
  const loop = async (): Promise<number> => {
    let rebuilds = 0;
    while (!isOver) {
      await rebuild(operator, 'index');
      rebuilds += 1;
    }
    return rebuilds;
  };
  const ended = loop();
  return {
    stop: () => {
      isOver = true;
      return ended;
    },
  };
}

function print(without: Latency, during: Latency, rebuilds: number): void {
  console.log(
    `\nunder ${EVENTS_PER_SECOND} live events/s, ms p50 / p99, without a rebuild and during ${rebuilds} of them from the index`,
  );
  for (const kind of ['searchable', 'search'] as const) {
    const [before, then] = [without[kind], during[kind]];
    const name = kind === 'search' ? 'a search' : 'confirmed publish → found';
    console.log(
      `${name.padEnd(28)} ${before.p50} / ${before.p99}   ${then.p50} / ${then.p99}   (${before.count}, ${then.count} times)`,
    );
  }
}

await main();
