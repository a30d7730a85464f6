import { IllegalOperationError } from 'amqplib';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { BrokerLog } from '../broker-log.ts';
import { BrokerUnavailableError } from '../port.ts';
import type { HistoryMessage, HistoryStart, ReadHistoryOptions } from '../port.ts';
import { messageOf, openChannel } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { ReconnectingConnection } from './reconnecting-connection.ts';
import { endOfHistory, isBarrier, streamOffsetOf } from './history-barrier.ts';

export interface HistoryReaderOptions extends ConnectOptions {
  readonly prefix: string;
  readonly queue: string;
  readonly log: BrokerLog;
  /** Puts a barrier into the stream; resolves when it is confirmed. @throws BrokerUnavailableError */
  readonly publishBarrier: (id: string) => Promise<void>;
  /** How long a lost connection, or a stream that says nothing, is borne; 60 s unless said otherwise. */
  readonly historyGiveUpMs?: number;
}

/** A stream needs a prefetch. It bounds what is in memory here. */
const PREFETCH = 400;
/** One acknowledgement for so many, which gives as much credit back. */
const ACKNOWLEDGE_EVERY = 100;
/** Nothing came for as long, though the end is not reached: see `HistoryReader.#probe`. */
const IDLE_MS = 1_000;
const GIVE_UP_MS = 60_000;

/** The messages of the stream up to a barrier of this call's own. See `Broker.readHistory`. */
export async function* readHistory(
  options: HistoryReaderOptions,
  { from, signal }: ReadHistoryOptions,
): AsyncGenerator<HistoryMessage, void, undefined> {
  signal.throwIfAborted();
  const reader = new HistoryReader(options, from);
  const wake = (): void => reader.wake();
  signal.addEventListener('abort', wake);
  try {
    await reader.open();
    for (;;) {
      signal.throwIfAborted();
      const message = reader.take() ?? (await reader.wait(signal));
      if (message === 'end') return;
      yield message;
    }
  } finally {
    signal.removeEventListener('abort', wake);
    await reader.close();
  }
}

/** One consumer on one channel; another follows where the connection is lost. */
interface Session {
  readonly channel: Channel;
  taken: number;
  /** Whether it begins where the one before has ended: see `HistoryReader.#continues`. */
  isJoined: boolean;
}

interface Buffered {
  readonly session: Session;
  readonly message: ConsumeMessage;
  readonly offset: number;
}

/** On a connection of its own: a stream that is read slowly holds up everything else on its connection. */
class HistoryReader {
  readonly #options: HistoryReaderOptions;
  readonly #from: HistoryStart;
  readonly #connection: ReconnectingConnection;
  #session: Session | undefined;
  #buffer: Buffered[] = [];
  /** How many of the buffer's messages have been taken; they are cut off all at once. */
  #read = 0;
  /** The last message that came; undefined before the first. */
  #last: { readonly offset: number; readonly content: Buffer } | undefined;
  /** Why nothing that comes is what was to be read. */
  #remade: BrokerUnavailableError | undefined;
  /** Of the barrier: it and what comes after it are not read. */
  #end: number | undefined;
  #awaken: () => void = () => undefined;

  constructor(options: HistoryReaderOptions, from: HistoryStart) {
    this.#options = options;
    this.#from = from;
    this.#connection = new ReconnectingConnection(options, `order-search ${options.prefix} history`, {
      prepare: (model) => this.#attach(model),
      lost: () => {
        this.#session = undefined;
      },
    });
  }

  async open(): Promise<void> {
    await this.#connection.open();
  }

  async close(): Promise<void> {
    this.#buffer = [];
    await this.#connection.close();
  }

  wake(): void {
    this.#awaken();
  }

  /** The next message if it is here. */
  take(): HistoryMessage | 'end' | undefined {
    if (this.#isPastEnd(this.#nextOffset()) && this.#read === this.#buffer.length) return 'end';
    for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
      if (this.#isPastEnd(next.offset)) return 'end';
      this.#acknowledge(next);
      if (!isBarrier(next.message)) return { offset: next.offset, body: next.message.content };
    }
    return undefined;
  }

  /** The lowest offset that can come. */
  #nextOffset(): number {
    if (this.#last) return this.#last.offset + 1;
    return this.#from.kind === 'offset' ? this.#from.offset : 0;
  }

  /** The next message once it is here. @throws BrokerUnavailableError when nothing comes for too long, the signal's reason */
  async wait(signal: AbortSignal): Promise<HistoryMessage | 'end'> {
    const sinceMs = performance.now();
    for (;;) {
      signal.throwIfAborted();
      const message = this.take();
      if (message !== undefined) return message;
      if (this.#remade) throw this.#remade;
      if (await this.#isIdle()) await this.#probe(performance.now() - sinceMs);
    }
  }

  #isPastEnd(offset: number): boolean {
    return this.#end !== undefined && offset >= this.#end;
  }

  #shift(): Buffered | undefined {
    const next = this.#buffer[this.#read];
    this.#read += 1;
    if (next !== undefined && this.#read < PREFETCH) return next;
    this.#buffer = this.#buffer.slice(this.#read);
    this.#read = 0;
    return next;
  }

  /** Whether nothing came for a while. */
  async #isIdle(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, IDLE_MS, true);
    this.#awaken = () => resolve(false);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * A time after everything in the stream attaches behind the barrier: one more message shows that there is nothing before it. Where
   * even that does not come, the stream was deleted under the reader or the connection does not come back.
   */
  async #probe(idleMs: number): Promise<void> {
    if (idleMs >= (this.#options.historyGiveUpMs ?? GIVE_UP_MS)) {
      const why = this.#session === undefined ? this.#connection.health().reason : 'the stream delivers nothing';
      throw new BrokerUnavailableError(`the history cannot be read any further: ${why ?? 'it is not there'}`);
    }
    if (this.#session === undefined) return;
    try {
      await this.#options.publishBarrier(crypto.randomUUID());
    } catch (error) {
      // Tried again until it is given up.
      if (!(error instanceof BrokerUnavailableError)) throw error;
    }
  }

  async #attach(model: ChannelModel): Promise<void> {
    const { queue, publishBarrier } = this.#options;
    this.#end ??= await endOfHistory(model, queue, publishBarrier);
    const broken = (reason: string): void => this.#connection.drop(model, reason);
    const channel = await openChannel(model, broken);
    const session: Session = { channel, taken: 0, isJoined: false };
    await channel.prefetch(PREFETCH);
    this.#session = session;
    await channel.consume(
      queue,
      (message) => {
        if (message === null) broken(`RabbitMQ cancelled the consumer of '${queue}'`);
        else this.#deliver(session, message, broken);
      },
      { arguments: { 'x-stream-offset': this.#attachedAt() } },
    );
    this.wake();
  }

  #attachedAt(): unknown {
    // Once more the last one, which shows that it is the same stream.
    if (this.#last) return this.#last.offset;
    if (this.#from.kind === 'offset') return Math.max(0, this.#from.offset);
    if (this.#from.kind === 'first' || !(this.#from.at.getTime() > 0)) return 'first';
    return { '!': 'timestamp', value: Math.floor(this.#from.at.getTime() / 1_000) };
  }

  #deliver(session: Session, message: ConsumeMessage, broken: (reason: string) => void): void {
    // Of a channel that is being given up: its successor begins where the buffer ends.
    if (session !== this.#session || this.#remade) return;
    try {
      const offset = streamOffsetOf(message);
      if (this.#continues(session, message, offset)) {
        this.#buffer.push({ session, message, offset });
        this.#last = { offset, content: message.content };
      }
    } catch (error) {
      broken(messageOf(error));
    }
    this.wake();
  }

  /**
   * The first message of a further session is the last one of the session before, or, where retention has taken that, a later one. One
   * that is neither is of another stream: this one was deleted, and declared anew.
   */
  #continues(session: Session, { content }: ConsumeMessage, offset: number): boolean {
    const last = session.isJoined ? undefined : this.#last;
    session.isJoined = true;
    if (last === undefined || offset > last.offset) return true;
    if (offset < last.offset || !content.equals(last.content))
      this.#remade = new BrokerUnavailableError('the history was declared anew while it was read: begin again');
    return false;
  }

  /** Also what nobody can parse, and what is skipped: only an acknowledgement gives credit back. */
  #acknowledge({ session, message }: Buffered): void {
    session.taken += 1;
    if (session !== this.#session || session.taken % ACKNOWLEDGE_EVERY !== 0) return;
    try {
      session.channel.ack(message, true);
    } catch (error) {
      // A channel that is closing needs no credit: its successor begins where the buffer ends.
      if (!(error instanceof IllegalOperationError)) throw error;
    }
  }
}
