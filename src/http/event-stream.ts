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

/**
 * Answers with the events as they come, and with a comment every `keepAliveMs`, since proxies cut what is silent. Ends after the last
 * event, or when the client hangs up. What a slow client has not taken is waited for, not piled up.
 */
export async function sendEvents(
  response: Response,
  events: AsyncIterable<ServerSentEvent>,
  keepAliveMs: number,
): Promise<void> {
  // nginx buffers answers unless it is told, and `no-transform` keeps proxies from compressing them.
  response.setHeader('Content-Type', 'text/event-stream').setHeader('X-Accel-Buffering', 'no');
  response.setHeader('Cache-Control', 'no-store, no-transform').flushHeaders();
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  response.write(`retry: ${RECONNECT_MS}\n\n`);
  const keepAlive = setInterval(() => {
    if (isOpen(response) && !response.writableNeedDrain) response.write(': still here\n\n');
  }, keepAliveMs);
  try {
    for await (const { event, id, data } of events) {
      if (!isOpen(response)) return;
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
