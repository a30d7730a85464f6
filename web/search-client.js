import { readToken } from './access-token.js';
import { createClient } from './client/index.ts';

/** There was no answer at all. */
export class NoAnswer extends Error {}

/**
 * The service that this page came from. What it does not answer rejects with NoAnswer; nothing is sent twice by itself, since the page
 * says what is wrong and asks again.
 */
export const service = createClient({
  url: new URL('.', location.href).href,
  token: () => readToken() ?? undefined,
  attempts: 1,
  fetch: (address, init) =>
    fetch(address, init).catch((error) => {
      init?.signal?.throwIfAborted();
      throw new NoAnswer(`The service does not answer (${error.message}).`);
    }),
});
