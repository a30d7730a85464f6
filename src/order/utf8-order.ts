/** Orders texts by their UTF-8 bytes, as both backends do; JavaScript's own order is another one beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The one that stands first by {@link compareUtf8}. */
export function firstByUtf8(a: string, b: string): string {
  return compareUtf8(b, a) < 0 ? b : a;
}
