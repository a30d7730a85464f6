/** What is said of freshness by what was read so is a little older than it need be, never newer. */
const MAX_AGE_MS = 500;

/**
 * Reads what others write for everyone who asks within half a second: once, also where several ask while it is being read. What failed is
 * remembered by nobody, and asked again by the next one.
 * @param now milliseconds of a clock that is never put back
 */
export function rememberBriefly<T>(read: () => Promise<T>, now = () => performance.now()): () => Promise<T> {
  let last: { readonly readAt: number; readonly value: Promise<T> } | undefined;
  return async () => {
    if (last && now() - last.readAt < MAX_AGE_MS) return await last.value;
    const reading = { readAt: now(), value: read() };
    last = reading;
    reading.value.catch(() => {
      if (last === reading) last = undefined;
    });
    return await reading.value;
  };
}
