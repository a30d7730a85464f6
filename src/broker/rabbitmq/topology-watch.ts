import type { Channel, ChannelModel } from 'amqplib';
import type { PartHealth } from '../../observability/health.ts';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerTopologyError, QueueGoneError } from '../port.ts';
import { assertTopology, bindQueues, declareExchange, exists } from './assert-topology.ts';
import type { Topology } from './topology.ts';

/** What was declared: a queue or the exchange. */
interface Part {
  readonly title: string;
  /** What becomes of messages while it is gone. */
  readonly meanwhile: string;
  /** What has become of them once it is there again. */
  readonly afterwards: string;
  /** A passive declaration. */
  readonly look: (channel: Channel) => Promise<unknown>;
}

/**
 * Whether somebody has deleted what the service declared. RabbitMQ tells nobody who publishes: an exchange that a queue is not bound to
 * any more takes everything all the same.
 */
export class TopologyWatch {
  readonly #topology: Topology;
  /** Without the history. */
  readonly #kept: Topology;
  readonly #history: string;
  readonly #log: BrokerLog;
  readonly #gone = new Map<string, Part>();
  #problem: string | undefined;

  constructor(topology: Topology, history: string, log: BrokerLog) {
    this.#topology = topology;
    this.#kept = {
      ...topology,
      queues: topology.queues.filter(({ name }) => name !== history),
      bindings: topology.bindings.filter(({ queue }) => queue !== history),
    };
    this.#history = history;
    this.#log = sayingOnce(log);
  }

  /**
   * Declares anew what is gone, and binds the queues. RabbitMQ does not tell whether a binding was there, so they are bound each time,
   * which changes nothing where they are. A history that is gone stays so until the service starts anew: an empty one would pass for
   * all that there was. That, and what cannot be declared, is a reason in `health`.
   * @throws whatever amqplib rejects with when the connection is lost
   */
  async keep(model: ChannelModel): Promise<void> {
    try {
      if (!(await this.#isWhole(model))) {
        await this.#lookAtEach(model);
        await assertTopology(model, this.#kept, this.#log);
      }
      for (const part of this.#parts()) this.#found(part);
      const history = historyPart(this.#history);
      if (await this.#isHistoryBound(model)) this.#found(history);
      else this.#missed(history);
      this.#problem = undefined;
    } catch (error) {
      if (!(error instanceof BrokerTopologyError)) throw error;
      if (this.#problem !== error.message)
        this.#log.error({ reason: error.message }, 'RabbitMQ does not let us declare');
      this.#problem = error.message;
    }
  }

  /** A queue of ours was there when it was counted. */
  foundQueue(name: string): void {
    this.#found(this.#partOf(name));
  }

  /** The error for whoever has looked for a queue of ours. */
  missedQueue(name: string, cause: unknown): QueueGoneError {
    const part = this.#partOf(name);
    this.#missed(part);
    return new QueueGoneError(reasonOf(part), { cause });
  }

  health(): PartHealth[] {
    const reasons = [...this.#gone.values()].map(reasonOf);
    if (this.#problem !== undefined) reasons.push(this.#problem);
    return reasons.map((reason) => ({ state: 'degraded', reason }));
  }

  /** On one channel, since it almost always is. @throws BrokerTopologyError where the exchange is another one now */
  #isWhole(model: ChannelModel): Promise<boolean> {
    const { exchange, bindings } = this.#kept;
    return exists(model, async (channel) => {
      for (const { look } of this.#parts()) await look(channel);
      await declareExchange(channel, exchange);
      await bindQueues(channel, bindings);
    });
  }

  async #lookAtEach(model: ChannelModel): Promise<void> {
    for (const part of this.#parts()) if (!(await exists(model, part.look))) this.#missed(part);
  }

  #isHistoryBound(model: ChannelModel): Promise<boolean> {
    const bindings = this.#topology.bindings.filter(({ queue }) => queue === this.#history);
    return exists(model, async (channel) => {
      await channel.checkQueue(this.#history);
      await bindQueues(channel, bindings);
    });
  }

  #parts(): Part[] {
    const { exchange, queues } = this.#kept;
    return [exchangePart(exchange.name), ...queues.map(({ name }) => queuePart(name))];
  }

  #partOf(queue: string): Part {
    return queue === this.#history ? historyPart(queue) : queuePart(queue);
  }

  #found({ title, afterwards }: Part): void {
    if (this.#gone.delete(title)) this.#log.info({ part: title }, `${title} is there again; ${afterwards}`);
  }

  #missed(part: Part): void {
    if (!this.#gone.has(part.title)) this.#log.error({ part: part.title }, reasonOf(part));
    this.#gone.set(part.title, part);
  }
}

function queuePart(name: string): Part {
  return {
    title: `the queue ${name}`,
    meanwhile: 'what is published does not get into it until a projector declares it anew',
    afterwards: 'what was in it and what was published meanwhile is not',
    look: (channel) => channel.checkQueue(name),
  };
}

function historyPart(name: string): Part {
  const meanwhile = 'what is published is not in it: start the service anew, which declares it';
  return { ...queuePart(name), meanwhile };
}

function exchangePart(name: string): Part {
  return {
    title: `the exchange ${name}`,
    meanwhile: 'RabbitMQ refuses what is published to it until a projector declares it anew',
    afterwards: 'RabbitMQ has refused what was published meanwhile, and the bindings of other services are gone',
    look: (channel) => channel.checkExchange(name),
  };
}

function reasonOf({ title, meanwhile }: Part): string {
  return `${title} is gone, and ${meanwhile}`;
}

/** What is warned of at each look is logged at the first. */
function sayingOnce(log: BrokerLog): BrokerLog {
  const said = new Set<string>();
  return {
    info: (fields, message) => log.info(fields, message),
    error: (fields, message) => log.error(fields, message),
    warn: (fields, message) => {
      if (!said.has(message)) log.warn(fields, message);
      said.add(message);
    },
  };
}
