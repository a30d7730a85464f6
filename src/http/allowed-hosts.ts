import { isIP } from 'node:net';
import type { RequestHandler } from 'express';
import { ProblemError } from './problem-details.ts';

/** Names that the public DNS never resolves (RFC 6761, RFC 6762, and `internal`, which ICANN keeps for private use). */
const PRIVATE_DOMAINS = ['localhost', 'local', 'internal'];

/**
 * Refuses requests to names of the public DNS, beside those listed (421, RFC 9110 §15.5.20). Where nobody has to say who they are, all that
 * keeps pages of other sites out is that browsers tell origins apart by their names: a page whose own name is made to point here (DNS
 * rebinding) would pass for one of ours. Addresses, names of one label and of private networks cannot be had by a stranger.
 * @param names in lower case, without ports
 */
export function allowHosts(names: readonly string[]): RequestHandler {
  const listed = new Set(names);
  return ({ headers: { host } }, _response, next) => {
    const name = host === undefined ? undefined : nameIn(host);
    if (host === undefined || (name !== undefined && (listed.has(name) || isPrivate(name)))) {
      next();
      return;
    }
    const detail = `The host ${JSON.stringify(host)} is not known here: list its name in ALLOWED_HOSTS, or set up authentication.`;
    throw new ProblemError({ status: 421, detail });
  };
}

/** In lower case; undefined for what is no host. */
function nameIn(host: string): string | undefined {
  return URL.parse(`http://${host}`)?.hostname.replace(/\.$/, '');
}

function isPrivate(name: string): boolean {
  const labels = name.split('.');
  return (
    isIP(name.replace(/^\[|\]$/g, '')) !== 0 || labels.length === 1 || PRIVATE_DOMAINS.includes(labels.at(-1) ?? '')
  );
}
