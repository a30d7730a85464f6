import type { Channel, ChannelModel } from 'amqplib';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerTopologyError } from '../port.ts';
import { codeOf, messageOf, onOwnChannel } from './connect.ts';
import { describeDifference, parseDifference } from './declaration-difference.ts';
import type { DeclarationDifference } from './declaration-difference.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration, Topology } from './topology.ts';

const REMEDY = "change this service's configuration to match, or drain and delete it in RabbitMQ and start again";

/**
 * Declares everything, which is harmless where it exists.
 * @throws BrokerTopologyError where something is declared differently, or this user may not declare it
 * @throws whatever amqplib rejects with when the connection is lost
 */
export async function assertTopology(model: ChannelModel, topology: Topology, log: BrokerLog): Promise<void> {
  const { exchange, queues, bindings } = topology;
  await declare(model, (channel) => declareExchange(channel, exchange));
  for (const queue of queues) await assertQueue(model, queue, log);
  await declare(model, (channel) => bindQueues(channel, bindings));
}

/** @throws whatever amqplib rejects with, also where it is declared differently */
export async function declareExchange(channel: Channel, { name, type }: ExchangeDeclaration): Promise<void> {
  await channel.assertExchange(name, type, { durable: true });
}

/** Changes nothing where a binding is there. @throws whatever amqplib rejects with, also where a queue or an exchange is not there */
export async function bindQueues(channel: Channel, bindings: readonly BindingDeclaration[]): Promise<void> {
  for (const { queue, exchange, key } of bindings) await channel.bindQueue(queue, exchange, key);
}

/**
 * For a publisher. Where the live queue is there, whatever the service declared is used as it is, and nothing is declared or bound:
 * it takes no permission but to write into the exchange. Where it is not, everything is declared, with a warning.
 * @throws BrokerTopologyError where the exchange is not there, or what is missing cannot be declared
 * @throws whatever amqplib rejects with when the connection is lost
 */
export async function assertTopologyIfAbsent(model: ChannelModel, topology: Topology, log: BrokerLog): Promise<void> {
  const { exchange, liveQueue } = topology;
  if (await exists(model, (channel) => channel.checkQueue(liveQueue))) {
    if (await exists(model, (channel) => channel.checkExchange(exchange.name))) return;
    throw new BrokerTopologyError(`there is no exchange '${exchange.name}' in RabbitMQ`);
  }
  try {
    await assertTopology(model, topology, log);
  } catch (error) {
    if (!(error instanceof BrokerTopologyError)) throw error;
    const problem = `there is no queue '${liveQueue}' in RabbitMQ, and it cannot be declared: ${error.message}`;
    throw new BrokerTopologyError(problem, { cause: error });
  }
  log.warn(
    { queue: liveQueue },
    `there was no queue '${liveQueue}' in RabbitMQ, so it was declared: nothing takes what is in it before the service is started with the same prefix`,
  );
}

/** By a passive declaration, for which RabbitMQ asks no permission. */
export async function exists(model: ChannelModel, check: (channel: Channel) => Promise<unknown>): Promise<boolean> {
  try {
    await onOwnChannel(model, check);
    return true;
  } catch (error) {
    if (codeOf(error) === 404) return false;
    throw asTopologyError(error);
  }
}

/**
 * The server names the first difference only. So one that may be there is taken over from the server and the declaration tried
 * again, lest it hide another.
 */
async function assertQueue(model: ChannelModel, queue: QueueDeclaration, log: BrokerLog): Promise<void> {
  let wanted: QueueDeclaration['arguments'] = queue.arguments;
  for (let differences = 0; ; differences += 1) {
    const difference = await declareQueue(model, queue.name, wanted);
    if (difference === undefined) return;
    const sentence = describeDifference(difference, queue.settings[difference.argument]);
    if (differences >= queue.mayDiffer.length || !queue.mayDiffer.includes(difference.argument)) {
      throw new BrokerTopologyError(`${sentence}; ${REMEDY}`);
    }
    log.warn(
      { queue: queue.name, argument: difference.argument, current: difference.current, wanted: difference.received },
      `${sentence}. RabbitMQ's value stays in force`,
    );
    const { [difference.argument]: _differs, ...others } = wanted;
    wanted = difference.current === undefined ? others : { ...others, [difference.argument]: difference.current };
  }
}

async function declareQueue(
  model: ChannelModel,
  name: string,
  args: QueueDeclaration['arguments'],
): Promise<DeclarationDifference | undefined> {
  try {
    await onOwnChannel(model, (channel) => channel.assertQueue(name, { durable: true, arguments: args }));
    return undefined;
  } catch (error) {
    const difference = parseDifference(messageOf(error));
    if (difference !== undefined) return difference;
    throw asTopologyError(error);
  }
}

async function declare(model: ChannelModel, calls: (channel: Channel) => Promise<unknown>): Promise<void> {
  try {
    await onOwnChannel(model, calls);
  } catch (error) {
    throw asTopologyError(error);
  }
}

/**
 * 406: declared differently (a long message is cut off by the server). 405: another's exclusive queue. 403: not allowed. Anything else is
 * not the topology's fault.
 */
function asTopologyError(error: unknown): unknown {
  const code = codeOf(error);
  if (code !== 403 && code !== 405 && code !== 406) return error;
  const difference = parseDifference(messageOf(error));
  const what = difference === undefined ? messageOf(error) : describeDifference(difference);
  return new BrokerTopologyError(`${what}; ${code === 403 ? 'give this user the permission' : REMEDY}`, {
    cause: error,
  });
}
