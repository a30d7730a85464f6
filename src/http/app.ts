import { fileURLToPath } from 'node:url';
import PACKAGE from '../../package.json' with { type: 'json' };
import compression from 'compression';
import express from 'express';
import type { Express, Request, RequestHandler } from 'express';
import helmet from 'helmet';
import { allowHosts } from './allowed-hosts.ts';
import { clientModules } from './client-modules.ts';
import { allowOrigins } from './cors.ts';
import type { HttpDependencies } from './dependencies.ts';
import { pageSettings } from './page-settings.ts';
import { parseQueryString } from './parameters.ts';
import { ProblemError, methodNotAllowed, problemHandler, routeNotFound } from './problem-details.ts';
import { limitRequests } from './rate-limit.ts';
import { observeRequests } from './request-observation.ts';
import { MAX_BODY_BYTES, mountRoutes } from './route.ts';
import type { Route } from './route.ts';
import { aggregateRoutes } from './routes/aggregates.ts';
import { customerRoutes } from './routes/customers.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { withDocumentation } from './routes/documentation.ts';
import { generationRoutes } from './routes/generations.ts';
import { lagRoutes } from './routes/lag.ts';
import { operationsRoutes } from './routes/operations.ts';
import { orderRoutes } from './routes/orders.ts';
import { parkedRoutes } from './routes/parked.ts';
import { rebuildRoutes } from './routes/rebuilds.ts';
import { searchRoutes } from './routes/search.ts';
import { verificationRoutes } from './routes/verification.ts';
import { vendorModules } from './vendor-modules.ts';

const VERSION = PACKAGE.version;
const WEB_DIRECTORY = fileURLToPath(new URL('../../web', import.meta.url));

/** Who may call how often, and from where. */
export interface HttpPolicy {
  /** Of pages that may use it, beside its own. */
  readonly corsOrigins?: readonly string[];
  /** Names of the public DNS under which it may be called, in lower case; undefined: any. Health and metrics answer under all. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Of each caller; undefined: no limit. Health and metrics have none. */
  readonly requestsPerMinute?: number | undefined;
  /** Proxies in front of it, each of which adds the address that it saw to `X-Forwarded-For`. */
  readonly trustedProxies?: number;
}

/**
 * The HTTP interface of contract §3 as an Express app that does not listen yet (see `server.ts`): the whole of it, or health and
 * metrics alone, for a process that only projects.
 */
export function createHttpApp(
  dependencies: HttpDependencies,
  serves: 'all' | 'operations' = 'all',
  policy: HttpPolicy = {},
): Express {
  const { corsOrigins = [], allowedHosts, requestsPerMinute, trustedProxies = 0 } = policy;
  const app = express();
  app.set('trust proxy', trustedProxies);
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  app.set('query parser', parseQueryString);
  app.use(observeRequests(dependencies));
  app.use(securityHeaders());
  app.use(allowOrigins(corsOrigins));
  app.use(refuseLargeBodies);
  app.use(refuseOtherSites);
  const operations = operationsRoutes(dependencies);
  mountRoutes(app, operations, dependencies.authenticate);
  if (allowedHosts) app.use(allowHosts(allowedHosts));
  if (serves === 'all') {
    const limit = limitRequests(requestsPerMinute);
    const documented = withDocumentation([...routesOf(dependencies), ...operations], VERSION);
    const others = documented.filter((route) => !operations.includes(route));
    mountRoutes(app, others, dependencies.authenticate, limit);
    app.use(compression(), pageSettings(dependencies), clientModules(), vendorModules(), pages());
    app.all('/', methodNotAllowed(['GET', 'HEAD']));
  }
  app.use(routeNotFound);
  app.use(problemHandler(dependencies.log));
  return app;
}

/** Of readers, operators, and those who rebuild. */
function routesOf(dependencies: HttpDependencies): Route[] {
  return [
    ...searchRoutes(dependencies),
    ...orderRoutes(dependencies),
    ...customerRoutes(dependencies),
    ...aggregateRoutes(dependencies),
    ...parkedRoutes(dependencies),
    ...deadLetterRoutes(dependencies),
    ...lagRoutes(dependencies),
    ...rebuildRoutes(dependencies),
    ...generationRoutes(dependencies),
    ...verificationRoutes(dependencies),
  ];
}

/** The pages need nothing but what this service itself serves. HTTPS and its headers are the matter of what terminates TLS. */
function securityHeaders(): RequestHandler {
  const own = ["'self'"];
  const none = ["'none'"];
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: none,
        scriptSrc: own,
        styleSrc: own,
        imgSrc: own,
        connectSrc: own,
        baseUri: none,
        formAction: own,
        frameAncestors: none,
      },
    },
    strictTransportSecurity: false,
  });
}

/** Before anything is read. The connection is closed, or Node would read the rest to reuse it. */
const refuseLargeBodies: RequestHandler = (request, _response, next) => {
  if (Number(request.headers['content-length'] ?? 0) <= MAX_BODY_BYTES) {
    next();
    return;
  }
  const detail = `A body may have at most ${MAX_BODY_BYTES} bytes.`;
  throw new ProblemError({ status: 413, detail, headers: { Connection: 'close' } });
};

/**
 * Where authentication is off, any page that an operator visits could otherwise have the browser send a change. Browsers say where a
 * request comes from (Fetch Metadata, W3C), or, to an address without TLS that is not their own computer's, at least from which origin;
 * programs that are none do not, and need not.
 */
const refuseOtherSites: RequestHandler = (request, response, next) => {
  const site = request.headers['sec-fetch-site'] ?? siteOf(request);
  const isSafe = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS';
  const isOwn = site === undefined || site === 'same-origin' || site === 'none';
  if (isSafe || isOwn || response.locals['isAllowedOrigin'] === true) {
    next();
    return;
  }
  const remedy = 'A proxy in front of the service has to keep Host, or its origin has to be in CORS_ORIGINS.';
  throw new ProblemError({ status: 403, detail: `A page of another site may not change anything here. ${remedy}` });
};

function siteOf({ headers: { origin }, host }: Request): 'same-origin' | 'cross-site' | undefined {
  if (origin === undefined) return undefined;
  return URL.parse(origin)?.host === host ? 'same-origin' : 'cross-site';
}

/** The files of `web/`, checked again by the browser on each load: their names do not change with their content. */
function pages(): RequestHandler {
  return express.static(WEB_DIRECTORY, {
    cacheControl: false,
    redirect: false,
    extensions: ['html'],
    setHeaders: (response) => {
      response.locals['route'] = 'static';
      response.setHeader('Cache-Control', 'no-cache');
    },
  });
}
