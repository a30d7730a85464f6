import type { PartHealth } from '../../observability/health.ts';
import type { BrokerLog } from '../broker-log.ts';
import { QueueGoneError } from '../port.ts';

/**
 * Which of our queues were not there when they were last looked at. RabbitMQ tells nobody who publishes: an exchange that a queue is not
 * bound to any more takes everything all the same.
 */
export class GoneQueues {
  readonly #log: BrokerLog;
  readonly #names = new Set<string>();

  constructor(log: BrokerLog) {
    this.#log = log;
  }

  found(queue: string): void {
    if (!this.#names.delete(queue)) return;
    this.#log.info({ queue }, `the queue ${queue} is there again; what was published meanwhile is not in it`);
  }

  /** The error for whoever has looked. */
  missed(queue: string, cause: unknown): QueueGoneError {
    const reason = reasonOf(queue);
    if (!this.#names.has(queue)) this.#log.error({ queue }, reason);
    this.#names.add(queue);
    return new QueueGoneError(reason, { cause });
  }

  health(): PartHealth[] {
    return [...this.#names].map((queue) => ({ state: 'degraded', reason: reasonOf(queue) }));
  }
}

function reasonOf(queue: string): string {
  return `the queue ${queue} is gone, and what is published meanwhile is not in it: start the service anew, which declares it`;
}
