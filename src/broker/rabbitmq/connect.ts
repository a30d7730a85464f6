import { connect } from 'amqplib';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import { BrokerAccessError, BrokerUnavailableError } from '../port.ts';
import { within } from './within.ts';

export interface ConnectOptions {
  /** `amqp://user:password@host:port/vhost`; `?heartbeat=` (seconds) is honoured. */
  readonly urls: readonly string[];
  /** The certificate authority of `amqps:` hosts, PEM. */
  readonly caPem?: string;
}

/** A host that says nothing for as long is passed over. */
const CONNECT_TIMEOUT_MS = 4_000;
/** RabbitMQ suggests 60 s, with which a dead connection is noticed after two minutes. */
const HEARTBEAT_SECONDS = 10;
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Opens a connection to the first host that answers, beginning with `urls[first % urls.length]`.
 * @throws BrokerUnavailableError that says of each host why not; BrokerAccessError where each answers, and does not let us in
 */
export async function connectToAny(
  options: ConnectOptions,
  name: string,
  first: number,
  signal: AbortSignal,
): Promise<ChannelModel> {
  const failures: string[] = [];
  let refusals = 0;
  for (let turn = 0; turn < options.urls.length; turn += 1) {
    const url = options.urls[(first + turn) % options.urls.length] ?? '';
    if (signal.aborted) break;
    try {
      return await connectTo(url, options.caPem, name, signal);
    } catch (error) {
      const refusal = refusalOf(url, messageOf(error));
      if (refusal !== undefined) refusals += 1;
      failures.push(`${hostOf(url)}: ${refusal ?? messageOf(error)}`);
    }
  }
  if (signal.aborted) throw new BrokerUnavailableError('the broker is closed');
  if (refusals === failures.length) throw new BrokerAccessError(`RabbitMQ lets nobody in: ${failures.join('; ')}`);
  throw new BrokerUnavailableError(`RabbitMQ cannot be reached: ${failures.join('; ')}`);
}

/**
 * In words, where the server does not let us in; without the user, since `/health` is open. The handshake has two places for that:
 * amqplib passes on what is said about a login, and of a virtual host only that the connection was closed when it was to be opened.
 */
function refusalOf(url: string, message: string): string | undefined {
  if (/^Handshake terminated by server: 403 /.test(message)) return 'user or password is wrong (ACCESS_REFUSED)';
  if (!message.startsWith('Expected ConnectionOpenOk; got <ConnectionClose ')) return undefined;
  const vhost = decodeURIComponent(new URL(url).pathname.slice(1)) || '/';
  return `the virtual host '${vhost}' is not there, or does not take this user, or takes no more connections`;
}

async function connectTo(
  url: string,
  caPem: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<ChannelModel> {
  // Of its own, since a socket that was made with a signal is destroyed by it even once it is connected.
  const attempt = new AbortController();
  const abort = (): void => {
    attempt.abort();
  };
  // amqplib hands the socket options to net.connect and tls.connect, which take a signal.
  const socketOptions = {
    noDelay: true,
    keepAlive: true,
    timeout: CONNECT_TIMEOUT_MS,
    signal: attempt.signal,
    clientProperties: { connection_name: name },
    ...(caPem === undefined ? {} : { ca: [caPem] }),
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await connect(withHeartbeat(url), socketOptions);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function withHeartbeat(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  return url.href;
}

/** Without user and password, for messages. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? 'an unreadable URL';
}

/** By which the server closed the channel. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  // A host name that resolves to several addresses fails with one error for each.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}

/** Closes it if it still answers, and in any case destroys its socket. Never rejects. */
export async function discard(model: ChannelModel): Promise<void> {
  try {
    await within(model.close(), CLOSE_TIMEOUT_MS, 'closing the connection');
  } catch {
    // Gone already, or it does not answer: there is nothing left to close.
  }
  destroySocket(model);
}

/** amqplib only ends the socket, which then waits for a peer that may never answer and keeps the process alive. */
function destroySocket(model: ChannelModel): void {
  const connection: object = model.connection;
  if ('stream' in connection && isDestroyable(connection.stream)) connection.stream.destroy();
}

function isDestroyable(stream: unknown): stream is { destroy(): void } {
  return typeof stream === 'object' && stream !== null && 'destroy' in stream && typeof stream.destroy === 'function';
}

/**
 * Channels whose errors do not end the process. `closed` is called once when the channel is gone, whoever closed it, with what the
 * server said about it if it did.
 */
export async function openChannel(model: ChannelModel, closed: (reason: string) => void): Promise<Channel> {
  return watchChannel(await model.createChannel(), closed);
}

export async function openConfirmChannel(
  model: ChannelModel,
  closed: (reason: string) => void,
): Promise<ConfirmChannel> {
  return watchChannel(await model.createConfirmChannel(), closed);
}

function watchChannel<C extends Channel>(channel: C, closed: (reason: string) => void): C {
  let reason = 'the channel was closed';
  channel.on('error', (error: Error) => {
    reason = error.message;
  });
  channel.on('close', () => {
    closed(reason);
  });
  return channel;
}

/** Runs calls on a channel of their own: a refused one closes its channel, and that must not be anybody else's. */
export async function onOwnChannel<T>(model: ChannelModel, calls: (channel: Channel) => Promise<T>): Promise<T> {
  // What closes the channel rejects the call that caused it.
  const channel = await openChannel(model, () => undefined);
  const result = await calls(channel);
  await channel.close();
  return result;
}
