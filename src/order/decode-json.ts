import { isUtf8 } from 'node:buffer';

/** UTF-8, without the byte order mark that it may begin with. */
export function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    .toString()
    .replace(/^\uFEFF/, '');
}

/** As JSON has objects: a list is none. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` also beside a problem, as far as there is one. */
export type DecodedJson = { readonly value: object } | { readonly problem: string; readonly value?: object };

export function decodeJson(body: Uint8Array): DecodedJson {
  if (!isUtf8(body)) return { problem: 'the message is not UTF-8' };
  const text = textOf(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `the message is not JSON: ${(error as Error).message}` };
  }
  if (!isObject(value)) {
    return { problem: 'the message is not a JSON object', ...(Array.isArray(value) && { value }) };
  }
  // Only an escape can bring a lone surrogate into valid UTF-8. It has no UTF-8 form, so two such ids would become one.
  if (/\\u[dD][89a-fA-F]/.test(text) && hasLoneSurrogate(value)) {
    return { problem: 'the message has a text with half a surrogate pair', value };
  }
  return { value };
}

function hasLoneSurrogate(value: unknown): boolean {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string' && !next.isWellFormed()) return true;
    if (typeof next === 'object' && next !== null) {
      for (const [key, field] of Object.entries(next)) open.push(key, field);
    }
  }
  return false;
}
