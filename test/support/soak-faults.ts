import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@elastic/elasticsearch';
import type { Random } from '../../src/sample/random.ts';
import { NOT_AVAILABLE, REJECTED, type HttpProxy } from './http-proxy.ts';
import { startService, type Environment, type RunningService } from './running-service.ts';
import type { PrivateServices } from './services.ts';
import type { TcpProxy } from './tcp-proxy.ts';
import type { TestBackend } from './test-backend.ts';

/** What the faults of a soak strike at. */
export interface SoakTargets {
  readonly services: PrivateServices;
  /** Past every proxy. */
  readonly backend: TestBackend;
  readonly toRabbitMq: TcpProxy;
  readonly toElasticsearch: TcpProxy;
  readonly bulks: HttpProxy;
  readonly victim: Victim;
  readonly random: Random;
  /** The longest that a fault lasts. */
  readonly maxMs: number;
}

/** The projector that may be killed and paused; beside it another one lives through everything. */
export interface Victim {
  service: RunningService;
  readonly environment: Environment;
}

/** Happens, lasts for a random time, and is over when it resolves; what it broke works again, or comes back by itself. */
export type SoakFault = (targets: SoakTargets) => Promise<void>;

const lasts = ({ random, maxMs }: SoakTargets) => delay(random.integer(maxMs / 4, maxMs));

export const SOAK_FAULTS: Readonly<Record<string, SoakFault>> = {
  'Elasticsearch refuses connections': async (targets) => {
    await targets.toElasticsearch.refuse();
    await lasts(targets);
    await targets.toElasticsearch.accept();
  },
  'Elasticsearch is reset': ({ toElasticsearch }) => {
    toElasticsearch.cut();
    return Promise.resolve();
  },
  'the network to Elasticsearch is silent': async (targets) => {
    targets.toElasticsearch.halt();
    await lasts(targets);
    targets.toElasticsearch.resume();
  },
  'Elasticsearch is frozen': async (targets) => {
    await targets.services.kill('elasticsearch', 'SIGSTOP');
    await lasts(targets);
    await targets.services.kill('elasticsearch', 'SIGCONT');
  },
  'Elasticsearch is killed': async ({ services }) => {
    await services.kill('elasticsearch');
    await services.start('elasticsearch');
  },
  'Elasticsearch is overloaded': async (targets) => {
    const { bulks, random } = targets;
    bulks.fail({
      refuseItem: ({ ndjson }) => (ndjson.includes('"external"') && random.chance(0.5) ? REJECTED : undefined),
      refuseRequest: () => (random.chance(0.1) ? random.pick([REJECTED, NOT_AVAILABLE]) : undefined),
    });
    await lasts(targets);
    bulks.fail({});
  },
  'answers of bulks are lost': async (targets) => {
    targets.bulks.fail({ loseAnswer: () => targets.random.chance(0.3) });
    await lasts(targets);
    targets.bulks.fail({});
  },
  'the index is blocked for writes': async (targets) => {
    await blockWrites(targets.backend, true);
    await lasts(targets);
    await blockWrites(targets.backend, false);
  },
  'RabbitMQ is reset': ({ toRabbitMq }) => {
    toRabbitMq.cut();
    return Promise.resolve();
  },
  'the network to RabbitMQ is silent': async (targets) => {
    targets.toRabbitMq.halt();
    await lasts(targets);
    targets.toRabbitMq.resume();
  },
  'the network to RabbitMQ is slow': async (targets) => {
    targets.toRabbitMq.throttle(50_000);
    await lasts(targets);
    targets.toRabbitMq.throttle(undefined);
  },
  'RabbitMQ is killed': async ({ services }) => {
    await services.kill('rabbitmq');
    await services.start('rabbitmq');
  },
  'a projector is killed': async ({ victim }) => {
    await victim.service.kill();
    victim.service = await startService(victim.environment);
  },
  'a projector is paused': async (targets) => {
    const { pid } = targets.victim.service;
    process.kill(pid, 'SIGSTOP');
    await lasts(targets);
    process.kill(pid, 'SIGCONT');
  },
  'a projector is stopped in good order': async ({ victim }) => {
    await victim.service.stop();
    victim.service = await startService(victim.environment);
  },
};

async function blockWrites({ environment, prefix }: TestBackend, on: boolean): Promise<void> {
  const client = new Client({ node: environment['ELASTICSEARCH_URL'] ?? '' });
  const block = { 'index.blocks.read_only_allow_delete': on ? true : null };
  await client.indices.putSettings({ index: `${prefix}-000001`, settings: block });
  await client.close();
}

/** Every fault of these names once, in random order, and again, without end. */
export function* endlessFaults(
  names: readonly string[],
  random: Random,
): Generator<[name: string, fault: SoakFault], never> {
  const faults = Object.entries(SOAK_FAULTS).filter(([name]) => names.includes(name));
  for (;;) {
    const deck = faults.map((entry) => ({ entry, place: random.fraction() }));
    for (const { entry } of deck.sort((a, b) => a.place - b.place)) yield entry;
  }
}
