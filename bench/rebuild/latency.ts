import { setTimeout as delay } from 'node:timers/promises';
import { generateEvents } from '../../test/support/generate-events.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import type { Broker } from '../../src/broker/port.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf } from '../../src/sample/cloud-event.ts';
import type { TestBackend } from '../../test/support/test-backend.ts';
import { percentile } from './statistics.ts';

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

export interface Latency {
  /** From a confirmed publish to the order being found by a search for its id. */
  readonly searchable: Percentiles;
  readonly search: Percentiles;
}

const PROBE_EVERY_MS = 150;
const LOOK_EVERY_MS = 20;
const WORDS = ['lantern', 'red lamp', 'paper', 'jose', 'holder white'];
let probes = 0;

/** Probes one after the other, and searches beside them, for a while. */
export async function measureLatency(backend: TestBackend, url: string, seconds: number): Promise<Latency> {
  const broker = brokerOf(backend);
  await broker.open();
  const untilMs = performance.now() + seconds * 1_000;
  const [searchable, search] = await Promise.all([
    repeat(untilMs, () => untilFound(broker, url)),
    repeat(untilMs, async (nth) => {
      const startedAt = performance.now();
      await searchFor(url, WORDS[nth % WORDS.length] ?? '');
      return performance.now() - startedAt;
    }),
  ]);
  await broker.close();
  return { searchable, search };
}

function brokerOf({ environment, prefix }: TestBackend): Broker {
  return createRabbitMqBroker({
    urls: [environment['AMQP_URL'] ?? ''],
    ...{ prefix, exchange: prefix, bindingKeys: ['order.#'], singleActiveConsumer: true },
    ...{ deliveryLimit: 50, historyMaxAge: '30D', log: createLogger('silent') },
  });
}

async function repeat(untilMs: number, measure: (nth: number) => Promise<number>): Promise<Percentiles> {
  const values: number[] = [];
  while (performance.now() < untilMs) {
    values.push(await measure(values.length));
    await delay(PROBE_EVERY_MS);
  }
  const sorted = values.toSorted((a, b) => a - b);
  const rounded = (share: number) => Math.round(percentile(sorted, share));
  return { p50: rounded(0.5), p99: rounded(0.99), count: values.length };
}

async function untilFound(broker: Broker, url: string): Promise<number> {
  const [placed] = generateEvents({ seed: 'probe', orders: 1, idPrefix: `PROBE-${process.pid}-${(probes += 1)}` });
  if (!placed) throw new Error('no event to probe with');
  await broker.publish([outgoingOf(placed)]);
  const confirmedAt = performance.now();
  while ((await searchFor(url, placed.subject)) === 0) await delay(LOOK_EVERY_MS);
  return performance.now() - confirmedAt;
}

/** How many are found. */
async function searchFor(url: string, q: string): Promise<number> {
  const response = await fetch(`${url}/search?${new URLSearchParams({ q, size: '10' }).toString()}`);
  if (response.status !== 200) throw new Error(`the search for ${q} answered ${response.status}`);
  return ((await response.json()) as { readonly total: number }).total;
}
