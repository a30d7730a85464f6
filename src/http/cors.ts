import type { RequestHandler } from 'express';

const METHODS = 'GET, HEAD, POST, DELETE';
const REQUEST_HEADERS = 'Authorization, Content-Type';
/** Beside those that every script may read. */
const RESPONSE_HEADERS = 'Location, RateLimit, RateLimit-Policy, Retry-After';
/** How long a browser may go without asking again; Chromium's own limit is two hours. */
const PREFLIGHT_SECONDS = 600;

/**
 * Lets pages of these origins, and of no others, read answers and send changes (Fetch standard, CORS). Callers prove who they are by a
 * header that a page sends itself, so nothing is said of credentials: a browser keeps its cookies.
 */
export function allowOrigins(origins: readonly string[]): RequestHandler {
  const allowed = new Set(origins);
  return ({ method, headers }, response, next) => {
    if (allowed.size > 0) response.vary('Origin');
    const { origin } = headers;
    if (origin === undefined || !allowed.has(origin)) {
      next();
      return;
    }
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.locals['isAllowedOrigin'] = true;
    if (method === 'OPTIONS' && headers['access-control-request-method'] !== undefined) {
      response.setHeader('Access-Control-Allow-Methods', METHODS);
      response.setHeader('Access-Control-Allow-Headers', REQUEST_HEADERS);
      response.setHeader('Access-Control-Max-Age', String(PREFLIGHT_SECONDS));
      response.status(204).end();
      return;
    }
    response.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS);
    next();
  };
}
