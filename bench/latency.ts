/**
 * `npm run bench:latency`: from a confirmed publish to the order being found by a search, at some shares of what the service drains at most
 * (which is measured first, from a full queue). Events arrive at random (Poisson) in an open loop: the schedule waits for no answer, and
 * what is late because something stood still is published at once then; a publish counts from the instant at which its confirm arrives.
 * Some of the events, evenly spread, are watched all their way: when the projector's connection to RabbitMQ has passed them on, when the
 * bulk request with them is answered (both noted by proxies through which the service works), when a search finds them. It asks every 20
 * ms, and says how exact that was. Of a stage that was over before the confirm arrived the time is negative: so the stages of an event add
 * up. LEVELS (10,50,80, percent), SECONDS (30) a level after WARM_UP_SECONDS (10), PROBES_PER_SECOND (50), CAPACITY (events a second;
 * measured unless told, by ROUNDS (3) drains of EVENTS (40,000) each after one that warms up); PREFETCH, BATCH_SIZE, BATCH_DELAY_MS,
 * BULK_CONCURRENCY and REFRESH_INTERVAL are the service's. Takes about 4 minutes. Uses RabbitMQ and Elasticsearch on this machine under
 * prefixes of its own.
 */
import { Client } from '@elastic/elasticsearch';
import { SHARED_SERVICES } from '../test/support/test-backend.ts';
import { datasetOf } from './drain/events.ts';
import { measure, SERVICE, type Bench } from './drain/measure.ts';
import { atLevel, type Level } from './latency/level.ts';
import { percentile, spread } from './rebuild/statistics.ts';
import { runBench, type Leftovers } from './support/leftovers.ts';
import { requireLoopback } from './support/loopback.ts';

const number = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const LEVELS = (process.env['LEVELS'] ?? '10,50,80').split(',').map(Number);
const SECONDS = number('SECONDS', 30);
const WARM_UP_SECONDS = number('WARM_UP_SECONDS', 10);
const PROBES_PER_SECOND = number('PROBES_PER_SECOND', 50);
const CAPACITY = number('CAPACITY', 0);
const ROUNDS = number('ROUNDS', 3);
const EVENTS = number('EVENTS', 40_000);
const TUNING = ['PREFETCH', 'BATCH_SIZE', 'BATCH_DELAY_MS', 'BULK_CONCURRENCY', 'REFRESH_INTERVAL'].flatMap((name) => {
  const value = process.env[name];
  return value === undefined ? [] : [[name, value] as const];
});
/** Bodies are in memory. */
const MAX_EVENTS_A_LEVEL = 1_000_000;
/** The aim is at this level, above the refresh interval. */
const AIM = { level: 50, aboveRefreshMs: 300 };

async function main(leftovers: Leftovers): Promise<void> {
  requireLoopback();
  const client = new Client({ node: SHARED_SERVICES.elasticsearchUrl });
  const bench: Bench = { client, leftovers };
  const capacity = CAPACITY > 0 ? CAPACITY : await measureCapacity(bench);
  const environment = Object.fromEntries(TUNING);
  const levels: Level[] = [];
  for (const percent of LEVELS) {
    const perSecond = (capacity * percent) / 100;
    const events = Math.ceil(perSecond * (WARM_UP_SECONDS + SECONDS));
    if (!(events >= 1 && events <= MAX_EVENTS_A_LEVEL)) throw new Error(`${events} events at ${percent} %`);
    const { lines } = datasetOf(events);
    const rates = { perSecond, probesPerSecond: PROBES_PER_SECOND, warmUpSeconds: WARM_UP_SECONDS };
    const level = await atLevel(bench, lines, rates, environment);
    print(percent, level);
    levels.push(level);
  }
  printAim(levels);
  await client.close();
}

/** Events a second. */
async function measureCapacity(bench: Bench): Promise<number> {
  const dataset = datasetOf(EVENTS);
  const contender = { ...SERVICE, environment: Object.fromEntries(TUNING) };
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const { eventsPerSecond, wrong } = await measure(bench, contender, dataset);
    if (wrong !== undefined) throw new Error(wrong);
    // The first round warms up.
    if (round > 0) rates.push(eventsPerSecond);
  }
  const { median, text } = spread(rates);
  console.log(`capacity: ${text} events/s, ${ROUNDS} drains of ${EVENTS} events\n`);
  return median;
}

function print(percent: number, level: Level): void {
  const { perSecond, stages, refreshInterval, publishedPerSecond, resolution, backlog, lost } = level;
  const watched = `${level.lateMs.length} of them watched, refresh interval ${refreshInterval}`;
  console.log(`| ${percent} %: ${perSecond.toFixed(0)} events/s, ${watched}; ms | p50 | p95 | p99 | max |`);
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const { name, ms } of stages) console.log(`| ${name} | ${figures(ms).join(' | ')} |`);
  const [, , lateP99 = '', lateMost = ''] = figures(level.lateMs);
  const [usual, worse] = [resolution.p50.toFixed(0), resolution.p99.toFixed(0)];
  const own = (100 * level.ownCpuShare).toFixed(0);
  console.log(`\npublished ${publishedPerSecond.toFixed(0)}/s, late by ${lateP99} ms at p99, ${lateMost} ms at most;`);
  console.log(`the bench itself, its proxies included, took ${own} % of a core;`);
  console.log(`a find is noticed within ${usual} ms, ${worse} ms at p99; ${backlog} events waited at the end`);
  if (backlog > perSecond) console.log('NOT SUSTAINED: that is more than comes in a second');
  if (lost > 0)
    console.log(`NOT FOUND: ${lost} of those watched, which count with the time until the search was given up`);
  console.log('');
}

/** p50, p95, p99, the greatest. */
function figures(ms: readonly number[]): string[] {
  const sorted = ms.toSorted((a, b) => a - b);
  return [...[0.5, 0.95, 0.99].map((share) => percentile(sorted, share)), sorted.at(-1) ?? NaN].map((one) =>
    one.toFixed(1),
  );
}

function printAim(levels: readonly Level[]): void {
  const place = LEVELS.indexOf(AIM.level);
  const level = levels[place];
  if (!level) return;
  const total = level.stages.at(-1)?.ms ?? [];
  const p99 = percentile(
    total.toSorted((a, b) => a - b),
    0.99,
  );
  console.log(
    `publish-to-found p99 at ${AIM.level} %: ${p99.toFixed(0)} ms (aim: refresh interval ${level.refreshInterval} + ${AIM.aboveRefreshMs} ms)`,
  );
}

await runBench(main);
