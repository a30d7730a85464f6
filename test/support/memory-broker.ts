import {
  BrokerUnavailableError,
  type Broker,
  type ConsumeOptions,
  type DeadLetter,
  type LiveDelivery,
  type LiveHandlers,
} from '../../src/broker/port.ts';

/** What one call of `consume` has been given, and what was done with it. */
export interface MemorySubscription {
  readonly options: ConsumeOptions;
  readonly handlers: LiveHandlers;
  /** Positions. */
  readonly settled: number[];
  readonly returned: number[];
  cancelled: boolean;
}

/** Of a message that is no event. */
export const LETTER: DeadLetter = {
  body: new Uint8Array(),
  refusal: { reason: 'unparseable', path: '', message: 'no JSON' },
  attempts: 1,
  firstFailedAt: '2026-01-01T00:00:00.000Z',
  lastFailedAt: '2026-01-01T00:00:00.000Z',
};

/** What the projector sees of a broker, in memory; the test is the queue. */
export class MemoryBroker implements Pick<
  Broker,
  'consume' | 'publishHeartbeat' | 'markHistory' | 'deadLetter' | 'queueDepth' | 'keepTopology'
> {
  readonly subscriptions: MemorySubscription[] = [];
  readonly letters: DeadLetter[] = [];
  readonly markers: Uint8Array[] = [];
  /** Whether it answers. */
  isThere = true;
  /** Called before `consume` resolves; may deliver, may wait, and may throw. */
  beforeConsumed: (subscription: MemorySubscription) => Promise<void> = () => Promise.resolve();
  #position = 0;

  get current(): MemorySubscription {
    const last = this.subscriptions.at(-1);
    if (!last) throw new Error('nothing has been subscribed to yet');
    return last;
  }

  async consume(options: ConsumeOptions, handlers: LiveHandlers) {
    const subscription: MemorySubscription = { options, handlers, settled: [], returned: [], cancelled: false };
    await this.beforeConsumed(subscription);
    this.subscriptions.push(subscription);
    const positionsOf = (deliveries: readonly LiveDelivery[]) => deliveries.map(({ position }) => position);
    return {
      settle: (deliveries: readonly LiveDelivery[]) => void subscription.settled.push(...positionsOf(deliveries)),
      requeue: (deliveries: readonly LiveDelivery[]) => void subscription.returned.push(...positionsOf(deliveries)),
      cancel: () => {
        subscription.cancelled = true;
        return Promise.resolve();
      },
    };
  }

  /** An event's message; returns its position. */
  deliver(body: Uint8Array, redeliveries = 0, to = this.current): number {
    const position = (this.#position += 1);
    to.handlers.onDelivery({ kind: 'event', position, redeliveries, body });
    return position;
  }

  deliverHeartbeat(publishedAt: number, to = this.current): number {
    const position = (this.#position += 1);
    to.handlers.onDelivery({ kind: 'heartbeat', position, redeliveries: 0, publishedAt });
    return position;
  }

  publishHeartbeat(): Promise<void> {
    return Promise.resolve();
  }

  deadLetter(letter: DeadLetter): Promise<void> {
    if (!this.isThere) return Promise.reject(new BrokerUnavailableError('no broker'));
    this.letters.push(letter);
    return Promise.resolve();
  }

  markHistory(marker: Uint8Array): Promise<void> {
    if (!this.isThere) return Promise.reject(new BrokerUnavailableError('no broker'));
    this.markers.push(marker);
    return Promise.resolve();
  }

  keepTopology(): Promise<void> {
    return Promise.resolve();
  }

  queueDepth(): Promise<number> {
    return this.isThere ? Promise.resolve(0) : Promise.reject(new BrokerUnavailableError('no broker'));
  }
}
