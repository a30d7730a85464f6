/** What is said of freshness by what was read so is a little older than it need be, never newer. */
const MAX_AGE_MS = 500;
/** From this age on it is read again in advance: where somebody asks all the time, nobody waits for it. */
const READ_AHEAD_AFTER_MS = 250;

/**
 * Reads what others write for everyone who asks within half a second: once, also where several ask while it is being read. What failed is
 * remembered by nobody, and asked again by the next one.
 * @param now milliseconds of a clock that is never put back
 */
export function cachedRead<T>(read: () => Promise<T>, now = () => performance.now()): () => Promise<T> {
  let known: { readonly readAt: number; readonly value: T } | undefined;
  let reading: { readonly readAt: number; readonly value: Promise<T> } | undefined;
  const begin = () => {
    const begun = { readAt: now(), value: read() };
    reading = begun;
    const end = () => {
      if (reading === begun) reading = undefined;
    };
    begun.value.then((value) => {
      if (known === undefined || known.readAt <= begun.readAt) known = { readAt: begun.readAt, value };
      end();
      // Who waits for it is told; read in advance it fails for nobody, and the next one reads it again.
    }, end);
    return begun;
  };
  return async () => {
    const at = now();
    const underWay = reading && at - reading.readAt < MAX_AGE_MS ? reading : undefined;
    if (known === undefined || at - known.readAt >= MAX_AGE_MS) return await (underWay ?? begin()).value;
    const { readAt, value } = known;
    if (underWay === undefined && at - readAt >= READ_AHEAD_AFTER_MS) begin();
    return value;
  };
}
