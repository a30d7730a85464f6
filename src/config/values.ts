import { z } from 'zod';

/** Schemas for single environment values: a string in, a typed value out; each message says what to put there instead. */

export function wholeNumber(min: number, max: number) {
  return z
    .string()
    .refine(
      (text) => /^\d{1,16}$/.test(text) && Number(text) >= min && Number(text) <= max,
      `use a whole number from ${min} to ${max}`,
    )
    .transform(Number);
}

/** Decimals allowed. */
export function amount(min: number, max: number) {
  return z
    .string()
    .refine(
      (text) => /^\d{1,16}(\.\d{1,6})?$/.test(text) && Number(text) >= min && Number(text) <= max,
      `use a number from ${min} to ${max}`,
    )
    .transform(Number);
}

export function flag() {
  return z
    .string()
    .refine((text) => /^(true|false)$/i.test(text), 'use true or false')
    .transform((text) => text.toLowerCase() === 'true');
}

export function oneOf<const T extends readonly [string, ...string[]]>(choices: T) {
  const message = choices.length === 1 ? `use ${choices[0]}, or leave it unset` : `use one of ${choices.join(', ')}`;
  return z.enum(choices, { error: message });
}

export function matching(pattern: RegExp, remedy: string) {
  return z.string().regex(pattern, remedy);
}

/** RabbitMQ lets nobody declare a queue of such a name, nor an exchange that it has not made itself. */
export function isNotReserved(name: string): boolean {
  return !name.startsWith('amq.');
}

/** Separated by commas; empty parts are ignored. */
export function list(part: z.ZodType<string, string>) {
  return z
    .string()
    .transform((text) => splitList(text))
    .pipe(z.array(part).min(1, 'use at least one value'));
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const ENCODING_REMEDY = 'use %25 for a % in the user, the password or the path (the virtual host)';

/**
 * URLs of one service on several hosts, in either way of writing them: `amqp://u:p@a/v,amqp://u:p@b/v` or
 * `amqp://u:p@a,b:5673/v`, where the hosts share what is before and behind them.
 */
export function hosts(schemes: readonly string[]) {
  const remedy = `use ${schemes.map((scheme) => `${scheme}://host:port`).join(' or ')}, several hosts separated by commas`;
  return z.string().transform((text, context) => {
    const urls = text.split(/,\s*(?=[a-z][a-z0-9+.-]*:\/\/)/i).flatMap(expandHosts);
    // Whoever connects decodes user and password, and RabbitMQ's virtual host, which is the path.
    const isEncoded = (url: string) => hasEncodedCredentials(url) && decodes(new URL(url).pathname);
    const hasHosts = urls.length > 0 && urls.every((url) => isUrlOf(url, schemes));
    if (hasHosts && urls.every(isEncoded)) return urls;
    context.addIssue({ code: 'custom', message: hasHosts ? ENCODING_REMEDY : remedy });
    return z.NEVER;
  });
}

function expandHosts(text: string): string[] {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(?:([^/]*)@)?([^/@]*)(\/.*)?$/is.exec(text);
  if (!match) return [text];
  const [, scheme = '', credentials, names = '', path = ''] = match;
  const before = credentials === undefined ? scheme : `${scheme}${credentials}@`;
  return names.split(',').map((host) => `${before}${host.trim()}${path}`);
}

function isUrlOf(text: string, schemes: readonly string[]): boolean {
  const url = URL.parse(text);
  return url !== null && url.hostname !== '' && schemes.includes(url.protocol.slice(0, -1));
}

export function isWebUrl(text: string): boolean {
  return isUrlOf(text, ['http', 'https']) && hasEncodedCredentials(text);
}

function hasEncodedCredentials(url: string): boolean {
  const { username, password } = new URL(url);
  return decodes(username) && decodes(password);
}

/** Scheme, host and port alone, one host and not many, as a browser sends them in `Origin`: in lower case, and without a default port. */
export function origin(remedy: string) {
  const isOrigin = (text: string) => isWebUrl(text) && !text.includes('*') && URL.parse(text)?.origin === text;
  return z
    .string()
    .transform((text) => text.toLowerCase())
    .refine(isOrigin, remedy);
}

/** In lower case, as a URL has it. */
export function hostName(remedy: string) {
  return z
    .string()
    .transform((text) => text.toLowerCase())
    .refine((text) => URL.parse(`http://${text}`)?.hostname === text, remedy);
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Elasticsearch knows no user without a password. */
export function haveWholeCredentials(urls: readonly string[]): boolean {
  return urls.map((url) => new URL(url)).every(({ username, password }) => (username === '') === (password === ''));
}

/** Takes the credentials out of URLs (they share one pair), so that these may be logged. */
export function credentialsOf(urls: readonly string[]): {
  urls: string[];
  auth: { kind: 'basic'; username: string; password: string } | undefined;
} {
  const parsed = urls.map((url) => new URL(url));
  const first = parsed.find((url) => url.username !== '');
  const auth = first && {
    kind: 'basic' as const,
    username: decodeURIComponent(first.username),
    password: decodeURIComponent(first.password),
  };
  for (const url of parsed) {
    url.username = '';
    url.password = '';
  }
  return { urls: parsed.map((url) => url.href), auth };
}
