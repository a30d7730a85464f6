import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import { connect, type Channel, type ConfirmChannel } from 'amqplib';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import { publishMessages } from '../../test/support/drain.ts';
import { testBackend, type TestBackend } from '../../test/support/test-backend.ts';
import type { Leftovers } from '../support/leftovers.ts';
import type { Dataset } from './events.ts';
import { usageOfGroup, type Usage } from './processes.ts';

/** A program that drains the queue. */
export interface Contender {
  readonly name: string;
  readonly script: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** `folds`: documents have the order's own version behind the alias; `copies`: the event's place in the queue; `nothing` is written. */
  readonly writes: 'folds' | 'copies' | 'nothing';
  /** It reads the file instead of the queue, ends by itself and prints the seconds that it took. */
  readonly readsFile?: boolean;
}

export interface Measured {
  readonly eventsPerSecond: number;
  /** User and system time of its processes, their start included. */
  readonly cpuMicrosAnEvent: number;
  readonly peakRssMib: number;
  readonly writesAnEvent: number;
  /** What is wrong with the documents; undefined where every one is right and nothing is left in the queue. */
  readonly wrong: string | undefined;
}

export interface Bench {
  readonly client: Client;
  readonly leftovers: Leftovers;
}

interface Run extends Bench {
  readonly contender: Contender;
  readonly backend: TestBackend;
  readonly dataset: Dataset;
  readonly index: string;
  readonly queue: string;
}

export const SERVICE: Contender = {
  name: 'order-search',
  script: new URL('../../src/main.ts', import.meta.url).pathname,
  writes: 'folds',
};

const FILLED_AT_ONCE = 1_000;
const SETTLE_MS = 2_000;
const SAMPLE_MS = 50;
const IDLE_MS = 2_000;
const LIMIT_MS = 15 * 60_000;
const STOP_LIMIT_MS = 15_000;
/** A queue that holds no more than the heartbeats of the service is empty. */
const NEARLY_EMPTY = 5;

/** Fills a queue of its own, starts the contender, watches it from outside until it has drained it, and looks at every document. */
export async function measure(
  bench: Bench,
  contender: Contender,
  dataset: Dataset,
  eventsFile = '',
): Promise<Measured> {
  const backend = await testBackend();
  const remove = bench.leftovers.add(() => backend.remove());
  try {
    return await measureOn(backend, bench, contender, dataset, eventsFile);
  } finally {
    await remove();
  }
}

/** Like {@link measure}, over what is there, and leaves it there. Of documents that the events do not change nothing is known after it. */
export async function measureOn(
  backend: TestBackend,
  { client, leftovers }: Bench,
  contender: Contender,
  dataset: Dataset,
  eventsFile = '',
): Promise<Measured> {
  const index = contender.writes === 'folds' ? backend.prefix : `${backend.prefix}-copy`;
  const run: Run = { contender, backend, client, leftovers, dataset, index, queue: queueNames(backend.prefix).live };
  const connection = await connect(backend.environment['AMQP_URL'] ?? '');
  try {
    await publishMessages(backend, []); // Declares the topology: every contender has the same kind of queue.
    if (contender.writes !== 'folds') await client.indices.create({ index, ...mapping() });
    const channel = await connection.createConfirmChannel();
    if (contender.readsFile !== true) await fill(channel, run.queue, dataset.lines);
    await delay(SETTLE_MS);
    const writesBefore = await operations(run);
    const watched = await drain(run, channel, writesBefore, eventsFile);
    const writes = (await operations(run)) - writesBefore;
    const { messageCount } = await channel.checkQueue(run.queue);
    const isLeft = messageCount > NEARLY_EMPTY;
    const wrong = isLeft ? `${messageCount} events are left in the queue` : await judge(run, writesBefore > 0);
    const count = dataset.lines.length;
    return {
      eventsPerSecond: count / watched.seconds,
      cpuMicrosAnEvent: (watched.usage.cpu * 1e6) / count,
      peakRssMib: watched.usage.peakRss / 2 ** 20,
      writesAnEvent: writes / count,
      wrong,
    };
  } finally {
    await connection.close();
  }
}

function mapping(): object {
  return JSON.parse(readFileSync(new URL('mapping.json', import.meta.url), 'utf8')) as object;
}

async function fill(channel: ConfirmChannel, queue: string, lines: readonly string[]): Promise<void> {
  const properties = { persistent: true, contentType: 'application/cloudevents+json' };
  await channel.purgeQueue(queue); // Of the heartbeats of who drained it before.
  for (const [position, line] of lines.entries()) {
    channel.sendToQueue(queue, Buffer.from(line), properties);
    if (position % FILLED_AT_ONCE === 0) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
  const { messageCount } = await channel.checkQueue(queue);
  if (messageCount !== lines.length) throw new Error(`the queue holds ${messageCount} of ${lines.length} events`);
}

function start({ contender, backend, dataset, index, queue }: Run, eventsFile: string): ChildProcess {
  const { PATH, HOME, NODE_OPTIONS } = process.env;
  const harness = { QUEUE: queue, INDEX: index, EVENTS: String(dataset.lines.length), EVENTS_FILE: eventsFile };
  const service = { ROLE: 'projector', PORT: '0', AUTH: 'off', LOG_LEVEL: 'warn' };
  return spawn(process.execPath, [contender.script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH, HOME, NODE_OPTIONS, ...harness, ...service, ...backend.environment, ...contender.environment },
  });
}

interface Watched {
  readonly seconds: number;
  readonly usage: Usage;
}

const NOTHING: Usage = { cpu: 0, peakRss: 0 };

async function drain(run: Run, channel: Channel, writesBefore: number, eventsFile: string): Promise<Watched> {
  const end = run.leftovers.add(async () => {
    if (child !== undefined) await stop(child);
  });
  let child: ChildProcess | undefined = undefined;
  try {
    child = start(run, eventsFile);
    return run.contender.readsFile ? await untilEnded(child) : await watch(child, run, channel, writesBefore);
  } finally {
    await end();
  }
}

/** One that times itself. */
async function untilEnded(child: ChildProcess): Promise<Watched> {
  let text = '';
  child.stdout?.on('data', (part: Buffer) => (text += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`it ended with ${String(code)}: ${text}`);
  return { seconds: (JSON.parse(text) as { seconds: number }).seconds, usage: NOTHING };
}

/** From the last sample before the queue shrank to the last write or delivery. */
async function watch(child: ChildProcess, run: Run, channel: Channel, writesBefore: number): Promise<Watched> {
  child.stdout?.resume();
  const pid = child.pid ?? 0;
  const startedAt = performance.now();
  let first = startedAt;
  let last = { at: startedAt, usage: NOTHING };
  let seen = { ready: run.dataset.lines.length, writes: writesBefore };
  for (;;) {
    await delay(SAMPLE_MS);
    if (child.exitCode !== null) throw new Error(`${run.contender.name} ended with ${child.exitCode}`);
    const at = performance.now();
    const { messageCount: ready } = await channel.checkQueue(run.queue);
    const writes = await operations(run);
    const isMoving = writes !== seen.writes || (ready !== seen.ready && Math.max(ready, seen.ready) > NEARLY_EMPTY);
    if (seen.ready === run.dataset.lines.length && ready >= seen.ready) first = at;
    if (isMoving) last = { at: performance.now(), usage: usageOfGroup(pid) ?? last.usage };
    seen = { ready, writes };
    if (ready <= NEARLY_EMPTY && at - last.at > IDLE_MS) break;
    if (at - startedAt > LIMIT_MS) throw new Error(`${run.contender.name} did not drain the queue in time`);
  }
  return { seconds: (last.at - first) / 1_000, usage: last.usage };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(forced);
}

/** Writes that Elasticsearch has taken, and those that it has refused as stale. */
async function operations({ client, contender, index }: Run): Promise<number> {
  if (contender.writes === 'nothing') return 0;
  const stats = await client.indices.stats({ index, metric: 'indexing' }, { ignore: [404] });
  const { index_total: taken = 0, index_failed: refused = 0 } = stats._all?.primaries?.indexing ?? {};
  return taken + refused;
}

/** What is wrong with the documents; where there were others before, with those of the dataset. */
async function judge({ client, contender, index, dataset }: Run, hasOthers: boolean): Promise<string | undefined> {
  if (contender.writes === 'nothing') return undefined;
  const expected = new Map(contender.writes === 'folds' ? dataset.versions : dataset.places);
  await client.indices.refresh({ index });
  const wrong: string[] = [];
  const query = hasOthers ? { ids: { values: [...expected.keys()] } } : { match_all: {} };
  const search = { index, query, size: 5_000, sort: '_doc', version: true, _source: false };
  let page = await client.search({ ...search, scroll: '1m' });
  while (page.hits.hits.length > 0) {
    for (const { _id: id = '', _version: version } of page.hits.hits) {
      if (expected.get(id) !== version)
        wrong.push(`${id} is at ${version ?? '?'}, and not at ${expected.get(id) ?? '?'}`);
      expected.delete(id);
    }
    page = await client.scroll({ scroll: '1m', scroll_id: page._scroll_id ?? '' });
  }
  await client.clearScroll({ scroll_id: page._scroll_id ?? '' });
  if (expected.size > 0) wrong.push(`${expected.size} orders are missing`);
  return wrong.length === 0 ? undefined : `${wrong.length} wrong: ${wrong[0] ?? ''}`;
}
