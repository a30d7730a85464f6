import type { ChannelModel } from 'amqplib';
import type { PartHealth } from '../../observability/health.ts';
import { backOffMs } from '../../back-off/back-off.ts';
import { passed } from '../../back-off/pause.ts';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerTopologyError, BrokerUnavailableError } from '../port.ts';
import { connectToAny, discard, messageOf } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { within } from './within.ts';

export interface ConnectionHooks {
  /** Makes a new connection ready: topology, channels, consumers. Where it rejects the connection is given up. */
  prepare(model: ChannelModel): Promise<void>;
  /** The connection is gone, and with it whatever `prepare` made. Once for each connection, also for one that was being prepared. */
  lost(reason: string): void;
}

const BACK_OFF = { firstMs: 100, capMs: 10_000 };
const PREPARE_TIMEOUT_MS = 10_000;
/** A connection that dies sooner does not count as a recovery: the back-off goes on growing. */
const STABLE_AFTER_MS = 10_000;

/**
 * One connection that makes itself anew for as long as it is open. There is one way to heal: whoever notices that a channel or
 * a consumer on it is gone drops the whole connection, and the next one is prepared from the start.
 */
export class ReconnectingConnection {
  readonly #options: ConnectOptions & { readonly log: BrokerLog };
  readonly #name: string;
  readonly #hooks: ConnectionHooks;
  readonly #closing = new AbortController();
  /** The connection that is up or being prepared. */
  #model: ChannelModel | undefined;
  #upSinceMs: number | undefined;
  #reason = 'not opened yet';
  /** What is wrong with the connection itself; its channels, which close before it, know only that they are closed. */
  #fault: string | undefined;
  #blockedBy: string | undefined;
  #failures = 0;
  #turn = 0;
  #healing: Promise<void> = Promise.resolve();

  /** @param name shown by RabbitMQ's management interface */
  constructor(options: ConnectOptions & { readonly log: BrokerLog }, name: string, hooks: ConnectionHooks) {
    this.#options = options;
    this.#name = name;
    this.#hooks = hooks;
  }

  /** One try over all hosts. Only once it has succeeded the connection heals itself. @throws BrokerUnavailableError, BrokerTopologyError */
  async open(): Promise<void> {
    try {
      await this.#establish();
    } catch (error) {
      this.#reason = messageOf(error);
      throw asBrokerError(error);
    }
  }

  /** The connection, ready to be used. @throws BrokerUnavailableError with the reason where there is none now */
  get(): ChannelModel {
    if (this.#model === undefined || this.#upSinceMs === undefined) throw new BrokerUnavailableError(this.#reason);
    return this.#model;
  }

  /** RabbitMQ reads nothing more from connections that publish, until the alarm is over; undefined when it does not. */
  get blockedBy(): string | undefined {
    return this.#blockedBy;
  }

  /** Gives up a connection on which something is broken. Ignored for one that is gone already. */
  drop(model: ChannelModel, reason: string): void {
    if (this.#model !== model) return;
    const wasUp = this.#upSinceMs !== undefined;
    if (performance.now() - (this.#upSinceMs ?? Infinity) >= STABLE_AFTER_MS) this.#failures = 0;
    this.#model = undefined;
    this.#upSinceMs = undefined;
    this.#blockedBy = undefined;
    this.#reason = this.#fault ?? reason;
    this.#fault = undefined;
    const discarded = discard(model);
    this.#hooks.lost(this.#reason);
    if (!wasUp || this.#closing.signal.aborted) return;
    this.#options.log.warn({ connection: this.#name, reason: this.#reason }, 'lost the connection to RabbitMQ');
    this.#healing = Promise.all([discarded, this.#heal()]).then(() => undefined);
  }

  health(): PartHealth {
    if (this.#upSinceMs === undefined) return { state: 'down', reason: this.#reason };
    if (this.#blockedBy === undefined) return { state: 'up' };
    return { state: 'degraded', reason: `RabbitMQ takes no messages: ${this.#blockedBy}` };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const model = this.#model;
    this.#model = undefined;
    this.#upSinceMs = undefined;
    this.#reason = 'the broker is closed';
    if (model !== undefined) {
      await discard(model);
      this.#hooks.lost(this.#reason);
    }
    await this.#healing;
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #establish(): Promise<void> {
    const model = await connectToAny(this.#options, this.#name, this.#turn, this.#closing.signal);
    // The next one begins with another host: this one may have answered and still be of no use.
    this.#turn += 1;
    this.#model = model;
    this.#watch(model);
    try {
      await within(this.#hooks.prepare(model), PREPARE_TIMEOUT_MS, 'preparing the connection');
      this.#closing.signal.throwIfAborted();
    } catch (error) {
      this.drop(model, messageOf(error));
      throw error;
    }
    if (this.#model !== model) throw new BrokerUnavailableError(this.#reason);
    this.#upSinceMs = performance.now();
  }

  #watch(model: ChannelModel): void {
    model.on('error', (error: Error) => {
      if (this.#model === model) this.#fault = error.message;
    });
    model.on('close', (error?: Error) => {
      this.drop(model, error?.message ?? 'the connection was closed');
    });
    model.on('blocked', (alarm: string) => {
      this.#blockedBy = alarm;
      this.#options.log.warn({ connection: this.#name, alarm }, 'RabbitMQ takes no messages');
    });
    model.on('unblocked', () => {
      this.#blockedBy = undefined;
      this.#options.log.info({ connection: this.#name }, 'RabbitMQ takes messages again');
    });
  }

  /** Never rejects: what goes wrong is the reason in `health`, and tried again. */
  async #heal(): Promise<void> {
    const { log } = this.#options;
    while (await passed(backOffMs(this.#failures, BACK_OFF), this.#closing.signal)) {
      this.#failures += 1;
      try {
        await this.#establish();
        log.info({ connection: this.#name }, 'connected to RabbitMQ again');
        return;
      } catch (error) {
        if (this.#isClosed()) return;
        this.#reason = messageOf(error);
        const level = error instanceof BrokerTopologyError ? 'error' : 'warn';
        log[level]({ connection: this.#name, reason: this.#reason }, 'cannot connect to RabbitMQ, trying again');
      }
    }
  }
}

/** Whatever amqplib throws while a connection is made ready is the connection's fault. */
export function asBrokerError(error: unknown): BrokerTopologyError | BrokerUnavailableError {
  if (error instanceof BrokerTopologyError || error instanceof BrokerUnavailableError) return error;
  return new BrokerUnavailableError(messageOf(error), { cause: error });
}
