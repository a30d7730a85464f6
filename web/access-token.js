const KEY = 'order-search-token';

/** The caller's token, where there is one. */
export function readToken() {
  return sessionStorage.getItem(KEY);
}

/** Keeps the caller's token for this tab. @param {string} token */
export function signIn(token) {
  sessionStorage.setItem(KEY, token);
}
