/**
 * `npm run bench:dashboard`: how long a seller's dashboard takes over many orders, by number of clients: p50/p95/p99 in milliseconds and
 * requests a second; then how old the answers are (now less `asOf`) while events are published at a steady rate, p50/p99 in seconds.
 * ORDERS (200000), CLIENTS (1,8,32), MEASURE_SECONDS (5), EVENTS_PER_SECOND (500), SECONDS (60). Under a prefix of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { OrderIndex } from '../src/order-index/port.ts';
import { plusDays } from '../src/order/day.ts';
import { generateEvents } from '../test/support/generate-events.ts';
import { eventually } from '../test/support/eventually.ts';
import { startLoad, unrulyEvents } from '../test/support/live-load.ts';
import { startService, untilReady } from '../test/support/running-service.ts';
import type { RunningService } from '../test/support/running-service.ts';
import { testBackend } from '../test/support/test-backend.ts';
import type { TestBackend } from '../test/support/test-backend.ts';
import { percentile } from './rebuild/statistics.ts';
import { measure } from './search/load.ts';
import { indexOf, writeOrders } from './support/filled-index.ts';

const numbers = (name: string, fallback: string) => (process.env[name] ?? fallback).split(',').map(Number);
const [ORDERS = 0] = numbers('ORDERS', '200000');
const CLIENTS = numbers('CLIENTS', '1,8,32');
const [MEASURE_SECONDS = 0] = numbers('MEASURE_SECONDS', '5');
const [EVENTS_PER_SECOND = 0] = numbers('EVENTS_PER_SECOND', '500');
const [SECONDS = 0] = numbers('SECONDS', '60');
const MADE_AT_ONCE = 10_000;
const LOOK_MS = 200;
/** How long the aggregates of all orders may take at first. */
const BUILT_WITHIN_MS = 30 * 60_000;
/** The orders are spread over this, half of a year. */
const FIRST_DAY = '2026-01-01';
const DAYS = 180;
const SELLERS = ['harbour-home', 'nordlicht-keramik', 'casa-alba', 'kyoto-chaho', 'blue-ridge-outdoor'];

async function main(): Promise<void> {
  const backend = await testBackend();
  const index = indexOf(backend);
  try {
    await fill(index);
    await onService(backend);
  } finally {
    await index.close();
    await backend.remove();
  }
}

/** The orders' documents, as the projector would have written them. */
async function fill(index: OrderIndex): Promise<void> {
  await index.open();
  for (let from = 0; from < ORDERS; from += MADE_AT_ONCE) {
    const orders = Math.min(MADE_AT_ONCE, ORDERS - from);
    const startAt = new Date(plusDays(FIRST_DAY, Math.floor((from / ORDERS) * DAYS)));
    await writeOrders(index, generateEvents({ seed: from, orders, idPrefix: `${from}-`, startAt }));
  }
}

async function onService(backend: TestBackend): Promise<void> {
  const service = await startService({ ...backend.environment, RATE_LIMIT_PER_MINUTE: '0' });
  try {
    await untilReady(service);
    const startedAt = performance.now();
    await eventually(() => asOf(service, 0), BUILT_WITHIN_MS);
    console.log(`${ORDERS} orders; the aggregates were built in ${seconds(performance.now() - startedAt)} s`);
    await measure(8, MEASURE_SECONDS / 2, (nth) => asOf(service, nth).then(() => undefined));
    await latencies(service);
    await staleness(backend, service);
  } finally {
    await service.stop();
  }
}

/** Of one dashboard of 30 days, none like the one before it. @throws Error where it is not answered */
async function asOf({ url }: RunningService, nth: number): Promise<number> {
  const from = plusDays(FIRST_DAY, (nth * 7) % (DAYS - 30));
  const seller = SELLERS[nth % SELLERS.length] ?? '';
  const path = `/sellers/${encodeURIComponent(seller)}/dashboard?from=${from}&to=${plusDays(from, 29)}`;
  const response = await fetch(`${url}${path}`);
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return Date.parse(((await response.json()) as { readonly asOf: string }).asOf);
}

async function latencies(service: RunningService): Promise<void> {
  console.log('\n| dashboard, clients | p50 | p95 | p99 | /s |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const clients of CLIENTS) {
    const { p50, p95, p99, perSecond } = await measure(clients, MEASURE_SECONDS, async (nth) => {
      await asOf(service, nth);
    });
    console.log(`| ${clients} | ${[p50, p95, p99].map((ms) => ms.toFixed(1)).join(' | ')} | ${perSecond.toFixed(0)} |`);
  }
}

/** Looked at all the time, from when the first answer is of the load's own time. */
async function staleness(backend: TestBackend, service: RunningService): Promise<void> {
  const beganAt = Date.now();
  const load = await startLoad(backend, unrulyEvents('dashboard'), { perSecond: EVENTS_PER_SECOND });
  const ages: number[] = [];
  await eventually(async () => {
    if ((await asOf(service, 0)) < beganAt) throw new Error('no answer is of the time of the load');
  }, BUILT_WITHIN_MS);
  const untilMs = performance.now() + SECONDS * 1_000;
  for (let nth = 0; performance.now() < untilMs; nth++) {
    ages.push(Date.now() - (await asOf(service, nth)));
    await delay(LOOK_MS);
  }
  const { perSecond } = await load.stop();
  const sorted = ages.toSorted((a, b) => a - b);
  const [p50, p99, most] = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1) ?? NaN].map(seconds);
  console.log(
    `\nstaleness at ${perSecond.toFixed(0)} events a second, ${SECONDS} s: p50 ${p50} s, p99 ${p99} s, at most ${most} s`,
  );
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

await main();
