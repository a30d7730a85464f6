/** Reads once for all who ask while it is being read: however many ask, there is one reading at a time. */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= read().finally(() => (underWay = undefined));
    return underWay;
  };
}
