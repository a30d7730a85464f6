import { setTimeout as delay } from 'node:timers/promises';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { generateEvents } from './generate-events.ts';
import type { TestBackend } from './test-backend.ts';

/** Every order has as many, second sendings aside. */
const EVENTS_PER_ORDER = 8;
const ORDERS_AT_A_TIME = 4_000;

/**
 * Events of orders whose lives overlap, in the order of their sending, without end: wherever one begins, what follows goes on with the
 * orders before, and begins new ones. More than a fifth of them come out of order or again.
 */
export function* unrulyEvents(seed: string): Generator<CloudEvent, never> {
  const eventsPerOrder = { min: EVENTS_PER_ORDER, max: EVENTS_PER_ORDER };
  for (let part = 1; ; part++) {
    const options = { seed: `${seed} ${part}`, idPrefix: `${seed}-${part}`, orders: ORDERS_AT_A_TIME, eventsPerOrder };
    yield* generateEvents({ ...options, shuffleWindow: 600, duplicateShare: 0.18 });
  }
}

/** The share of events that are sent again, or before or after their turn. */
export function unrulyShare(events: readonly CloudEvent[]): number {
  const reached = new Map<string, number>();
  let unruly = 0;
  for (const { subject, sequence } of events) {
    const before = reached.get(subject) ?? 0;
    if (sequence !== before + 1) unruly += 1;
    reached.set(subject, Math.max(before, sequence));
  }
  return unruly / events.length;
}

export interface LiveLoad {
  /** @throws Error where an event could not be published */
  stop(): Promise<LoadSummary>;
}

export interface LoadSummary {
  /** In the order of their publishing, each confirmed. */
  readonly published: readonly CloudEvent[];
  readonly perSecond: number;
}

export interface LoadOptions {
  readonly perSecond: number;
  /** It holds still while more events wait in the live queue; for tests that must get to the end of the queue on any machine. */
  readonly maxWaiting?: number;
}

const TICK_MS = 50;

/** Publishes events at a steady rate, as a producer does: what is late because the machine was busy is made up for. */
export async function startLoad(
  backend: TestBackend,
  events: Iterator<CloudEvent, never>,
  { perSecond, maxWaiting = Infinity }: LoadOptions,
): Promise<LiveLoad> {
  const broker = createRabbitMqBroker({
    urls: [backend.environment['AMQP_URL'] ?? ''],
    prefix: backend.prefix,
    exchange: backend.prefix,
    bindingKeys: ['order.#'],
    singleActiveConsumer: backend.environment['SINGLE_ACTIVE_CONSUMER'] !== 'false',
    deliveryLimit: 50,
    historyMaxAge: '30D',
    log: createLogger('silent'),
  });
  await broker.open();
  const stopping = new AbortController();
  let startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const sent: CloudEvent[] = [];
  const tick = () => delay(TICK_MS, undefined, { signal: stopping.signal }).catch(() => undefined); // Stopped.
  const publishing = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const heldAt = performance.now();
      while (!stopping.signal.aborted && (await broker.queueDepth()) > maxWaiting) await tick();
      if (maxWaiting < Infinity) startedAt += performance.now() - heldAt;
      const due = Array.from({ length: Math.ceil(seconds() * perSecond) - sent.length }, () => events.next().value);
      await broker.publish(due.map(outgoingOf));
      sent.push(...due);
      await tick();
    }
  };
  const ended = publishing();
  // Told by `stop`.
  ended.catch(() => undefined);
  return {
    async stop() {
      stopping.abort();
      const lastedSeconds = seconds();
      await ended.finally(() => broker.close());
      return { published: sent, perSecond: sent.length / lastedSeconds };
    },
  };
}
