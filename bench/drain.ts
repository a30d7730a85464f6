/**
 * `npm run bench:drain`: how fast a full queue is drained into Elasticsearch, beside what people write by hand, and beside what the broker
 * and Elasticsearch give at most. The same kind of queue, the same events, each contender a process of its own, watched from outside;
 * interleaved rounds with rotated order after a warm-up that is discarded; every document is looked at. Medians [min–max], and the ratio of
 * medians to the hand-written bulk consumer. The last line is `ratio to bulk-node: R`, of events a second. EVENTS (120,000), ROUNDS (5),
 * ONLY (a regular expression of names). Uses RabbitMQ and Elasticsearch under prefixes of its own.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@elastic/elasticsearch';
import { SHARED_SERVICES } from '../test/support/test-backend.ts';
import { datasetOf } from './drain/events.ts';
import { measure, SERVICE, type Bench, type Contender, type Measured } from './drain/measure.ts';
import { spread } from './rebuild/statistics.ts';
import { runBench, type Leftovers } from './support/leftovers.ts';

const EVENTS = Number(process.env['EVENTS'] ?? 120_000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const ONLY = new RegExp(process.env['ONLY'] ?? '.');
const WARM_UP_EVENTS = Math.min(EVENTS, 40_000);
const WARM_UPS = 2;
const LINES_AT_ONCE = 10_000;

const script = (path: string) => new URL(path, import.meta.url).pathname;
const BULK_NODE: Contender = { name: 'bulk-node', script: script('drain/contenders/bulk-node.ts'), writes: 'copies' };
const CEILING = { script: script('drain/contenders/bulk-ceiling.ts'), writes: 'copies', readsFile: true } as const;
const CONTENDERS: readonly Contender[] = [
  SERVICE,
  BULK_NODE,
  { name: 'naive-node', script: script('drain/contenders/naive-node.ts'), writes: 'copies' },
  { name: 'bulk-ceiling', ...CEILING },
  { name: 'bulk-ceiling, coalesced', ...CEILING, environment: { COALESCE: '1' } },
  { name: 'broker-ceiling', script: script('drain/contenders/broker-ceiling.ts'), writes: 'nothing' },
];

type Figure = Exclude<keyof Measured, 'wrong'>;

const FIGURES: Readonly<Record<Figure, { readonly title: string; readonly decimals: number }>> = {
  eventsPerSecond: { title: 'events/s', decimals: 0 },
  cpuMicrosAnEvent: { title: 'CPU µs/event', decimals: 1 },
  peakRssMib: { title: 'peak RSS MiB', decimals: 0 },
  writesAnEvent: { title: 'writes/event', decimals: 2 },
};

async function main(leftovers: Leftovers): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'order-search-bench-'));
  leftovers.add(async () => rmSync(folder, { recursive: true }));
  const client = new Client({ node: SHARED_SERVICES.elasticsearchUrl });
  const bench: Bench = { client, leftovers };
  try {
    const chosen = CONTENDERS.filter(({ name }) => ONLY.test(name));
    await warmUp(bench, folder);
    const dataset = datasetOf(EVENTS);
    const eventsFile = join(folder, 'events.ndjson');
    writeLines(eventsFile, dataset.lines);
    const results = new Map<string, Measured[]>(chosen.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of rotated(chosen, round)) {
        const measured = await measure(bench, contender, dataset, eventsFile);
        results.get(contender.name)?.push(measured);
        console.error(`${round + 1}. ${contender.name}: ${describe(measured)}`);
      }
    }
    print(results, dataset.versions.size);
  } finally {
    await client.close();
  }
}

/** An Elasticsearch that has just started costs several times as much, until its compiler has settled. */
async function warmUp(bench: Bench, folder: string): Promise<void> {
  const dataset = datasetOf(WARM_UP_EVENTS);
  const eventsFile = join(folder, 'warm-up.ndjson');
  writeLines(eventsFile, dataset.lines);
  for (let time = 0; time < WARM_UPS; time++)
    for (const contender of [SERVICE, BULK_NODE]) await measure(bench, contender, dataset, eventsFile);
}

/** In pieces: a million events are too long for one text. */
function writeLines(file: string, lines: readonly string[]): void {
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    const some = lines.slice(from, from + LINES_AT_ONCE).join('\n');
    appendFileSync(file, from === 0 ? some : `\n${some}`);
  }
}

function rotated<T>(all: readonly T[], by: number): T[] {
  const from = by % Math.max(1, all.length);
  return [...all.slice(from), ...all.slice(0, from)];
}

function describe(measured: Measured): string {
  const figures = figureNames().map(
    (name) => `${FIGURES[name].title} ${measured[name].toFixed(FIGURES[name].decimals)}`,
  );
  return [...figures, measured.wrong ?? 'all right'].join(', ');
}

function figureNames(): Figure[] {
  return Object.keys(FIGURES) as Figure[];
}

function print(results: ReadonlyMap<string, readonly Measured[]>, orders: number): void {
  console.log(`${EVENTS} events of ${orders} orders, ${ROUNDS} rounds; median [min–max] (ratio to bulk-node)\n`);
  const median = (contender: string, figure: Figure) =>
    spread((results.get(contender) ?? []).map((one) => one[figure])).median;
  const ratio = (contender: string, figure: Figure) => {
    const value = median(contender, figure) / median(BULK_NODE.name, figure);
    return Number.isNaN(value) ? 'not measured' : value.toFixed(2);
  };
  for (const [name, all] of results) {
    console.log(name);
    for (const figure of figureNames()) {
      const { title, decimals } = FIGURES[figure];
      const { text } = spread(
        all.map((one) => one[figure]),
        decimals,
      );
      console.log(`  ${title.padEnd(14)} ${text.padEnd(30)} (${ratio(name, figure)})`);
    }
    const wrong = all.flatMap((one) => one.wrong ?? []);
    console.log(`  ${wrong.length === 0 ? 'every document right in every round' : `WRONG: ${wrong.join('; ')}`}\n`);
    if (wrong.length > 0) process.exitCode = 1;
  }
  console.log(`ratio to bulk-node: ${ratio(SERVICE.name, 'eventsPerSecond')}`);
}

await runBench(main);
