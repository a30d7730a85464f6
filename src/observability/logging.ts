import { pino } from 'pino';
import type { DestinationStream, Level, LogFn, Logger as PinoLogger } from 'pino';
import { lineWithoutQuotedValues } from './quoted-values.ts';
import { limitRepetition, type Admit, type RepetitionLimits } from './repetition.ts';

export type Logger = PinoLogger;

const SECRET_KEYS = ['password', 'secret', 'apiKey', 'authorization', 'token', 'cookie'];
const REPETITION: RepetitionLimits = { lines: 5, windowMs: 60_000 };
/** Pino's numbers: from here on a line tells of a failure, and this one of the end. */
const WARN = 40;
const FATAL = 60;

/**
 * A structured logger, one JSON object a line, on the standard output unless a destination is given: `level`, `time` (RFC 3339), `service`,
 * `msg` and what the message is about, of events `eventId`, `orderId`, `sequence`.
 *
 * - Secrets are taken out wherever they stand: under their usual keys, and credentials of URLs and bearer tokens inside any text (error
 *   messages and stacks quote connection strings).
 * - No personal data: of errors only what they say themselves is written, never the request or document they carry, and no value that
 *   Elasticsearch quotes.
 * - The same failure is written a few times a minute; then one line says how often it was `repeated`.
 */
export function createLogger(
  level: Level | 'silent',
  destination?: DestinationStream,
  repetition: RepetitionLimits = REPETITION,
): Logger {
  const options = {
    level,
    base: { service: 'order-search' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
    serializers: { err: (error: unknown) => errorFields(error, MAX_CAUSES) },
    hooks: {
      logMethod: limited(limitRepetition(repetition)),
      streamWrite: (line: string) => lineWithoutQuotedValues(withoutCredentials(line)),
    },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** `amqp://user:pass@host` → `amqp://[redacted]@host`; `Bearer eyJ…` → `Bearer [redacted]`. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s"'/\\@]*(?:@[^\s"'/\\@]*)*@/gi, '$1[redacted]@')
    .replace(/\b(bearer|basic|apikey)(\s+)[\w~+/=.-]{8,}/gi, '$1$2[redacted]');
}

const MAX_CAUSES = 5;

interface ErrorFields {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorFields;
}

/** A client's error carries the request and the answer too, and with them whatever is in there. */
function errorFields(error: unknown, causes: number): ErrorFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: name,
    ...(typeof code === 'string' && { code }),
    message,
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && causes > 0 && { cause: errorFields(cause, causes - 1) }),
  };
}

/** What tells one failure from another under the same message; numbers in it do not. */
const TELLING = ['reason', 'path', 'connection', 'breaker', 'state', 'alarm', 'generation', 'rebuild', 'step', 'route'];

function limited(admit: Admit) {
  return function (this: Logger, args: Parameters<LogFn>, method: LogFn, level: number): void {
    const [fields, message] = (typeof args[0] === 'object' ? args : [{}, ...args]) as [Record<string, unknown>, string];
    const isFailure = level >= WARN && level < FATAL;
    const telling = tellingOf(fields);
    const failure = `${message} ${JSON.stringify(telling)}`.replace(/\d+/g, '#');
    const tellRest = (repeated: number) => method.apply(this, [{ ...telling, repeated }, message]);
    if (!isFailure || admit(failure, tellRest)) method.apply(this, args);
  };
}

function tellingOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { refusal, err } = fields;
  const all = { ...fields, ...(typeof refusal === 'object' && refusal) };
  const told = Object.entries(all).filter(([name]) => TELLING.includes(name));
  return { ...Object.fromEntries(told), ...(err instanceof Error && { reason: err.message }) };
}
