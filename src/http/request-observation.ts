import type { RequestHandler } from 'express';
import type { TracePlace, Tracing } from '../observability/tracing.ts';
import type { HttpDependencies, RequestObservation } from './dependencies.ts';

/** Methods that are a metric's label; others are one. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The client hung up before the answer was whole. */
const CLIENT_CLOSED_REQUEST = 499;

/** Asked for every few seconds, by nobody who looks at traces. */
const UNTRACED = /^\/(health|metrics)(\/|$)/;

/** Measures every request under its route's pattern, and traces it: paths carry order ids, and queries names. */
export function observeRequests({
  observeRequest,
  log,
  tracing,
}: Pick<HttpDependencies, 'observeRequest' | 'log' | 'tracing'>): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now();
    const answered = Promise.withResolvers<RequestObservation>();
    response.once('close', () => {
      const observation = {
        route: (response.locals['route'] as string | undefined) ?? 'unmatched',
        method: METHODS.has(request.method) ? request.method : 'OTHER',
        status: response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST,
        durationSeconds: (performance.now() - startedAt) / 1_000,
      };
      observeRequest(observation);
      log.debug(observation, 'request');
      answered.resolve(observation);
    });
    if (tracing === undefined || UNTRACED.test(request.path)) next();
    else void trace(tracing, placeOf(request.headers), answered.promise, next);
  };
}

/** Whatever is done for the request is done in its span. */
async function trace(
  tracing: Tracing,
  parent: TracePlace | undefined,
  answered: Promise<RequestObservation>,
  next: () => void,
): Promise<void> {
  await tracing.span('request', { kind: 'server', parent }, async (span) => {
    next();
    const { route, method, status } = await answered;
    span.rename(`${method} ${route}`);
    span.set({ 'http.request.method': method, 'http.route': route, 'http.response.status_code': status });
    if (status >= 500) span.fail(String(status));
  });
}

function placeOf({
  traceparent,
  tracestate,
}: Readonly<Record<string, string | string[] | undefined>>): TracePlace | undefined {
  if (typeof traceparent !== 'string') return undefined;
  return { traceparent, ...(typeof tracestate === 'string' && { tracestate }) };
}
