import express from 'express';
import type { Express, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { ANYONE } from './auth.ts';
import type { Authenticate, AuthResult, Caller } from './auth.ts';
import { sendEvents } from './event-stream.ts';
import type { EventStream } from './event-stream.ts';
import { MALFORMED_BODY, ProblemError, badInputProblem, methodNotAllowed } from './problem-details.ts';
import type { InputError } from './problem-details.ts';

/**
 * `open`: anyone. `reader`: any caller with a valid token, restricted to what it may see. `staff`: support and admins. `admin`: admins
 * alone.
 */
export type Access = 'open' | 'reader' | 'staff' | 'admin';

const NO_BODY = z.strictObject({});

/** A route as data: what is validated is what is documented. */
export interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject = typeof NO_BODY> {
  readonly method: 'get' | 'post' | 'delete';
  /** Express's pattern, `/orders/:id`; also the metric's label. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  /** Answered however often a caller asks. */
  readonly unlimited?: true;
  readonly params: P;
  /** A strict object: unknown parameters are refused. */
  readonly query: Q;
  /** Of a `post`: a strict object. None sent is `{}`, and none is taken where there is no schema. */
  readonly body?: B;
  /** The body of each status that is no problem. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  /** Where the `Location` of such an answer leads; it always has one. */
  readonly locations?: Readonly<Record<number, string>>;
  /** Statuses of its own that are problems, beside those that every route of its access and method may answer. */
  readonly problems?: readonly number[];
  handle(input: Input<z.output<P>, z.output<Q>, z.output<B>>): Promise<Answer>;
}

export interface Input<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: Caller;
  /** Aborted once nobody waits for the answer. */
  readonly signal: AbortSignal;
}

export interface Answer {
  /** 200 unless given. */
  readonly status?: number;
  /** Sent as it is where `contentType` is given, as JSON otherwise; undefined where the status has none. */
  readonly body: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Server-sent events instead of a body. */
  readonly events?: EventStream;
}

/** A {@link RouteSpec} of any parameters. */
export interface Route extends Omit<RouteSpec<z.ZodObject, z.ZodObject, z.ZodObject>, 'handle'> {
  /** Validates the raw input and answers it. @throws ProblemError for bad input */
  run(input: Input<unknown, unknown, unknown>): Promise<Answer>;
}

export function defineRoute<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject = typeof NO_BODY>(
  spec: RouteSpec<P, Q, B>,
): Route {
  return {
    ...spec,
    run: async ({ params, query, body, ...request }) => {
      const parsedParams = spec.params.safeParse(params);
      const parsedQuery = spec.query.safeParse(query);
      const parsedBody = (spec.body ?? (NO_BODY as unknown as B)).safeParse(body);
      if (parsedParams.success && parsedQuery.success && parsedBody.success) {
        return spec.handle({ params: parsedParams.data, query: parsedQuery.data, body: parsedBody.data, ...request });
      }
      throw badInput([
        ...inputErrors(parsedParams.error, params),
        ...inputErrors(parsedQuery.error, query),
        ...inputErrors(parsedBody.error, body),
      ]);
    },
  };
}

/** What is wrong with the input, one error a parameter, as an answer. */
export function badInput(errors: readonly InputError[]): ProblemError {
  return new ProblemError(badInputProblem(errors));
}

function inputErrors(error: z.ZodError | undefined, given: unknown): InputError[] {
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((path) => ({ path, message: 'there is no such parameter' }));
    const [name, ...indices] = issue.path;
    // The parameters are an object always, and a body that is JSON may still be a list.
    if (name === undefined) return [MALFORMED_BODY];
    // Of a parameter that may be repeated, and was not, there is no index to tell.
    const isRepeated = typeof (given as Readonly<Record<PropertyKey, unknown>>)[name] !== 'string';
    const place = isRepeated ? indices.map((index) => `[${String(index)}]`).join('') : '';
    return [{ path: `${String(name)}${place}`, message: issue.message }];
  });
}

const noLimit: RequestHandler = (_request, _response, next) => next();

/**
 * Adds the routes to the app; other methods of their paths answer 405. `limit` sees who calls, before anything is done for it. Where two
 * patterns match a path, the first one has it for all methods.
 */
export function mountRoutes(
  app: Express,
  routes: readonly Route[],
  authenticate: Authenticate,
  limit: RequestHandler = noLimit,
): void {
  for (const [path, ofPath] of Map.groupBy(routes, ({ path }) => path)) {
    if (path.startsWith('/admin/') && ofPath.some(({ access }) => access !== 'admin'))
      throw new Error(`${path} must be for admins alone`);
    const mounted = app.route(path);
    for (const route of ofPath)
      mounted[route.method](handlersOf(route, authenticate, route.unlimited ? noLimit : limit));
    mounted.all(labelled(path), methodNotAllowed(ofPath.flatMap(({ method }) => ALLOWED[method])));
  }
}

const ALLOWED = { get: ['GET', 'HEAD'], post: ['POST'], delete: ['DELETE'] } as const;

function labelled(path: string): RequestHandler {
  return (_request, response, next) => {
    response.locals['route'] = path;
    next();
  };
}

function handlersOf(route: Route, authenticate: Authenticate, limit: RequestHandler): RequestHandler[] {
  const identification: RequestHandler = async (request, response, next) => {
    response.locals['route'] = route.path;
    const result = await identify(request, route.access, authenticate);
    response.locals['identified'] = result;
    if (result.kind === 'caller') response.locals['caller'] = result.caller;
    next();
  };
  const admission: RequestHandler = (request, response, next) => {
    admit(request, route.access, response.locals['identified'] as AuthResult);
    next();
  };
  const answering: RequestHandler = async ({ params, query, body }: Request, response) => {
    const caller = response.locals['caller'] as Caller;
    const over = new AbortController();
    const hangUp = () => over.abort();
    response.once('close', hangUp);
    // The client may have hung up during the admission already.
    if (response.closed) over.abort();
    const input = { params, query, body: (body as unknown) ?? {}, caller, signal: over.signal };
    const answer = await route.run(input);
    // Nothing is left to be given up: an abort would only be made for nobody. A stream of events goes on.
    if (!answer.events) response.off('close', hangUp);
    await sendAnswer(response, answer, expiryOf(response.locals['identified'] as AuthResult));
  };
  return [
    identification,
    limit,
    admission,
    ...(route.method === 'post' ? [onlyJson, express.json({ limit: MAX_BODY_BYTES })] : []),
    answering,
  ];
}

export const MAX_BODY_BYTES = 65_536;

const onlyJson: RequestHandler = (request, _response, next) => {
  // A body of no bytes is none: a POST without one says Content-Length: 0.
  const hasBody = request.headers['content-length'] !== '0';
  if (hasBody && request.is('json') === false)
    throw new ProblemError({ status: 415, detail: 'A body must be application/json.' });
  next();
};

/** Open routes see nothing that depends on the caller. */
async function identify(request: Request, access: Access, authenticate: Authenticate): Promise<AuthResult> {
  return access === 'open' ? { kind: 'caller', caller: ANYONE } : authenticate(request.headers.authorization);
}

function admit(request: Request, access: Access, result: AuthResult): void {
  if (result.kind === 'refused') {
    const challenge = request.headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"';
    throw new ProblemError({ status: 401, detail: result.reason, headers: { 'WWW-Authenticate': challenge } });
  }
  const { role } = result.caller;
  if (access === 'admin' && role !== 'admin') throw new ProblemError({ status: 403, detail: 'This is for admins.' });
  if (access === 'staff' && role !== 'support' && role !== 'admin')
    throw new ProblemError({ status: 403, detail: 'This is for support and admins.' });
}

function expiryOf(result: AuthResult): number | undefined {
  return result.kind === 'caller' ? result.expiresAt : undefined;
}

async function sendAnswer(response: Response, answer: Answer, until: number | undefined): Promise<void> {
  const { status = 200, body, contentType, headers = {}, events } = answer;
  response.status(status).setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (events) await sendEvents(response, events, events.outlivesToken ? undefined : until);
  else if (contentType === undefined) sendJson(response, body);
  else response.setHeader('Content-Type', contentType).end(body);
}

/** As Express would, but for what it looks up first: settings and entity tags, of which there are none here. */
function sendJson(response: Response, body: unknown): void {
  if (body === undefined) response.end();
  else response.setHeader('Content-Type', 'application/json; charset=utf-8').end(JSON.stringify(body));
}
