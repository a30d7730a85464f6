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

/** Keep-alives after which a client that has taken nothing is taken for gone: others wait for its place. */
const MOST_UNTAKEN = 4;

/** A stream of events as an answer. */
export interface EventStream {
  readonly source: AsyncIterable<ServerSentEvent>;
  /** How often a comment is sent, since proxies cut what is silent. */
  readonly keepAliveMs: number;
  /** An answer that is computed as a whole, and not news for as long as somebody may hear them. */
  readonly outlivesToken?: true;
}

/**
 * Answers with the events as they come, and with comments between them. Ends after the last event, when the client hangs up, or within
 * `keepAliveMs` of `until`, for a client that takes nothing by a cut. What a slow client has not taken is waited for, not piled up; one
 * that takes nothing at all for some keep-alives is cut.
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
  let untaken = 0;
  response.on('drain', () => (untaken = 0));
  const keepAlive = setInterval(() => {
    if (!isOpen(response)) return;
    untaken = response.writableNeedDrain ? untaken + 1 : 0;
    if (isOver() || untaken > MOST_UNTAKEN) hangUp(response);
    else if (untaken === 0) response.write(': still here\n\n');
  }, keepAliveMs);
  try {
    for await (const { event, id, data } of source) {
      if (!isOpen(response)) return;
      if (isOver()) break;
      const isTaken = response.write(`event: ${event}\nid: ${id}\ndata: ${data}\n\n`);
      if (!isTaken) await untilTaken(response);
    }
  } finally {
    clearInterval(keepAlive);
  }
  if (isOpen(response)) response.end();
}

/** Who takes nothing would take no end either. */
function hangUp(response: Response): void {
  if (response.writableNeedDrain) response.destroy();
  else response.end();
}

/** Or until the connection is lost: then it is drained by nobody. */
export async function untilTaken(response: Response): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    over.abort();
  }
}

function isOpen(response: Response): boolean {
  return !response.destroyed && !response.writableEnded;
}
