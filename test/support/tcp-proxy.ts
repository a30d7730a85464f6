import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A TCP proxy on loopback that breaks the network in the ways networks break. What it is told holds for the connections there are and
 * for those to come.
 */
export interface TcpProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Bytes that went through towards the server. */
  readonly bytesSent: number;
  /** Bytes that went through towards the clients. */
  readonly bytesReceived: number;
  /** Resets every connection at once. New ones are taken. */
  cut(): void;
  /** Half-open: connections stay, and new ones are taken, but not a byte goes through either way. */
  halt(): void;
  /** Ends `halt`; what was held goes through. */
  resume(): void;
  /** Each chunk is late by as much, both ways. */
  latency(delayMs: number): void;
  /** At most as many bytes a second a connection and direction; undefined: no limit. */
  throttle(bytesPerSecond: number | undefined): void;
  /**
   * Writes to every client as if the server had: for what a server says only in trouble. Between two of its own messages, so when it is
   * idle.
   */
  sayToClients(bytes: Buffer): void;
  /** Takes no connections any more, as if the server were down, and cuts those there are. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

/** Is shown the bytes of one connection when they go through. */
export interface TcpTap {
  /** Towards the server. */
  sent?(bytes: Buffer): void;
  /** Towards the client. */
  received?(bytes: Buffer): void;
}

/** @param tapped called with each new connection */
export async function startTcpProxy(
  target: { readonly host: string; readonly port: number },
  tapped: () => TcpTap = () => ({}),
): Promise<TcpProxy> {
  const proxy = new BreakableProxy(target, tapped);
  await proxy.accept();
  return proxy;
}

class BreakableProxy implements TcpProxy {
  readonly host = '127.0.0.1';
  readonly #target: { readonly host: string; readonly port: number };
  readonly #tapped: () => TcpTap;
  readonly #sockets = new Set<Socket>();
  readonly #clients = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #delayMs = 0;
  #bytesPerSecond: number | undefined;
  #halted: PromiseWithResolvers<void> | undefined;

  constructor(target: { readonly host: string; readonly port: number }, tapped: () => TcpTap) {
    this.#target = target;
    this.#tapped = tapped;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#sockets.size / 2;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  halt(): void {
    this.#halted ??= Promise.withResolvers();
  }

  resume(): void {
    this.#halted?.resolve();
    this.#halted = undefined;
  }

  latency(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  throttle(bytesPerSecond: number | undefined): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  sayToClients(bytes: Buffer): void {
    for (const client of this.#clients) client.write(bytes);
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    this.cut();
    await promise;
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ noDelay: true }, (client) => this.#join(client));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(this.#port, this.host, resolve);
    await promise;
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.resume();
    await this.refuse();
  }

  #join(client: Socket): void {
    const server = connect({ ...this.#target, noDelay: true });
    const tap = this.#tapped();
    this.#clients.add(client);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      // A reset is the point of this proxy; `close` follows and does the rest.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        this.#clients.delete(socket);
        // Half-open, neither end learns that the other is gone.
        void this.#released().then(() => other.destroy());
      });
    }
    const sent = (bytes: Buffer) => {
      this.#bytesSent += bytes.length;
      tap.sent?.(bytes);
    };
    const received = (bytes: Buffer) => {
      this.#bytesReceived += bytes.length;
      tap.received?.(bytes);
    };
    client.pipe(this.#pass(sent)).pipe(server);
    server.pipe(this.#pass(received)).pipe(client);
  }

  #pass(goesThrough: (bytes: Buffer) => void): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        this.#hold(chunk.length).then(
          () => {
            goesThrough(chunk);
            done(null, chunk);
          },
          (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
        );
      },
    });
  }

  async #hold(bytes: number): Promise<void> {
    const throttledMs = this.#bytesPerSecond === undefined ? 0 : (bytes * 1_000) / this.#bytesPerSecond;
    if (this.#delayMs + throttledMs > 0) await delay(this.#delayMs + throttledMs, undefined, { ref: false });
    await this.#released();
  }

  async #released(): Promise<void> {
    while (this.#halted !== undefined) await this.#halted.promise;
  }
}
