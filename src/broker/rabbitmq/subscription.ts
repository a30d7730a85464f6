import { IllegalOperationError } from 'amqplib';
import type { Channel, ChannelModel, ConsumeMessage, Message } from 'amqplib';
import { traceOf } from '../../order/parse-event.ts';
import type { LiveDelivery, LiveHandlers, LiveSubscription } from '../port.ts';
import { openChannel } from './connect.ts';
import { heartbeatTimeOf, redeliveriesOf } from './messages.ts';
import { SettlementLedger } from './settlement-ledger.ts';
import type { Instruction, ReturnInstructions } from './settlement-ledger.ts';
import { within } from './within.ts';

/** What one channel has delivered. A new channel begins a new session, and knows nothing of the deliveries of the one before. */
interface Session {
  readonly channel: Channel;
  readonly ledger: SettlementLedger;
  /** By position, so that a delivery of another session is recognised. */
  readonly tags: Map<number, number>;
  /** Settled in this turn of the event loop. */
  readonly settling: number[];
  /**
   * Something of it has come before, perhaps since the process died: should it die again, what is done by then must not come once more
   * and be counted as returned.
   */
  acknowledgesAtOnce: boolean;
  consumerTag?: string;
}

export interface SubscriptionOptions {
  readonly queue: string;
  readonly prefetch: number;
  /** Whether the trace contexts of the messages' headers are wanted. */
  readonly readsTraces: boolean;
  /** Grows by one a call, over all subscriptions. */
  readonly nextPosition: () => number;
  /** The consumer or its channel is gone, though nobody here closed it. */
  readonly broken: (model: ChannelModel, reason: string) => void;
  /** Cancelled, and nothing is left to be settled. */
  readonly ended: () => void;
}

/** How long an acknowledgement waits for those before it, to go out with them in one frame; at most twice as long. */
const HOLD_MS = 1_500;
const CLOSE_TIMEOUT_MS = 1_000;

/** A live subscription over as many channels, one after the other, as the connection needs. */
export class Subscription implements LiveSubscription {
  readonly #options: SubscriptionOptions;
  readonly #handlers: LiveHandlers;
  #session: Session | undefined;
  #cancelled = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #settleSoon: NodeJS.Immediate | undefined;

  constructor(options: SubscriptionOptions, handlers: LiveHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Begins a session: deliveries may arrive before it resolves. Rejects with amqplib's error. */
  async attach(model: ChannelModel): Promise<void> {
    const { queue, prefetch, broken } = this.#options;
    const channel = await openChannel(model, (reason) => {
      if (this.#session === session) broken(model, reason);
    });
    const session: Session = {
      channel,
      ledger: new SettlementLedger(),
      tags: new Map(),
      settling: [],
      acknowledgesAtOnce: false,
    };
    await channel.prefetch(prefetch);
    this.#session = session;
    const { consumerTag } = await channel.consume(queue, (message) => {
      // The server cancels a consumer whose queue is deleted or has lost its leader.
      if (message === null) broken(model, `RabbitMQ cancelled the consumer of queue '${queue}'`);
      else this.#deliver(session, message);
    });
    session.consumerTag = consumerTag;
    if (this.#cancelled) await this.#stopDeliveries(session);
    this.#endIfDone(session);
  }

  /** The connection is gone. */
  lost(reason: string): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#end();
    // One that never came about has delivered nothing.
    if (session.consumerTag !== undefined || session.ledger.unsettled > 0) this.#handlers.onLost(reason);
  }

  settle(deliveries: readonly LiveDelivery[]): void {
    const session = this.#session;
    if (session === undefined) return;
    session.settling.push(...tagsOf(session, deliveries));
    session.acknowledgesAtOnce ||= deliveries.some(({ redeliveries }) => redeliveries > 0);
    // A batch is settled delivery by delivery: together they go out in one frame.
    this.#settleSoon ??= setImmediate(() => {
      this.#settleNow(session);
      this.#endIfDone(session);
    });
  }

  #settleNow(session: Session): void {
    clearImmediate(this.#settleSoon);
    this.#settleSoon = undefined;
    acknowledge(session, session.ledger.settle(session.settling.splice(0)));
    if (session.acknowledgesAtOnce || this.#cancelled) acknowledge(session, session.ledger.flush());
    session.acknowledgesAtOnce = false;
    if (session.ledger.held > 0) this.#flushSoon(session);
  }

  requeue(deliveries: readonly LiveDelivery[]): void {
    const session = this.#session;
    if (session === undefined) return;
    this.#settleNow(session);
    send(session, session.ledger.requeue(tagsOf(session, deliveries)));
    this.#endIfDone(session);
  }

  async cancel(): Promise<void> {
    if (this.#cancelled) return;
    this.#cancelled = true;
    const session = this.#session;
    if (session === undefined) {
      this.#options.ended();
      return;
    }
    await this.#stopDeliveries(session);
    this.#settleNow(session);
    this.#endIfDone(session);
  }

  /** Sends what is held and closes the channel. What is unsettled goes back to the queue. */
  async close(): Promise<void> {
    this.#cancelled = true;
    const session = this.#session;
    if (session === undefined) return;
    this.#settleNow(session);
    acknowledge(session, session.ledger.flush());
    this.#end();
    await closed(session.channel);
  }

  #deliver(session: Session, message: ConsumeMessage): void {
    const tag = message.fields.deliveryTag;
    session.ledger.delivered(tag);
    // What was on its way when it was cancelled.
    if (this.#cancelled) {
      send(session, session.ledger.requeue([tag]));
      return;
    }
    const delivery = toDelivery(this.#options, message);
    session.tags.set(delivery.position, tag);
    try {
      this.#handlers.onDelivery(delivery);
    } catch (error) {
      // A bug, which amqplib would turn into a closed channel and an endless redelivery: it must end the process.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  async #stopDeliveries(session: Session): Promise<void> {
    if (session.consumerTag === undefined) return;
    try {
      await session.channel.cancel(session.consumerTag);
    } catch (error) {
      // The channel died meanwhile: it delivers nothing more either, and `lost` tells of it.
      if (this.#session === session) throw error;
    }
  }

  #flushSoon(session: Session): void {
    this.#flushTimer ??= setTimeout(() => {
      this.#flushTimer = undefined;
      if (this.#session !== session) return;
      acknowledge(session, session.ledger.flushOverdue());
      if (session.ledger.held > 0) this.#flushSoon(session);
      this.#endIfDone(session);
    }, HOLD_MS);
  }

  #endIfDone(session: Session): void {
    if (!this.#cancelled || this.#session !== session || session.ledger.unsettled + session.ledger.held > 0) return;
    this.#end();
    this.#options.ended();
    void closed(session.channel);
  }

  #end(): void {
    this.#session = undefined;
    clearImmediate(this.#settleSoon);
    this.#settleSoon = undefined;
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
  }
}

function toDelivery(
  { nextPosition, readsTraces }: Pick<SubscriptionOptions, 'nextPosition' | 'readsTraces'>,
  message: ConsumeMessage,
): LiveDelivery {
  const position = nextPosition();
  const redeliveries = redeliveriesOf(message);
  const publishedAt = heartbeatTimeOf(message);
  if (publishedAt !== undefined) return { kind: 'heartbeat', position, redeliveries, publishedAt };
  const body = message.content;
  const trace = readsTraces ? traceOf(message.properties.headers ?? {}) : undefined;
  return trace
    ? { kind: 'event', position, redeliveries, body, trace }
    : { kind: 'event', position, redeliveries, body };
}

/** Forgets the positions: a delivery is settled or given back once. */
function tagsOf(session: Session, deliveries: readonly LiveDelivery[]): number[] {
  const tags: number[] = [];
  for (const { position } of deliveries) {
    const tag = session.tags.get(position);
    if (tag === undefined) continue;
    session.tags.delete(position);
    tags.push(tag);
  }
  return tags;
}

function acknowledge(session: Session, instructions: readonly Instruction[]): void {
  for (const { tag, multiple } of instructions) {
    unlessClosed(() => {
      session.channel.ack(addressed(tag), multiple);
    });
  }
}

function send(session: Session, instructions: ReturnInstructions): void {
  acknowledge(session, instructions.acknowledge);
  requeue(session, instructions.requeue);
}

function requeue(session: Session, instructions: readonly Instruction[]): void {
  for (const { tag, multiple } of instructions) {
    unlessClosed(() => {
      session.channel.nack(addressed(tag), multiple, true);
    });
  }
}

/** amqplib reads nothing but the tag. */
function addressed(tag: number): Message {
  return { fields: { deliveryTag: tag } } as Message;
}

/** A channel that is closing takes no more, and needs none: everything unsettled on it comes again. */
function unlessClosed(send: () => void): void {
  try {
    send();
  } catch (error) {
    if (!(error instanceof IllegalOperationError)) throw error;
  }
}

/** Resolves when the server has read everything sent on the channel, or it is gone. */
async function closed(channel: Channel): Promise<void> {
  try {
    await within(channel.close(), CLOSE_TIMEOUT_MS, 'closing the channel');
  } catch {
    // Gone already, or its connection is about to be.
  }
}
