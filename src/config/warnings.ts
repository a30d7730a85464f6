import type { Config } from '../config.ts';

/** RFC 7518 §3.2: a key of HS256 is at least as long as its hash. */
const HS256_KEY_BYTES = 32;

/** A message that comes the third time is handled alone; it must be able to. */
const SUSPECTED_FROM = 3;

/** What starts, but should be known to whoever started it: one line each. */
export function configWarnings({ auth, http, projector }: Config): string[] {
  return [...authWarnings(auth, http), ...limitWarnings(projector)];
}

function limitWarnings({ deliveryLimit }: Config['projector']): string[] {
  if (deliveryLimit >= SUSPECTED_FROM) return [];
  return [
    `DELIVERY_LIMIT=${deliveryLimit} is less than ${SUSPECTED_FROM}: a message that kills the process takes those beside it to the dead letters`,
  ];
}

function authWarnings(auth: Config['auth'], http: Config['http']): string[] {
  if (auth.kind === 'off') {
    const why = auth.reason === 'embedded' ? 'the embedded default runs without authentication' : 'AUTH=off';
    const reach = isLoopback(http.host) ? '' : `, and HOST=${http.host} is not this computer alone`;
    return [`${why}: everyone who reaches this service may read and do everything${reach}`];
  }
  const warnings: string[] = [];
  if (auth.kind === 'secret' && Buffer.byteLength(auth.secret) < HS256_KEY_BYTES)
    warnings.push('AUTH_JWT_SECRET is shorter than 32 bytes: whoever sees one token may guess it; use a longer one');
  if (auth.kind === 'jwks' && auth.issuer === undefined && auth.audience === undefined)
    warnings.push('neither AUTH_ISSUER nor AUTH_AUDIENCE is set: every token of that key set with a role is taken');
  if (auth.kind === 'jwks' && isOpenHttp(auth.url))
    warnings.push(
      'AUTH_JWKS_URL is http: whoever is between this service and the key set can make an admin; use https',
    );
  return warnings;
}

function isOpenHttp(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && !isLoopback(hostname);
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
