import { BrokerUnavailableError, type Broker } from '../broker/port.ts';

const INTERVAL_MS = 5_000;

/**
 * Looks at the broker's queues now and then: whether messages wait without being taken, and whether all that was declared is there still.
 */
export class QueueWatch {
  readonly #broker: Pick<Broker, 'queueDepth' | 'keepTopology'>;
  #untakenSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(broker: Pick<Broker, 'queueDepth' | 'keepTopology'>) {
    this.#broker = broker;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A message has been taken. */
  taken(): void {
    this.#untakenSince = undefined;
  }

  /** Since when messages have been waiting without any being taken (epoch ms); undefined where that is not so. */
  untakenSince(): number | undefined {
    return this.#untakenSince;
  }

  async #look(): Promise<void> {
    await unlessUnavailable(async () => {
      if ((await this.#broker.queueDepth()) === 0) this.#untakenSince = undefined;
      else this.#untakenSince ??= Date.now();
    });
    await unlessUnavailable(() => this.#broker.keepTopology());
  }
}

/** The broker's own health tells why it cannot be asked. */
async function unlessUnavailable(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof BrokerUnavailableError)) throw error;
  }
}
