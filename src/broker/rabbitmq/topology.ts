/**
 * What the service declares in RabbitMQ (contract §4), as data. `assert-topology.ts` declares it.
 */
export interface Topology {
  readonly exchange: ExchangeDeclaration;
  /** The name of the one among `queues` that the service takes its events from. */
  readonly liveQueue: string;
  readonly queues: readonly QueueDeclaration[];
  readonly bindings: readonly BindingDeclaration[];
}

export interface ExchangeDeclaration {
  readonly name: string;
  readonly type: 'topic';
}

/** Always durable, neither exclusive nor auto-deleted. */
export interface QueueDeclaration {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  /** Arguments that may differ from what is declared: the service warns and works on with the server's value. */
  readonly mayDiffer: readonly string[];
  /** The variables of the configuration (contract §5) that arguments come from. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface BindingDeclaration {
  readonly queue: string;
  readonly exchange: string;
  readonly key: string;
}

export interface TopologyOptions {
  readonly prefix: string;
  readonly exchange: string;
  readonly bindingKeys: readonly string[];
  readonly singleActiveConsumer: boolean;
  readonly deliveryLimit: number;
  /** As RabbitMQ writes it: `30D`. */
  readonly historyMaxAge: string;
  readonly historyMaxBytes?: number;
}

export interface QueueNames {
  readonly live: string;
  readonly history: string;
  readonly deadLetters: string;
}

export function queueNames(prefix: string): QueueNames {
  return { live: `${prefix}.projector`, history: `${prefix}.history`, deadLetters: `${prefix}.dead-letters` };
}

/** The dead-letter queue comes first, so that it is there before anything can be dead-lettered. */
export function topologyOf(options: TopologyOptions): Topology {
  const names = queueNames(options.prefix);
  const bound = [names.live, names.history];
  return {
    exchange: { name: options.exchange, type: 'topic' },
    liveQueue: names.live,
    queues: [deadLetterQueue(names), liveQueue(names, options), historyStream(names, options)],
    bindings: bound.flatMap((queue) => options.bindingKeys.map((key) => ({ queue, exchange: options.exchange, key }))),
  };
}

/** RabbitMQ 4 drops what comes back for the 21st time from a queue without a limit: here, for good. */
const NEVER_DROPPED = 1_000_000;

function deadLetterQueue(names: QueueNames): QueueDeclaration {
  return {
    name: names.deadLetters,
    arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': NEVER_DROPPED },
    mayDiffer: ['x-delivery-limit'],
    settings: {},
  };
}

function liveQueue(names: QueueNames, options: TopologyOptions): QueueDeclaration {
  return {
    name: names.live,
    arguments: {
      'x-queue-type': 'quorum',
      ...(options.singleActiveConsumer ? { 'x-single-active-consumer': true } : {}),
      // Unset it is 20 on RabbitMQ 4 and none on 3.
      'x-delivery-limit': options.deliveryLimit,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': names.deadLetters,
      'x-dead-letter-strategy': 'at-least-once',
      // RabbitMQ falls back to at-most-once without it.
      'x-overflow': 'reject-publish',
    },
    mayDiffer: [],
    settings: { 'x-single-active-consumer': 'SINGLE_ACTIVE_CONSUMER', 'x-delivery-limit': 'DELIVERY_LIMIT' },
  };
}

function historyStream(names: QueueNames, options: TopologyOptions): QueueDeclaration {
  return {
    name: names.history,
    arguments: {
      'x-queue-type': 'stream',
      'x-max-age': options.historyMaxAge,
      ...(options.historyMaxBytes === undefined ? {} : { 'x-max-length-bytes': options.historyMaxBytes }),
    },
    mayDiffer: ['x-max-age'],
    settings: { 'x-max-age': 'HISTORY_MAX_AGE', 'x-max-length-bytes': 'HISTORY_MAX_BYTES' },
  };
}
