import { SignJWT } from 'jose';
import type { Role } from '../../src/http/auth.ts';
import { createAuthenticator } from '../../src/http/auth.ts';

const SECRET = 'a-secret-of-thirty-two-bytes-and-more';

/** Checks the tokens of {@link bearer} as the service does. */
export const authenticate = createAuthenticator({
  kind: 'secret',
  secret: SECRET,
  issuer: undefined,
  audience: undefined,
});

/** The `Authorization` header of a caller. */
export async function bearer(role: Role, sub: string, expiresIn = '10m'): Promise<string> {
  const token = new SignJWT({ role, sub }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime(expiresIn);
  return `Bearer ${await token.sign(new TextEncoder().encode(SECRET))}`;
}
