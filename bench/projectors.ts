/**
 * `npm run bench:projectors`: events a second that one projector and two of them drain from the live queue. Each draining begins with all events in
 * the queue and the projectors running, but for the first that they take. Interleaved rounds, medians [min–max].
 * EVENTS (50,000), ROUNDS (3). Uses RabbitMQ and Elasticsearch under prefixes of its own.
 */
import { generateEvents } from '../src/sample/generate-events.ts';
import type { CloudEvent } from '../src/sample/cloud-event.ts';
import { publish } from '../test/support/drain.ts';
import { eventually } from '../test/support/eventually.ts';
import { startService, untilReady, type RunningService } from '../test/support/running-service.ts';
import { testBackend, type TestBackend } from '../test/support/test-backend.ts';
import { spread } from './rebuild/statistics.ts';

const EVENTS = Number(process.env['EVENTS'] ?? 50_000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const MINUTE_MS = 60_000;

interface Setting {
  readonly name: string;
  readonly projectors: number;
  readonly environment: Readonly<Record<string, string>>;
}

const SETTINGS: readonly Setting[] = [
  { name: 'one', projectors: 1, environment: {} },
  { name: 'one, SINGLE_ACTIVE_CONSUMER=false', projectors: 1, environment: { SINGLE_ACTIVE_CONSUMER: 'false' } },
  { name: 'two, SINGLE_ACTIVE_CONSUMER=false', projectors: 2, environment: { SINGLE_ACTIVE_CONSUMER: 'false' } },
];

async function main(): Promise<void> {
  const events = generateEvents({ seed: 'projectors', orders: Math.ceil(EVENTS / 4) }).slice(0, EVENTS);
  const rates = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const setting of SETTINGS) {
      const rate = await drain(setting, events);
      rates.set(setting.name, [...(rates.get(setting.name) ?? []), rate]);
      console.error(`${round + 1}. ${setting.name}: ${Math.round(rate)}/s`);
    }
  }
  console.log(`${events.length} events, ${ROUNDS} rounds; events/s, median [min–max]`);
  for (const [name, values] of rates) console.log(`${name.padEnd(36)} ${spread(values).text}`);
}

/** Events a second, from the first that is taken until the last is settled. */
async function drain({ projectors, environment }: Setting, events: readonly CloudEvent[]): Promise<number> {
  const own = await testBackend();
  const backend: TestBackend = { ...own, environment: { ...own.environment, ...environment } };
  const services: RunningService[] = [];
  try {
    const first = await start(backend);
    await first.stop();
    await publish(backend, events);
    for (let count = 0; count < projectors; count++) services.push(await startService(environmentOf(backend)));
    const startedAt = await eventually(async () => {
      if ((await settled(services)) === 0) throw new Error('none is settled yet');
      return performance.now();
    }, MINUTE_MS);
    const before = await settled(services);
    await eventually(async () => {
      const count = await settled(services);
      if (count < events.length) throw new Error(`${count} of ${events.length} are settled`);
    }, 30 * MINUTE_MS);
    return ((events.length - before) * 1_000) / (performance.now() - startedAt);
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await backend.remove();
  }
}

const environmentOf = ({ environment }: TestBackend) => ({ ...environment, ROLE: 'projector' });

async function start(backend: TestBackend): Promise<RunningService> {
  const service = await startService(backend.environment);
  await untilReady(service);
  return service;
}

/** Whatever became of them: each is settled once. */
async function settled(services: readonly RunningService[]): Promise<number> {
  const texts = await Promise.all(services.map(async ({ url }) => await (await fetch(`${url}/metrics`)).text()));
  const counts = texts.flatMap((text) => [
    ...text.matchAll(/^projection_updates_total\{projection="orders",.*\} (\d+)$/gm),
  ]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

await main();
