import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { BrokerUnavailableError } from '../broker/port.ts';
import { AggregatesNotBuiltError, IndexUnavailableError, InvalidCursorError } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import { AuthenticationUnavailableError } from './auth.ts';

/**
 * What is wrong with one part of the input; `path` is the parameter's name, with an index where it is repeated, or `url`, `body` or
 * `request` where that cannot be read at all.
 */
export interface InputError {
  readonly path: string;
  readonly message: string;
}

/** RFC 9457, and the headers that go with it. */
export interface Problem {
  /** `about:blank` unless given: nothing more than the status says. */
  readonly type?: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly InputError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by routes for an answer that is not a success; its problem is the answer. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/**
 * The type of a 404 by which the service itself says that there is no such thing, or none that the caller may see: without it, the
 * address is wrong. The client (`src/client`) goes by it.
 */
export const NO_SUCH_THING = 'urn:problem-type:order-search:no-such-thing';

/** The address is right, and nothing is there that the caller may see. */
export function noSuchThing(detail: string): ProblemError {
  return new ProblemError({ type: NO_SUCH_THING, status: 404, detail });
}

/** Seconds after which a client may try again what was refused for an outage: half-open probes come sooner than that. */
const RETRY_AFTER_SECONDS = 2;

/** The JSON body of a problem. */
export function problemBody({ type = 'about:blank', status, detail, errors }: Problem): string {
  return JSON.stringify({
    type,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    ...(errors && { errors }),
  });
}

function sendProblem(response: Response, problem: Problem): void {
  response.status(problem.status);
  response.setHeader('Content-Type', 'application/problem+json');
  response.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(problem.headers ?? {})) response.setHeader(name, value);
  response.end(problemBody(problem));
}

/** The one place where an error becomes a status. What nobody expected is logged and answered without a word of what it was. */
export function problemHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.destroyed && isAbandoned(error)) return;
    const problem = toProblem(error);
    if (problem.status === 500) log.error({ err: error, route: response.locals['route'] as string }, 'request failed');
    if (response.headersSent) next(error);
    else sendProblem(response, problem);
  };
}

/** What was under way for a client that has hung up was given up: nobody waits for an answer, and nothing is wrong. */
function isAbandoned(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

function toProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof InvalidCursorError) {
    const message = 'use a nextCursor of this very search, unchanged';
    return { status: 400, detail: 'The cursor is not valid.', errors: [{ path: 'cursor', message }] };
  }
  if (error instanceof AggregatesNotBuiltError) return unavailable(error.message);
  if (error instanceof IndexUnavailableError) return unavailable('The index does not answer at the moment.');
  if (error instanceof BrokerUnavailableError) return unavailable('The broker takes no messages at the moment.');
  if (error instanceof AuthenticationUnavailableError) return unavailable('Tokens cannot be checked at the moment.');
  const status = clientErrorStatus(error);
  if (status === undefined) return { status: 500, detail: 'An error on our side; it was logged.' };
  if (status !== 400) return { status, detail: `${STATUS_CODES[status] ?? 'Refused'}.` };
  return badInputProblem([error instanceof URIError ? MALFORMED_URL : MALFORMED_BODY]);
}

/** The router's only one: a parameter in the path that cannot be decoded. */
const MALFORMED_URL: InputError = { path: 'url', message: 'must be percent-encoded UTF-8, a % itself written %25' };

export const MALFORMED_BODY: InputError = {
  path: 'body',
  message: 'must be a JSON object, in the encoding that its headers name',
};

/** What is wrong with the input, one error a parameter. */
export function badInputProblem(errors: readonly InputError[]): Problem {
  return { status: 400, detail: errors.map(({ path, message }) => `${path}: ${message}`).join('; '), errors };
}

/** To be tried again soon. */
export function unavailable(detail: string): Problem {
  return { status: 503, detail, headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) } };
}

/** Express, its router and `send` mark what is the client's fault with a 4xx `status`. */
function clientErrorStatus(error: unknown): number | undefined {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

export const routeNotFound: RequestHandler = () => {
  throw new ProblemError({ status: 404, detail: 'There is nothing at this address.' });
};

/** For the methods that a known path does not have. */
export function methodNotAllowed(allowed: readonly string[]): RequestHandler {
  const Allow = [...allowed, 'OPTIONS'].join(', ');
  return (request, response) => {
    if (request.method !== 'OPTIONS') {
      throw new ProblemError({ status: 405, detail: `This address answers ${Allow}.`, headers: { Allow } });
    }
    response.status(204).setHeader('Allow', Allow).end();
  };
}
