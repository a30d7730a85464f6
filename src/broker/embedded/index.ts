import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { PartHealth } from '../../observability/health.ts';
import { inTransaction, isStorageFault, openDatabase, setDurability } from '../../sqlite/database.ts';
import { isBound } from '../binding-key.ts';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerUnavailableError, UnroutableError } from '../port.ts';
import type { Broker, OutgoingEvent } from '../port.ts';
import { routingKeyOf } from '../routing-key.ts';
import { DeadLetterConsumer } from './dead-letter-consumer.ts';
import { prepareDeadLetters } from './dead-letters.ts';
import type { DeadLetters } from './dead-letters.ts';
import { Dispatcher } from './dispatcher.ts';
import { prepareHistory, readHistoryPages } from './history.ts';
import type { History } from './history.ts';
import { LiveQueue } from './live-queue.ts';
import { createTables } from './schema.ts';

export interface EmbeddedBrokerOptions {
  /** Where `<prefix>-broker.db` is kept; made where it is missing. */
  readonly dataDir: string;
  readonly prefix: string;
  /** How often a message may come back before it goes to the dead letters. */
  readonly deliveryLimit: number;
  readonly log: BrokerLog;
  /** What is taken of all that is published; `order.#` unless given. */
  readonly bindingKeys?: readonly string[];
  /** How long the history keeps an event; 30 days unless given. */
  readonly historyMaxAgeMs?: number;
}

/** What is there between `open` and `close`. */
interface Store {
  readonly database: DatabaseSync;
  readonly queue: LiveQueue;
  readonly dispatcher: Dispatcher;
  readonly history: History;
  readonly deadLetters: DeadLetters;
  readonly deadLetterConsumers: Set<DeadLetterConsumer>;
}

const THIRTY_DAYS_MS = 30 * 24 * 3_600_000;

/**
 * The broker in one SQLite file, for one process. A publication is on the disk, in the queue and in the history, when it resolves.
 * At-least-once, as RabbitMQ is: what is unsettled at a restart is delivered again. `open` rejects with DatabaseInUseError while
 * another process has the file.
 */
export function createEmbeddedBroker(options: EmbeddedBrokerOptions): Broker {
  const path = join(options.dataDir, `${options.prefix}-broker.db`);
  let store: Store | undefined;

  const using = async <T>(use: (open: Store) => T): Promise<T> => {
    if (!store) throw new BrokerUnavailableError(`${path} is not open`);
    const open = store;
    return unavailableForStorageFaults(path, () => use(open));
  };

  return {
    async open() {
      store ??= unavailableForStorageFaults(path, () => openStore(path, options));
    },
    consume: ({ prefetch }, handlers) => using(({ dispatcher }) => dispatcher.consume(prefetch, handlers)),
    publish: (events) => using((open) => publish(open, events, options.bindingKeys)),
    publishHeartbeat: (publishedAt) => using((open) => publishHeartbeat(open, publishedAt)),
    markHistory: (marker) => using((open) => markHistory(open, marker)),
    deadLetter: (letter) => using(({ database, deadLetters }) => durably(database, () => deadLetters.insert(letter))),
    consumeDeadLetters: (handler) =>
      using(({ deadLetters, deadLetterConsumers }) => {
        const consumer = new DeadLetterConsumer(deadLetters, handler, options.log);
        deadLetterConsumers.add(consumer);
        return consumer;
      }),
    queueDepth: () => using(({ queue }) => queue.ready),
    historySize: () => using(({ history }) => history.size()),
    readHistory: (options) => readHistoryPages((use) => using(({ history }) => use(history)), options),
    keepTopology: () => Promise.resolve(), // Its tables cannot be deleted while it is open.
    health: () => healthOf(store, path),
    async close() {
      const closing = store;
      store = undefined;
      try {
        closing?.dispatcher.stop();
        await Promise.all([...(closing?.deadLetterConsumers ?? [])].map((consumer) => consumer.cancel()));
      } finally {
        closing?.database.close();
      }
    },
  };
}

function openStore(path: string, options: EmbeddedBrokerOptions): Store {
  const database = openDatabase(path);
  try {
    createTables(database);
    // Deliveries and settlements that a power loss takes back are only repeated; what must not be lost is written durably().
    setDurability(database, 'process-crash');
    const deadLetterConsumers = new Set<DeadLetterConsumer>();
    const deadLetters = prepareDeadLetters(database, () => {
      for (const consumer of deadLetterConsumers) consumer.wake();
    });
    const history = prepareHistory(database, options.historyMaxAgeMs ?? THIRTY_DAYS_MS);
    history.trim(Date.now());
    const queue = new LiveQueue(database, deadLetters, options.deliveryLimit);
    return {
      database,
      queue,
      history,
      deadLetters,
      deadLetterConsumers,
      dispatcher: new Dispatcher(queue, options.log),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** All of them or none. */
function publish(
  { database, queue, history, dispatcher }: Store,
  events: readonly OutgoingEvent[],
  bindingKeys: readonly string[] = ['order.#'],
): void {
  const stray = events.find(({ type }) => !isBound(bindingKeys, routingKeyOf(type)));
  if (stray) throw new UnroutableError(`no queue is bound for ${stray.type} (event ${stray.id})`);
  const nowMs = Date.now();
  durably(database, () => {
    for (const { body } of events) {
      queue.insert(body, nowMs);
      history.append(body, nowMs);
    }
    history.trim(nowMs);
  });
  queue.added(events.length);
  dispatcher.wake();
}

function markHistory({ database, history }: Store, marker: Uint8Array): void {
  durably(database, () => history.append(marker, Date.now()));
}

function publishHeartbeat({ database, queue, dispatcher }: Store, publishedAt: Date): void {
  inTransaction(database, () => queue.insert(null, publishedAt.getTime()));
  queue.added(1);
  dispatcher.wake();
}

function durably(database: DatabaseSync, body: () => void): void {
  setDurability(database, 'power-loss');
  try {
    inTransaction(database, body);
  } finally {
    setDurability(database, 'process-crash');
  }
}

function unavailableForStorageFaults<T>(path: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    if (!isStorageFault(error)) throw error;
    throw new BrokerUnavailableError(`${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function healthOf(store: Store | undefined, path: string): PartHealth {
  if (!store) return { state: 'down', reason: `${path} is not open` };
  const { queue, dispatcher } = store;
  const details = { backend: 'embedded', path, ready: queue.ready, consumed: dispatcher.isConsumed };
  return dispatcher.fault === undefined
    ? { state: 'up', details }
    : { state: 'degraded', reason: dispatcher.fault, details };
}
