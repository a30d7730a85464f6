import { once } from 'node:events';
import type { Response } from 'express';

/** One event of a stream of server-sent events (HTML standard, 9.2). `data` is one line. */
export interface ServerSentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** How soon a browser comes back after a lost connection. */
const RECONNECT_MS = 2_000;

/** A stream of events as an answer. */
export interface EventStream {
  readonly source: AsyncIterable<ServerSentEvent>;
  /** How often a comment is sent, since proxies cut what is silent. */
  readonly keepAliveMs: number;
}

/**
 * Answers with the events as they come, and with comments between them. Ends after the last event, when the client hangs up, or within
 * `keepAliveMs` of `until`. What a slow client has not taken is waited for, not piled up.
 * @param until epoch ms: from then on who asked for it may see no more
 */
export async function sendEvents(
  response: Response,
  { source, keepAliveMs }: EventStream,
  until = Infinity,
): Promise<void> {
  // nginx buffers answers unless it is told, and `no-transform` keeps proxies from compressing them.
  response.setHeader('Content-Type', 'text/event-stream').setHeader('X-Accel-Buffering', 'no');
  response.setHeader('Cache-Control', 'no-store, no-transform').flushHeaders();
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  response.write(`retry: ${RECONNECT_MS}\n\n`);
  const isOver = () => Date.now() >= until;
  const keepAlive = setInterval(() => {
    if (!isOpen(response)) return;
    if (isOver()) response.end();
    else if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, keepAliveMs);
  try {
    for await (const { event, id, data } of source) {
      if (!isOpen(response)) return;
      if (isOver()) break;
      const isTaken = response.write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`);
      // A connection that is lost meanwhile is drained by nobody.
      if (!isTaken) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  } finally {
    clearInterval(keepAlive);
  }
  if (isOpen(response)) response.end();
}

function isOpen(response: Response): boolean {
  return !response.destroyed && !response.writableEnded;
}
