import { createRemoteJWKSet, customFetch, type FetchImplementation, type JWTVerifyGetKey } from 'jose';

/** A key that was taken out of the set is believed for so long. */
const MAX_AGE_MS = 10 * 60_000;
/** After it was fetched it is not fetched again for so long, whatever keys are named: a new key is refused meanwhile. */
const COOLDOWN_MS = 1_000;
/** Neither where it could not be fetched: whoever sends tokens of keys that do not exist would keep its server busy. */
const FAILURE_COOLDOWN_MS = 5_000;

/**
 * The keys of a JSON Web Key Set (RFC 7517), fetched when they are first needed, when a token names one that is not known, and when they
 * are old. Where they cannot be fetched again the known ones go on: who is signed in does not depend on the provider's every minute.
 * @param now milliseconds of a clock that is never put back
 */
export function createKeySet(
  url: URL,
  { now = () => performance.now(), fetch = globalThis.fetch } = {},
): JWTVerifyGetKey {
  let loadedAt: number | undefined;
  let failure: { readonly at: number; readonly error: unknown } | undefined;
  const fetchKeys: FetchImplementation = async (...request) => {
    if (failure && now() - failure.at < FAILURE_COOLDOWN_MS) throw failure.error;
    try {
      const response = await fetch(...request);
      const at = now();
      if (response.status === 200) [loadedAt, failure] = [at, undefined];
      else failure = { at, error: new Error(`it answered ${response.status}`) };
      return response;
    } catch (error) {
      failure = { at: now(), error };
      throw error;
    }
  };
  const keySet = createRemoteJWKSet(url, {
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: Infinity,
    [customFetch]: fetchKeys,
  });
  return async (header, token) => {
    if (loadedAt !== undefined && now() - loadedAt > MAX_AGE_MS) {
      // It fails for nobody: the known keys go on, and it is tried again after the cooldown.
      const reloaded = keySet.reload().catch(() => undefined);
      // Nor does anybody wait again for a provider that has just not answered.
      if (!failure) await reloaded;
    }
    return await keySet(header, token);
  };
}
