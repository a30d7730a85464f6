import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Express } from 'express';
import { badInputProblem, problemBody } from './problem-details.ts';
import type { Problem } from './problem-details.ts';

export interface HttpServer {
  /** The port it listens on, which the system chose where 0 was asked for. */
  readonly port: number;
  /**
   * Stops accepting, lets requests in flight finish, and after `graceMs` cuts those that have not. Streams of events end at once:
   * who follows one comes back by itself.
   * Resolves when every connection is closed; calling it again waits for the same.
   */
  close(graceMs: number): Promise<void>;
}

const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  /** Longer than a load balancer keeps its side, so that it never sends into a connection just closed. */
  keepAliveTimeout: 75_000,
};

/** The service cannot listen where HOST and PORT say: only an operator can mend that. */
class AddressUnusableError extends Error {
  readonly code = 'ADDRESS_UNUSABLE';
  override readonly name = 'AddressUnusableError';
}

/** @throws AddressUnusableError, or the system's error where neither the host nor the port is at fault */
export async function listen(app: Express, address: { host: string; port: number }): Promise<HttpServer> {
  const server = createServer(LIMITS, app);
  server.on('clientError', answerMalformedRequest);
  const connections = trackConnections(server);
  server.listen(address.port, address.host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw whyNotListening(address, error as NodeJS.ErrnoException);
  }
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = async (graceMs: number): Promise<void> => {
    const ended = once(server, 'close');
    server.close();
    connections.endStreams();
    connections.endWhenIdle();
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await ended;
    clearTimeout(cut);
  };
  return { port, close: (graceMs) => (closed ??= close(graceMs)) };
}

const HOST_ERRORS: ReadonlySet<unknown> = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
]);

function whyNotListening({ host, port }: { host: string; port: number }, error: NodeJS.ErrnoException): Error {
  const unusable = (what: string, remedy: string) =>
    new AddressUnusableError(`${what} (${error.message}); ${remedy}`, { cause: error });
  if (error.code === 'EADDRINUSE')
    return unusable(`PORT=${port}: is taken`, 'choose another one, or 0 for any that is free');
  if (error.code === 'EACCES')
    return unusable(`PORT=${port}: is not for this user`, 'choose one from 1024, or give the process that right');
  if (!HOST_ERRORS.has(error.code)) return error;
  const remedy = 'use an address of this machine, such as 127.0.0.1 or 0.0.0.0';
  return unusable(`HOST=${JSON.stringify(host)}: cannot be listened on`, remedy);
}

/**
 * Node's own notion of idle leaves out connections on which nothing was sent yet, as browsers open them in advance, and those
 * that become idle later: either would hold the server open.
 */
function trackConnections(server: Server): { endStreams(): void; endWhenIdle(): void } {
  const inFlight = new Map<Socket, number>();
  const responses = new Set<ServerResponse>();
  let ending = false;
  const endIfIdle = (socket: Socket) => {
    if (ending && inFlight.get(socket) === 0) socket.end();
  };
  server.on('connection', (socket: Socket) => {
    inFlight.set(socket, 0);
    socket.once('close', () => inFlight.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    inFlight.set(socket, (inFlight.get(socket) ?? 0) + 1);
    responses.add(response);
    response.once('close', () => {
      responses.delete(response);
      inFlight.set(socket, (inFlight.get(socket) ?? 1) - 1);
      endIfIdle(socket);
    });
  });
  return {
    endStreams: () => {
      for (const response of responses) if (isEventStream(response)) response.end();
    },
    endWhenIdle: () => {
      ending = true;
      for (const socket of inFlight.keys()) endIfIdle(socket);
    },
  };
}

function isEventStream(response: ServerResponse): boolean {
  return response.getHeader('Content-Type') === 'text/event-stream';
}

/** What Node could not parse never reaches the app. */
function answerMalformedRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = problemBody(malformedRequestProblem(error.code));
  const { status, title } = JSON.parse(body) as { status: number; title: string };
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function malformedRequestProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, detail: `Headers may have at most ${LIMITS.maxHeaderSize} bytes.` };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return { status: 408, detail: 'The request took too long to arrive.' };
  const path = code === 'HPE_INVALID_URL' ? 'url' : 'request';
  return badInputProblem([{ path, message: 'must be as HTTP/1.1 has it (RFC 9112)' }]);
}
