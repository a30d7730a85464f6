const TOKEN = 'order-search-token';
const ACTING = 'order-search-acting';

/**
 * @typedef {'customer' | 'seller' | 'support' | 'admin'} Role
 * @typedef {{ role: Role, sub: string }} Caller
 */

/** What a bearer token may consist of (RFC 6750). Other characters no header can carry, or only some of them. */
const BEARER = /^[\w.~+/-]+=*$/;

/** Keeps the caller's token for this tab. @param {string} token @returns {boolean} false: it is none, and is not kept */
export function signIn(token) {
  if (!BEARER.test(token)) return false;
  sessionStorage.setItem(TOKEN, token);
  return true;
}

export function signOut() {
  sessionStorage.removeItem(TOKEN);
}

/** Asks from now on, in this tab, for what somebody else sees; counts only where nobody has to say who they are. @param {Caller | undefined} caller */
export function actAs(caller) {
  if (caller) sessionStorage.setItem(ACTING, JSON.stringify(caller));
  else sessionStorage.removeItem(ACTING);
}

/** What the `Authorization` header of a request has; undefined: there is none. */
export function authorization() {
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) return `Bearer ${token}`;
  const acting = readActing();
  return acting && `Act-As ${acting.role} ${encodeURIComponent(acting.sub)}`;
}

/** Who this tab asks as, as far as it can be told here: the service alone decides. Without a token, an admin. @returns {Caller} */
export function readCaller() {
  return readToken() ?? readActing() ?? { role: 'admin', sub: 'anonymous' };
}

/** Whom the tab's token names; undefined where there is none that can be read. @returns {Caller | undefined} */
export function readToken() {
  const [, payload = ''] = (sessionStorage.getItem(TOKEN) ?? '').split('.');
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    const { role, sub } = JSON.parse(new TextDecoder().decode(bytes));
    return { role, sub: String(sub) };
  } catch {
    // No token, or none of this kind: the service will say so.
    return undefined;
  }
}

/** @returns {Caller | undefined} */
function readActing() {
  const stored = sessionStorage.getItem(ACTING);
  return stored === null ? undefined : JSON.parse(stored);
}
