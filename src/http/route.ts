import type { Express, Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { Authenticate, Caller } from './auth.ts';
import { ProblemError, methodNotAllowed } from './problem-details.ts';
import type { InputError } from './problem-details.ts';

/** `open`: anyone. `reader`: any caller with a valid token, restricted to what it may see. `admin`: admins alone. */
export type Access = 'open' | 'reader' | 'admin';

/** A route as data: what is validated is what is documented. */
export interface RouteSpec<P extends z.ZodObject, Q extends z.ZodObject> {
  readonly method: 'get';
  /** Express's pattern, `/orders/:id`; also the metric's label. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly params: P;
  /** A strict object: unknown parameters are refused. */
  readonly query: Q;
  /** The body of each status that is no problem. */
  readonly answers: Readonly<Record<number, z.ZodType>>;
  handle(input: { params: z.output<P>; query: z.output<Q>; caller: Caller }): Promise<Answer>;
}

export interface Answer {
  /** 200 unless given. */
  readonly status?: number;
  /** Sent as it is where `contentType` is given, as JSON otherwise. */
  readonly body: unknown;
  readonly contentType?: string;
}

/** A {@link RouteSpec} of any parameters. */
export interface Route extends Omit<RouteSpec<z.ZodObject, z.ZodObject>, 'handle'> {
  /** Validates the raw input and answers it. @throws ProblemError for bad input */
  run(input: { params: unknown; query: unknown; caller: Caller }): Promise<Answer>;
}

export function defineRoute<P extends z.ZodObject, Q extends z.ZodObject>(spec: RouteSpec<P, Q>): Route {
  return {
    ...spec,
    run: async ({ params, query, caller }) => {
      const parsedParams = spec.params.safeParse(params);
      const parsedQuery = spec.query.safeParse(query);
      if (parsedParams.success && parsedQuery.success) {
        return spec.handle({ params: parsedParams.data, query: parsedQuery.data, caller });
      }
      throw badInput([...inputErrors(parsedParams.error), ...inputErrors(parsedQuery.error)]);
    },
  };
}

function badInput(errors: readonly InputError[]): ProblemError {
  return new ProblemError({
    status: 400,
    detail: errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
    errors,
  });
}

function inputErrors(error: z.ZodError | undefined): InputError[] {
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((path) => ({ path, message: 'there is no such parameter' }));
    const [name, ...indices] = issue.path;
    return [
      { path: `${String(name)}${indices.map((index) => `[${String(index)}]`).join('')}`, message: issue.message },
    ];
  });
}

/** Adds the routes to the app; other methods of their paths answer 405. */
export function mountRoutes(app: Express, routes: readonly Route[], authenticate: Authenticate): void {
  for (const route of routes) {
    if (route.path.startsWith('/admin/') && route.access !== 'admin')
      throw new Error(`${route.path} must be for admins alone`);
    app
      .route(route.path)
      .get(handlerOf(route, authenticate))
      .all(labelled(route.path), methodNotAllowed(['GET', 'HEAD']));
  }
}

function labelled(path: string): RequestHandler {
  return (_request, response, next) => {
    response.locals['route'] = path;
    next();
  };
}

function handlerOf(route: Route, authenticate: Authenticate): RequestHandler {
  return async (request, response) => {
    response.locals['route'] = route.path;
    const caller = await admit(request, route.access, authenticate);
    const answer = await route.run({ params: request.params, query: request.query, caller });
    sendAnswer(response, answer);
  };
}

/** Open routes see nothing that depends on the caller, so theirs is whoever asks. */
const ANYONE: Caller = { role: 'customer', sub: '' };

async function admit(request: Request, access: Access, authenticate: Authenticate): Promise<Caller> {
  if (access === 'open') return ANYONE;
  const result = await authenticate(request.headers.authorization);
  if (result.kind === 'refused') {
    const challenge = request.headers.authorization === undefined ? 'Bearer' : 'Bearer error="invalid_token"';
    throw new ProblemError({ status: 401, detail: result.reason, headers: { 'WWW-Authenticate': challenge } });
  }
  if (access === 'admin' && result.caller.role !== 'admin')
    throw new ProblemError({ status: 403, detail: 'This is for admins.' });
  return result.caller;
}

function sendAnswer(response: Response, { status = 200, body, contentType }: Answer): void {
  response.status(status).setHeader('Cache-Control', 'no-store');
  if (contentType === undefined) response.json(body);
  else response.setHeader('Content-Type', contentType).end(body);
}
