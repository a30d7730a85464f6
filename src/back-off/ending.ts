/**
 * Aborted with the service's own signal, for another reason: who waits for something rejects as in an outage, and not with an `AbortError`
 * that nobody knows.
 */
export function endingWith(stopping: AbortSignal, reason: Error): AbortSignal {
  const ending = new AbortController();
  stopping.addEventListener('abort', () => ending.abort(reason), { once: true });
  return ending.signal;
}
