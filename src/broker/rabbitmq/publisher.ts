import { IllegalOperationError } from 'amqplib';
import type { ConfirmChannel, Message } from 'amqplib';
import { BrokerPermissionError, BrokerUnavailableError, UnroutableError } from '../port.ts';
import { codeOf } from './connect.ts';
import { fitsShortString } from './messages.ts';
import type { OutgoingMessage } from './messages.ts';

interface InFlight {
  readonly message: OutgoingMessage;
  readonly outcome: PromiseWithResolvers<void>;
  returned: boolean;
}

/**
 * A channel that was opened while a quorum queue had no leader may refuse whatever is for that queue, for as long as it lives, though the
 * queue has a leader again (RabbitMQ 3.10). Another channel does not.
 */
const REFUSED_LIMIT_MS = 5_000;

/** With this code RabbitMQ closes the channel of a user who may not write to the exchange. */
const ACCESS_REFUSED = 403;

/** Publishes on one confirm channel, for as long as that lives; many messages may be in flight. */
export class Publisher {
  readonly #channel: ConfirmChannel;
  readonly #confirmTimeoutMs: number;
  readonly #stalled: (reason: string) => void;
  /** By correlation id, the one property that tells a returned message from its copies: `basic.return` comes without a number. */
  readonly #inFlight = new Map<string, InFlight>();
  #published = 0;
  #refusedSinceMs: number | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  /**
   * @param stalled called when nothing was confirmed for `confirmTimeoutMs` although messages are in flight (they are given up before:
   *   whoever sent them sends them again), or when all was refused for a while.
   */
  constructor(channel: ConfirmChannel, confirmTimeoutMs: number, stalled: (reason: string) => void) {
    this.#channel = channel;
    this.#confirmTimeoutMs = confirmTimeoutMs;
    this.#stalled = stalled;
    // The server returns a message before it confirms it.
    channel.on('return', ({ properties }: Message) => {
      const entry = this.#inFlight.get(String(properties.correlationId));
      if (entry !== undefined) entry.returned = true;
    });
    // It comes before `close`, with which all callbacks are told only that the channel is closed.
    channel.on('error', (error: Error) => {
      if (codeOf(error) === ACCESS_REFUSED) this.#abandon(() => new BrokerPermissionError(error.message));
    });
  }

  /** Resolves when the broker has confirmed it. @throws UnroutableError, BrokerPermissionError, BrokerUnavailableError */
  async publish(message: OutgoingMessage): Promise<void> {
    const { exchange, routingKey, content, properties } = message;
    if (!fitsShortString(routingKey)) throw unroutable(exchange, `${routingKey.slice(0, 100)}…`);
    const correlationId = String((this.#published += 1));
    const entry: InFlight = { message, outcome: Promise.withResolvers(), returned: false };
    try {
      this.#channel.publish(exchange, routingKey, content, { ...properties, correlationId }, (error) => {
        this.#confirmed(correlationId, error);
      });
    } catch (error) {
      throw error instanceof IllegalOperationError
        ? new BrokerUnavailableError(error.message, { cause: error })
        : error;
    }
    this.#inFlight.set(correlationId, entry);
    this.#watchdog ??= setTimeout(() => {
      this.#expire();
    }, this.#confirmTimeoutMs);
    return entry.outcome.promise;
  }

  /** Gives up what is in flight, with a BrokerUnavailableError. */
  abandon(reason: string): void {
    this.#abandon(() => new BrokerUnavailableError(`not confirmed by RabbitMQ: ${reason}`));
  }

  #abandon(failure: () => BrokerUnavailableError): void {
    for (const [correlationId, { outcome }] of [...this.#inFlight]) {
      this.#take(correlationId);
      outcome.reject(failure());
    }
  }

  #confirmed(correlationId: string, error: unknown): void {
    const entry = this.#take(correlationId);
    if (entry === undefined) return;
    const { message, outcome, returned } = entry;
    if (error instanceof Error) {
      outcome.reject(new BrokerUnavailableError(`not confirmed by RabbitMQ: ${error.message}`));
      this.#refused();
      return;
    }
    this.#refusedSinceMs = undefined;
    if (returned) outcome.reject(unroutable(message.exchange, message.routingKey));
    else outcome.resolve();
  }

  #refused(): void {
    const nowMs = performance.now();
    this.#refusedSinceMs ??= nowMs;
    const limitMs = Math.min(REFUSED_LIMIT_MS, this.#confirmTimeoutMs);
    if (nowMs - this.#refusedSinceMs >= limitMs) this.#stalled(`everything was refused for ${limitMs} ms`);
  }

  #take(correlationId: string): InFlight | undefined {
    const entry = this.#inFlight.get(correlationId);
    this.#inFlight.delete(correlationId);
    this.#watchdog?.refresh();
    if (this.#inFlight.size === 0) {
      clearTimeout(this.#watchdog);
      this.#watchdog = undefined;
    }
    return entry;
  }

  #expire(): void {
    const reason = `nothing was confirmed for ${this.#confirmTimeoutMs} ms`;
    this.abandon(reason);
    this.#stalled(reason);
  }
}

function unroutable(exchange: string, routingKey: string): UnroutableError {
  return new UnroutableError(
    exchange === ''
      ? `there is no queue '${routingKey}'`
      : `no queue is bound to exchange '${exchange}' for routing key '${routingKey}'`,
  );
}
