/**
 * `npm run bench:projectors`: events a second that one projector and two of them drain from the live queue. Each draining begins with all
 * events in the queue and the projectors running, but for the first that they take. Interleaved rounds, medians [min–max]. EVENTS (50,000),
 * ROUNDS (3). Uses RabbitMQ and Elasticsearch under prefixes of its own.
 */
import { generateEvents } from '../test/support/generate-events.ts';
import { drainBy, SETTINGS } from './projectors/drain.ts';
import { spread } from './rebuild/statistics.ts';
import { runBench, type Leftovers } from './support/leftovers.ts';

const EVENTS = Number(process.env['EVENTS'] ?? 50_000);
const ROUNDS = Number(process.env['ROUNDS'] ?? 3);

async function main(leftovers: Leftovers): Promise<void> {
  const events = generateEvents({ seed: 'projectors', orders: Math.ceil(EVENTS / 4) }).slice(0, EVENTS);
  const rates = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const setting of SETTINGS) {
      const { eventsPerSecond } = await drainBy(setting, events, leftovers);
      rates.set(setting.name, [...(rates.get(setting.name) ?? []), eventsPerSecond]);
      console.error(`${round + 1}. ${setting.name}: ${Math.round(eventsPerSecond)}/s`);
    }
  }
  console.log(`${events.length} events, ${ROUNDS} rounds; events/s, median [min–max]`);
  for (const [name, values] of rates) console.log(`${name.padEnd(36)} ${spread(values).text}`);
}

await runBench(main);
