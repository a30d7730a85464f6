import assert from 'node:assert/strict';
import { Client } from '@elastic/elasticsearch';
import { connect, type ConsumeMessage } from 'amqplib';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { generateEvents } from './generate-events.ts';
import { eventually, steadily } from './eventually.ts';
import { compareDocuments, expectedOutcome, type ExpectedOutcome } from './oracle.ts';
import { startService, type RunningService } from './running-service.ts';
import type { TestBackend } from './test-backend.ts';

const DUPLICATE_SHARE = 0.1;
const SHUFFLE_WINDOW = 200;
const PUBLISHED_AT_ONCE = 1_000;

export interface HistoryOptions {
  readonly seed: string;
  readonly orders: number;
  readonly idPrefix?: string;
}

/** Whole histories as deliveries: shuffled within windows, a tenth sent twice. About 4.5 events an order. */
export function shuffledEvents(options: HistoryOptions): CloudEvent[] {
  return generateEvents({ ...options, shuffleWindow: SHUFFLE_WINDOW, duplicateShare: DUPLICATE_SHARE });
}

export async function publish(backend: TestBackend, events: readonly CloudEvent[]): Promise<void> {
  await publishMessages(backend, events.map(outgoingOf));
}

/** Past the service, whatever they hold; the topology is declared as the backend's environment says. */
export async function publishMessages(backend: TestBackend, messages: readonly OutgoingEvent[]): Promise<void> {
  const { AMQP_URL: url = '', SINGLE_ACTIVE_CONSUMER = 'true', DELIVERY_LIMIT = '50' } = backend.environment;
  const broker = createRabbitMqBroker({
    urls: [url],
    prefix: backend.prefix,
    exchange: backend.prefix,
    bindingKeys: ['order.#'],
    singleActiveConsumer: SINGLE_ACTIVE_CONSUMER === 'true',
    deliveryLimit: Number(DELIVERY_LIMIT),
    historyMaxAge: '30D',
    log: createLogger('silent'),
  });
  await broker.open();
  for (let from = 0; from < messages.length; from += PUBLISHED_AT_ONCE) {
    await broker.publish(messages.slice(from, from + PUBLISHED_AT_ONCE));
  }
  await broker.close();
}

/** A message of any body; its routing key is that of a tagged event. */
export function messageOf(body: string | Buffer): OutgoingEvent {
  const type = 'order.tagged.v1';
  return { id: 'raw', type, orderId: 'raw', time: '2026-01-01T00:00:00Z', body: Buffer.from(body) };
}

/** Nothing waits, nothing is in hand, and it stays so: what is on its way from the one to the other is not counted anywhere. */
export async function untilDrained(backend: TestBackend, service: RunningService, timeoutMs = 120_000): Promise<void> {
  await steadily(() => assertDrained(backend, service), timeoutMs);
}

/** At this moment; see {@link untilDrained}. */
export async function assertDrained(backend: TestBackend, service: RunningService): Promise<void> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  assert.equal(/^projection_lag_messages (.*)$/m.exec(text)?.[1], '0', 'the lag in messages');
  assert.equal((await backend.queues()).live, 0);
}

/** Drained, and stopped in good order: what it had taken and not settled is in the queue again, for {@link assertExactly} to find. */
export async function drainAndStop(backend: TestBackend, service: RunningService, timeoutMs?: number): Promise<void> {
  try {
    await untilDrained(backend, service, timeoutMs);
  } catch (error) {
    await service.kill();
    throw new Error(`not drained; the service said at the end:\n${service.log().slice(-2_000)}`, { cause: error });
  }
  await service.stop();
  assert.equal(await service.ended, 0, service.log());
}

/**
 * The index holds exactly what the oracle makes of the events, and nothing waits; of dead letters there are those that are told, as
 * `deadLettersOf` shows them, in any order. Parked are the events behind holes, and at most copies of what the documents contain (a
 * crash leaves them), which the next start sweeps away. For when no projector runs any more.
 */
export async function assertExactly(
  backend: TestBackend,
  events: readonly CloudEvent[],
  deadLetters: readonly string[] = [],
): Promise<void> {
  assert.deepEqual(await eventsLeft(backend), []);
  const { parked } = await assertDocuments(backend, events);
  assert.deepEqual(await deadLettersOf(backend), [...deadLetters].sort());
  const behindHoles = [...parked.values()].reduce((sum, count) => sum + count, 0);
  if ((await backend.countParked()) === behindHoles) return;
  const sweeper = await startService(backend.environment);
  await eventually(async () => assert.equal(await backend.countParked(), behindHoles));
  await sweeper.stop();
}

/** The index holds exactly what the oracle makes of the events, wherever the messages are by now. */
export async function assertDocuments(backend: TestBackend, events: readonly CloudEvent[]): Promise<ExpectedOutcome> {
  const outcome = expectedOutcome(events.map((event) => ({ ...event })));
  const documents = await backend.documents();
  assert.deepEqual([...documents.keys()].sort(), [...outcome.documents.keys()].sort());
  const expected = [...outcome.documents.values()];
  assert.deepEqual(
    expected.flatMap((order) => compareDocuments(order, documents.get(order.orderId))),
    [],
  );
  return outcome;
}

/** The bodies of events that wait in the live queue; heartbeats aside. They stay there. */
async function eventsLeft(backend: TestBackend): Promise<string[]> {
  const messages = await look(backend, queueNames(backend.prefix).live);
  return messages.filter(({ fields }) => fields.exchange !== '').map(({ content }) => content.toString());
}

/**
 * Every dead letter once, as `reason path order sequence` (what is not known is left out), wherever it is by now: in its queue, or
 * moved into the index. A letter that a crash had published twice is one.
 */
export async function deadLettersOf(backend: TestBackend): Promise<string[]> {
  const queued = await look(backend, queueNames(backend.prefix).deadLetters);
  const letters = [...queued.map(queuedLetter), ...(await indexedLetters(backend))];
  return [
    ...new Set(letters.map((parts) => parts.filter((part) => part !== undefined && part !== '').join(' '))),
  ].sort();
}

type LetterParts = readonly (string | number | undefined)[];

function queuedLetter({ properties }: ConsumeMessage): LetterParts {
  const headers = (properties.headers ?? {}) as Record<string, string | number | undefined>;
  return [headers['x-reason'] ?? 'delivery_limit', headers['x-path'], headers['x-order-id'], headers['x-sequence']];
}

interface IndexedLetter {
  readonly reason: string;
  readonly path?: string;
  readonly orderId?: string;
  readonly sequence?: number;
}

async function indexedLetters({ environment, prefix }: TestBackend): Promise<LetterParts[]> {
  const client = new Client({ node: environment['ELASTICSEARCH_URL'] ?? '' });
  try {
    const index = `${prefix}-dead-letters`;
    await client.indices.refresh({ index });
    const { hits } = await client.search<IndexedLetter>({ index, size: 1_000, query: { term: { kind: 'entry' } } });
    return hits.hits.map(({ _source: letter }) => [letter?.reason, letter?.path, letter?.orderId, letter?.sequence]);
  } finally {
    await client.close();
  }
}

/** What is in a queue, without taking it; by a consumer, since `basic.get` is refused where only one may be active. */
async function look({ environment }: TestBackend, queue: string): Promise<ConsumeMessage[]> {
  const connection = await connect(environment['AMQP_URL'] ?? '');
  try {
    const channel = await connection.createChannel();
    const { messageCount } = await channel.checkQueue(queue);
    const messages: ConsumeMessage[] = [];
    if (messageCount === 0) return messages;
    const { promise, resolve } = Promise.withResolvers<void>();
    await channel.consume(queue, (message) => {
      if (message) messages.push(message);
      if (messages.length === messageCount) resolve();
    });
    await promise;
    return messages;
  } finally {
    await connection.close();
  }
}
