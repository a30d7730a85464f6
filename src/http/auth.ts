import { errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import type { Logger } from '../observability/logging.ts';
import { createKeySet } from './key-set.ts';

const ROLES = ['customer', 'seller', 'support', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** How callers prove who they are; `issuer` and `audience` are checked only where they are set. */
export type AuthSettings =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'secret';
      readonly secret: string;
      readonly issuer: string | undefined;
      readonly audience: string | undefined;
    }
  | {
      readonly kind: 'jwks';
      readonly url: string;
      readonly issuer: string | undefined;
      readonly audience: string | undefined;
    };

/** Who sent a request. `sub` is the customer's or seller's id for these roles. */
export interface Caller {
  readonly role: Role;
  readonly sub: string;
  /** Chosen, not proved: authentication is off. */
  readonly acted?: true;
}

/** Who calls where authentication is off, and who calls a route that is open: whoever it is. */
const EVERYONE: Caller = { role: 'admin', sub: 'anonymous' };
export const ANYONE: Caller = { role: 'customer', sub: '' };

/** Whether a token said who it is. */
export function isNamed(caller: Caller): boolean {
  return caller !== EVERYONE && caller !== ANYONE && caller.acted !== true;
}

export type AuthResult =
  | {
      readonly kind: 'caller';
      readonly caller: Caller;
      /** When its token is taken no more, epoch ms; absent where there is none, or it never expires. */
      readonly expiresAt?: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Tells who is calling from the `Authorization` header.
 * @throws AuthenticationUnavailableError when the key set cannot be fetched
 */
export type Authenticate = (authorization: string | undefined) => Promise<AuthResult>;

export class AuthenticationUnavailableError extends Error {
  readonly code = 'AUTHENTICATION_UNAVAILABLE';
  override readonly name = 'AuthenticationUnavailableError';
}

/** Logs when tokens cannot be checked any more, and when they can again: every caller is turned away meanwhile, though all else goes on. */
export function logAuthenticationOutages(authenticate: Authenticate, log: Pick<Logger, 'info' | 'warn'>): Authenticate {
  let isAway = false;
  return async (authorization) => {
    try {
      const result = await authenticate(authorization);
      if (isAway && result.kind === 'caller') {
        isAway = false;
        log.info('tokens can be checked again');
      }
      return result;
    } catch (error) {
      if (!(error instanceof AuthenticationUnavailableError)) throw error;
      if (!isAway) log.warn({ reason: keySetFault(error.cause) }, 'no token can be checked: see AUTH_JWKS_URL');
      isAway = true;
      throw error;
    }
  };
}

/** Without the URL, which may hold a password. */
function keySetFault(cause: unknown): string {
  if (cause instanceof errors.JOSEError) return cause.message;
  const inner = cause instanceof Error ? (cause.cause ?? cause) : undefined;
  return inner instanceof Error && 'code' in inner ? String(inner.code) : 'the key set cannot be fetched';
}

type Verify = (token: string) => Promise<JWTPayload>;

/** A token may be new: clocks of two machines are never quite the same. It is none for longer than it says all the same. */
const CLOCK_TOLERANCE_SECONDS = 5;

/**
 * Checks bearer tokens as the configuration says; with `off`, everyone is an admin, but for who asks to be shown what somebody else
 * sees: {@link actedAs}.
 */
export function createAuthenticator(config: AuthSettings): Authenticate {
  if (config.kind === 'off') {
    return (authorization) => Promise.resolve({ kind: 'caller', caller: actedAs(authorization) ?? EVERYONE });
  }
  const verify = config.kind === 'secret' ? secretVerifier(config) : keySetVerifier(config);
  return async (authorization) => {
    if (authorization === undefined) return { kind: 'refused', reason: 'A bearer token is needed.' };
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1];
    if (token === undefined) return { kind: 'refused', reason: 'The Authorization header is no bearer token.' };
    return check(verify, token);
  };
}

/**
 * `Act-As seller s-1001`, the id encoded as in an address. It proves nothing, and needs not: it is read only where everyone may do
 * everything, and can only take rights away.
 */
function actedAs(authorization = ''): Caller | undefined {
  const [, role, encoded = ''] = /^Act-As +(\w+) +(\S+)$/.exec(authorization) ?? [];
  const caller = CALLER.safeParse({ role, sub: decoded(encoded) });
  return caller.success ? { ...caller.data, acted: true } : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

async function check(verify: Verify, token: string): Promise<AuthResult> {
  let payload: JWTPayload;
  try {
    payload = await verify(token);
  } catch (error) {
    if (isTokensFault(error)) return NOT_VALID;
    throw new AuthenticationUnavailableError('cannot verify tokens', { cause: error });
  }
  const caller = CALLER.safeParse(payload);
  if (!caller.success) return { kind: 'refused', reason: 'The token has no subject, or no known role.' };
  // Where there is one, it was checked to be a number.
  if (payload.exp === undefined) return { kind: 'caller', caller: caller.data };
  const expiresAt = payload.exp * 1_000;
  return expiresAt <= Date.now() ? NOT_VALID : { kind: 'caller', caller: caller.data, expiresAt };
}

const NOT_VALID: AuthResult = { kind: 'refused', reason: 'The token is not valid, or no longer.' };

const CALLER = z.object({ role: z.enum(ROLES), sub: z.string().min(1) });

/** The kinds of key fix the algorithms: a public key is never taken for a secret, and `none` is never taken at all. */
function secretVerifier(config: AuthSettings & { kind: 'secret' }): Verify {
  const key = new TextEncoder().encode(config.secret);
  const options = verifyOptions(config, ['HS256']);
  return async (token) => (await jwtVerify(token, key, options)).payload;
}

function keySetVerifier(config: AuthSettings & { kind: 'jwks' }): Verify {
  const keySet = createKeySet(new URL(config.url));
  const options = verifyOptions(config, ['RS256', 'ES256']);
  return async (token) => {
    try {
      return (await jwtVerify(token, keySet, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      return await verifiedByAny(error, token, options);
    }
  };
}

/** A token need not say which key it is signed with (RFC 7515, 4.1.4): while keys are changed there are several. */
async function verifiedByAny(
  keys: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function verifyOptions(config: AuthSettings & { kind: 'secret' | 'jwks' }, algorithms: string[]): JWTVerifyOptions {
  const { issuer, audience } = config;
  return {
    algorithms,
    requiredClaims: ['sub'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
}

/** Everything else is a key set that cannot be fetched or read. */
function isTokensFault(error: unknown): boolean {
  const faults = [
    errors.JWTClaimValidationFailed,
    errors.JWTExpired,
    errors.JWTInvalid,
    errors.JWSInvalid,
    errors.JWSSignatureVerificationFailed,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
    errors.JWKSNoMatchingKey,
  ];
  return faults.some((fault) => error instanceof fault);
}
