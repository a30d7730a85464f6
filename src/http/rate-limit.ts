import type { Request, RequestHandler, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { isNamed } from './auth.ts';
import type { Caller } from './auth.ts';
import { ProblemError } from './problem-details.ts';

const MINUTE_MS = 60_000;

/**
 * So many requests a minute for each caller; for each address where nobody says, or needs to say, who is calling. Tells how many are left
 * in the headers of the IETF's draft (`RateLimit`, `RateLimit-Policy`). Counted in this process alone. Undefined: no limit.
 */
export function limitRequests(requestsPerMinute: number | undefined): RequestHandler {
  if (requestsPerMinute === undefined) return (_request, _response, next) => next();
  return rateLimit({
    windowMs: MINUTE_MS,
    limit: requestsPerMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator,
    handler: (_request, _response, next) => next(tooMany(requestsPerMinute)),
  });
}

function tooMany(requestsPerMinute: number): ProblemError {
  return new ProblemError({ status: 429, detail: `At most ${requestsPerMinute} requests a minute are answered.` });
}

/** A caller who is known by a token has one allowance, from whichever addresses it comes. */
function keyGenerator(request: Request, response: Response): string {
  const caller = response.locals['caller'] as Caller | undefined;
  return caller && isNamed(caller) ? `${caller.role} ${caller.sub}` : ipKeyGenerator(request.ip ?? '');
}
