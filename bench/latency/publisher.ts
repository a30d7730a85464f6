import { setTimeout as delay } from 'node:timers/promises';
import type { Broker, OutgoingEvent } from '../../src/broker/port.ts';
import type { Probe, Schedule } from './probes.ts';

const TICK_MS = 2;

/**
 * Publishes each event when its turn comes, whatever became of those before: an open loop, which neither a slow broker nor a slow projector
 * slows down. Probes are told when they were due, published and confirmed. Resolves when the last one is confirmed.
 * @param published called with each probe when it is published
 * @throws BrokerUnavailableError, UnroutableError
 */
export async function publishOnSchedule(
  broker: Broker,
  schedule: Schedule,
  published: (probe: Probe) => void,
): Promise<void> {
  const { events, dueMs } = schedule;
  const confirms = new Confirms(broker);
  const startedAt = performance.now();
  for (let next = 0; next < events.length;) {
    const nowMs = performance.now() - startedAt;
    const from = next;
    while (next < events.length && (dueMs[next] ?? 0) <= nowMs) next += 1;
    let batch: OutgoingEvent[] = [];
    for (const [place, event] of events.slice(from, next).entries()) {
      batch.push(event);
      const probe = schedule.probes.get(event);
      if (!probe) continue;
      // In the order of the schedule: what is before it first.
      confirms.publish(batch.slice(0, -1));
      probe.dueAt = startedAt + (dueMs[from + place] ?? NaN);
      confirms.publishProbe(event, probe);
      published(probe);
      batch = [];
    }
    confirms.publish(batch);
    confirms.throwIfFailed();
    await delay(TICK_MS);
  }
  await confirms.all();
}

/** What was published, and whether it was confirmed; nobody waits for it meanwhile. */
class Confirms {
  readonly #broker: Broker;
  readonly #underWay = new Set<Promise<void>>();
  #failure: unknown;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  publish(events: readonly OutgoingEvent[]): void {
    if (events.length > 0) this.#watch(this.#broker.publish(events));
  }

  publishProbe(event: OutgoingEvent, probe: Probe): void {
    probe.publishedAt = performance.now();
    const confirmed = async () => {
      await this.#broker.publish([event]);
      probe.confirmedAt = performance.now();
    };
    this.#watch(confirmed());
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
  }

  async all(): Promise<void> {
    await Promise.all(this.#underWay);
    this.throwIfFailed();
  }

  #watch(confirmed: Promise<void>): void {
    const watched = confirmed.then(
      () => void this.#underWay.delete(watched),
      (error: unknown) => (this.#failure ??= error),
    ) as Promise<void>;
    this.#underWay.add(watched);
  }
}
