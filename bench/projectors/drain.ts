import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { publish } from '../../test/support/drain.ts';
import { eventually } from '../../test/support/eventually.ts';
import { untilReady } from '../../test/support/running-service.ts';
import { testBackend, type TestBackend } from '../../test/support/test-backend.ts';
import { peakRssOf } from '../drain/processes.ts';
import type { Leftovers } from '../support/leftovers.ts';
import { startOwnService, type OwnService } from '../support/own-service.ts';

const MINUTE_MS = 60_000;

export interface Setting {
  readonly name: string;
  readonly projectors: number;
  readonly environment: Readonly<Record<string, string>>;
}

export const SETTINGS: readonly Setting[] = [
  { name: 'one', projectors: 1, environment: {} },
  { name: 'one, SINGLE_ACTIVE_CONSUMER=false', projectors: 1, environment: { SINGLE_ACTIVE_CONSUMER: 'false' } },
  { name: 'two, SINGLE_ACTIVE_CONSUMER=false', projectors: 2, environment: { SINGLE_ACTIVE_CONSUMER: 'false' } },
];

export interface Drained {
  /** From the first that is taken until the last is settled. */
  readonly eventsPerSecond: number;
  /** Of all projectors together. */
  readonly peakRssMib: number;
}

/** Is told of the backend before there are events, and then called when it begins to be drained; ends soon after that does not go on. */
export type Meanwhile = (backend: TestBackend) => Promise<(goesOn: () => boolean) => Promise<void>>;

/** Has the projectors drain a live queue that was filled before; an index of its own. */
export async function drainBy(
  { projectors, environment }: Setting,
  events: readonly CloudEvent[],
  leftovers: Leftovers,
  meanwhile: Meanwhile = () => Promise.resolve(() => Promise.resolve()),
): Promise<Drained> {
  const own = await testBackend();
  const backend: TestBackend = { ...own, environment: { ...own.environment, ...environment } };
  const remove = leftovers.add(() => backend.remove());
  const services: OwnService[] = [];
  const start = () => startOwnService(leftovers, { ...backend.environment, ROLE: 'projector' });
  try {
    const first = await start();
    await untilReady(first);
    await first.stop();
    const other = await meanwhile(backend);
    await publish(backend, events);
    for (let count = 0; count < projectors; count++) services.push(await start());
    return await watch(services, events.length, other);
  } finally {
    await Promise.all(services.map((service) => service.stop()));
    await remove();
  }
}

async function watch(
  services: readonly OwnService[],
  events: number,
  other: Awaited<ReturnType<Meanwhile>>,
): Promise<Drained> {
  const startedAt = await eventually(async () => {
    if ((await settled(services)) === 0) throw new Error('none is settled yet');
    return performance.now();
  }, MINUTE_MS);
  const before = await settled(services);
  let isOver = false;
  const draining = async (): Promise<Drained> => {
    await eventually(async () => {
      const count = await settled(services);
      if (count < events) throw new Error(`${count} of ${events} are settled`);
    }, 30 * MINUTE_MS);
    const seconds = (performance.now() - startedAt) / 1_000;
    const peakRss = services.reduce((sum, { pid }) => sum + peakRssOf(pid), 0);
    return { eventsPerSecond: (events - before) / seconds, peakRssMib: peakRss / 2 ** 20 };
  };
  const drained = draining().finally(() => (isOver = true));
  const [result] = await Promise.all([drained, other(() => !isOver)]);
  return result;
}

/** Whatever became of them: each is settled once. */
async function settled(services: readonly OwnService[]): Promise<number> {
  const texts = await Promise.all(services.map(async ({ url }) => await (await fetch(`${url}/metrics`)).text()));
  const counts = texts.flatMap((text) => [
    ...text.matchAll(/^projection_updates_total\{projection="orders",.*\} (\d+)$/gm),
  ]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
