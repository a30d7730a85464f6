import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the waiting for an answer. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Waits for an answer as long as the signal lets it, where `fetch` gives up by itself on one that has not begun within five minutes.
 * Follows no redirection.
 */
export async function requestPatiently(url: URL, { body, ...options }: HttpRequest): Promise<HttpAnswer> {
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: await text(response) };
}
