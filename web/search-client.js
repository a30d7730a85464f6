import { authorization } from './access-token.js';
import { createClient } from './client/index.ts';
import { problemOf } from './client/problem.ts';

/** What a read has not answered by then, it is not waited for. */
export const ANSWER_MS = 10_000;

/** By then what an operator wants done has ended, for well or ill, unless a great many things have to be gone through for it. */
export const DONE_MS = 60_000;
/** The same where everything that was ever published may have to be read, or every dead letter be published. */
export const ALL_DONE_MS = 30 * DONE_MS;

/** Until when nothing is asked but what somebody at the page wants: the service has answered as much as it would for now. */
const patience = { untilMs: 0 };

/** Whether a page may ask for what nobody has just asked it for. */
export function mayAskByItself() {
  return performance.now() >= patience.untilMs;
}

/** There was no answer at all, or none that can be read. */
export class NoAnswer extends Error {}

/** Of what was to be done. By the time that it is read the service may answer again. */
const UNKNOWN_END = 'There was no answer to what you asked for: see whether it was done before you ask for it again.';

/** To what was to be done there was no answer for so long: it may have been done, or be under way still. */
export class NotInTime extends NoAnswer {
  /** @param {number} limitMs */
  constructor(limitMs) {
    const limit = limitMs === DONE_MS ? 'a minute' : `${limitMs / DONE_MS} minutes`;
    super(
      `The service has not answered within ${limit}. It may still do it: see what has changed before you ask for it again.`,
    );
  }
}

/**
 * Asks the service that this page came from, as whoever this tab asks.
 * @param {string | URL | Request} address
 * @param {RequestInit} [init]
 */
function ask(address, init = {}) {
  const headers = new Headers(init.headers);
  const who = authorization();
  if (who !== undefined) headers.set('authorization', who);
  return askAsNobody(address, { ...init, headers });
}

/** Likewise, without saying who asks. @param {string | URL | Request} address @param {RequestInit} [init] */
async function askAsNobody(address, init = {}) {
  try {
    const response = await fetch(address, init);
    if (response.status === 429) {
      const seconds = Number(response.headers.get('retry-after'));
      if (seconds > 0) patience.untilMs = performance.now() + seconds * 1_000;
    }
    const [json, text] = [response.json.bind(response), response.text.bind(response)];
    const fail = (/** @type {unknown} */ error) => giveUp(error, init.signal);
    return Object.assign(response, { json: () => json().catch(fail), text: () => text().catch(fail) });
  } catch (error) {
    return giveUp(error, init.signal);
  }
}

/** What is not answered within `ANSWER_MS` is given up. @param {typeof ask} way @returns {typeof ask} */
function inTime(way) {
  return (address, init = {}) => {
    const late = AbortSignal.timeout(ANSWER_MS);
    return way(address, { ...init, signal: init.signal ? AbortSignal.any([init.signal, late]) : late });
  };
}

/** @param {unknown} error @param {AbortSignal | null | undefined} signal @returns {never} */
function giveUp(error, signal) {
  // Whoever has asked for something else meanwhile is told so; being late is no answer.
  if (signal?.reason?.name !== 'TimeoutError') signal?.throwIfAborted();
  if (error instanceof SyntaxError) throw new NoAnswer('The answer is not one of the service: it is no JSON.');
  const offline = navigator.onLine ? '' : 'This computer is offline. ';
  throw new NoAnswer(`${offline}The service does not answer (${error instanceof Error ? error.message : error}).`);
}

const SERVICE = { url: new URL('.', location.href).href, attempts: 1 };

/**
 * The service's reads. What it does not answer rejects with NoAnswer; nothing is sent twice by itself, since the page says what is wrong
 * and asks again.
 */
export const service = createClient({ ...SERVICE, fetch: inTime(ask) });

/** The same, without saying who asks: where nobody has to, that is somebody who sees everything. */
export const serviceAsNobody = createClient({ ...SERVICE, fetch: inTime(askAsNobody) });

/**
 * What only operators ask for.
 * @template T
 * @param {'GET' | 'POST' | 'DELETE'} method
 * @param {string} path
 * @param {{ body?: object, signal?: AbortSignal | undefined, limitMs?: number }} [options] `limitMs`: how long it is waited for
 * @returns {Promise<T>}
 * @throws {import('./client/index.ts').OrderSearchProblem | NoAnswer}
 */
export async function operate(method, path, { body, signal, limitMs = method === 'GET' ? ANSWER_MS : DONE_MS } = {}) {
  const late = AbortSignal.timeout(limitMs);
  try {
    const response = await ask(path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? /** @type {T} */ (undefined) : await response.json();
  } catch (error) {
    if (method === 'GET' || !(error instanceof NoAnswer)) throw error;
    throw late.aborted ? new NotInTime(limitMs) : new NoAnswer(UNKNOWN_END);
  }
}

/**
 * Server-sent events. EventSource can send no token, so the stream is read here.
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<{ event: string, data: any }, void>}
 */
export async function* follow(path, signal) {
  const response = await ask(path, { signal, headers: { accept: 'text/event-stream' } });
  if (!response.ok || !response.body) throw await problemOf(response);
  let rest = '';
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value = '' } = await reader.read();
    if (done) return;
    const blocks = `${rest}${value}`.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (/** @type {string} */ name) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data !== undefined) yield { event: field('event') ?? 'message', data: JSON.parse(data) };
    }
  }
}
