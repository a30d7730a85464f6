import type { RequestHandler } from 'express';
import type { HttpDependencies } from './dependencies.ts';

/** Methods that are a metric's label; others are one. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The client hung up before the answer was whole. */
const CLIENT_CLOSED_REQUEST = 499;

/** Measures every request under its route's pattern: paths carry order ids, and queries names. */
export function observeRequests({
  observeRequest,
  log,
}: Pick<HttpDependencies, 'observeRequest' | 'log'>): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const observation = {
        route: (response.locals['route'] as string | undefined) ?? 'unmatched',
        method: METHODS.has(request.method) ? request.method : 'OTHER',
        status: response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST,
        durationSeconds: (performance.now() - startedAt) / 1_000,
      };
      observeRequest(observation);
      log.debug(observation, 'request');
    });
    next();
  };
}
