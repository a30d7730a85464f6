import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { rabbitMqOptions } from '../../test/support/amqp-broker.ts';
import { untilReady, type Environment } from '../../test/support/running-service.ts';
import { testBackend, type TestBackend } from '../../test/support/test-backend.ts';
import type { Bench } from '../drain/measure.ts';
import { startOwnService } from '../support/own-service.ts';
import { startFinder } from './finder.ts';
import { scheduleOf, type Probe, type Schedule } from './probes.ts';
import { publishOnSchedule } from './publisher.ts';
import { startTaps } from './taps.ts';

export interface Rates {
  readonly perSecond: number;
  readonly probesPerSecond: number;
  /** Probes that are due before that are not reported. */
  readonly warmUpSeconds: number;
}

/** What was seen at one rate. */
export interface Level {
  readonly perSecond: number;
  /** Of each probe, in milliseconds; the last stage is the whole of those between the confirm and the find. */
  readonly stages: readonly { readonly name: string; readonly ms: readonly number[] }[];
  /** As the index says. */
  readonly refreshInterval: string;
  readonly publishedPerSecond: number;
  /** Of each probe, from its turn to its publishing. */
  readonly lateMs: readonly number[];
  /** Milliseconds from one answer of a search to the next. */
  readonly resolution: { readonly p50: number; readonly p99: number };
  /** Of one core: publishing, the proxies and searching, while events were published. */
  readonly ownCpuShare: number;
  /** Ready messages when the last was published. */
  readonly backlog: number;
  /** Probes that were not found in time. */
  readonly lost: number;
}

const FOUND_WITHIN_MS = 60_000;
const LOOK_MS = 50;

/**
 * A service of its own on an empty backend of its own gets the events at a rate.
 * @param lines CloudEvents, JSON, in the order of their publishing
 * @throws Error where a probe was found and the proxies have not seen it go by
 */
export async function atLevel(
  { client, leftovers }: Bench,
  lines: readonly string[],
  rates: Rates,
  environment: Environment,
): Promise<Level> {
  const schedule = scheduleOf(lines, rates.perSecond, rates.probesPerSecond);
  const backend = await testBackend();
  const remove = leftovers.add(() => backend.remove());
  const taps = await startTaps(backend.environment['ELASTICSEARCH_URL'] ?? '', schedule.probeById);
  const closeTaps = leftovers.add(() => taps.close());
  try {
    const proxied = { ...backend.environment, ...taps.environment, ROLE: 'projector' };
    const service = await startOwnService(leftovers, { ...proxied, ...environment });
    try {
      await untilReady(service);
      return await watched(client, backend, schedule, rates);
    } finally {
      await service.stop();
    }
  } finally {
    await closeTaps();
    await remove();
  }
}

async function watched(client: Client, backend: TestBackend, schedule: Schedule, rates: Rates): Promise<Level> {
  const broker = createRabbitMqBroker(rabbitMqOptions(backend.prefix));
  await broker.open();
  const finder = startFinder(client, backend.prefix);
  try {
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    const publishing = publishOnSchedule(broker, schedule, (probe) => finder.watch(probe));
    await Promise.race([publishing, finder.failed]);
    const publishedSeconds = (performance.now() - startedAt) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    const backlog = await broker.queueDepth();
    for (const from = performance.now(); finder.left > 0 && performance.now() - from < FOUND_WITHIN_MS;)
      await Promise.race([delay(LOOK_MS), finder.failed]);
    const measuredFrom = startedAt + rates.warmUpSeconds * 1_000;
    const probes = [...schedule.probes.values()].filter(({ dueAt }) => dueAt >= measuredFrom);
    return {
      perSecond: rates.perSecond,
      stages: stagesOf(probes, performance.now()),
      refreshInterval: await refreshIntervalOf(client, backend.prefix),
      publishedPerSecond: schedule.events.length / publishedSeconds,
      lateMs: probes.map(({ dueAt, publishedAt = NaN }) => publishedAt - dueAt),
      resolution: finder.resolution(),
      ownCpuShare: (user + system) / 1e6 / publishedSeconds,
      backlog,
      lost: finder.left,
    };
  } finally {
    await finder.stop();
    await broker.close();
  }
}

/** @param endedAt what was not found by then counts as if it was found then: at least as long has it taken */
function stagesOf(probes: readonly Probe[], endedAt: number): Level['stages'] {
  for (const { orderId, version, receivedAt, writtenAt, foundAt } of probes)
    if (foundAt !== undefined && (receivedAt === undefined || writtenAt === undefined))
      throw new Error(`order ${orderId} is found at version ${version}, and the proxies have not seen it go by`);
  const between = (from: keyof Probe, to: keyof Probe) =>
    probes.flatMap((probe) => {
      const [start, end = to === 'foundAt' ? endedAt : undefined] = [probe[from], probe[to]];
      return typeof start === 'number' && typeof end === 'number' ? [end - start] : [];
    });
  return [
    { name: 'due → confirmed', ms: between('dueAt', 'confirmedAt') },
    { name: 'confirmed → received', ms: between('confirmedAt', 'receivedAt') },
    { name: 'received → written', ms: between('receivedAt', 'writtenAt') },
    { name: 'written → found', ms: between('writtenAt', 'foundAt') },
    { name: 'confirmed → found', ms: between('confirmedAt', 'foundAt') },
  ];
}

async function refreshIntervalOf(client: Client, alias: string): Promise<string> {
  const [settings] = Object.values(await client.indices.getSettings({ index: alias }));
  return String(settings?.settings?.index?.refresh_interval);
}
