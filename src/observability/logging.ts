import { pino } from 'pino';
import type { DestinationStream, Level, Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

const SECRET_KEYS = ['password', 'secret', 'apiKey', 'authorization', 'token', 'cookie'];

/**
 * A structured logger, one JSON object a line, on the standard output unless a destination is given. Secrets are taken out
 * wherever they stand: under their usual keys, and credentials of URLs and bearer tokens inside any text (error messages
 * and stacks quote connection strings).
 */
export function createLogger(level: Level | 'silent', destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: 'order-search' },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
    hooks: { streamWrite: withoutCredentials },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** `amqp://user:pass@host` → `amqp://[redacted]@host`; `Bearer eyJ…` → `Bearer [redacted]`. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s"'/\\@]*(?:@[^\s"'/\\@]*)*@/gi, '$1[redacted]@')
    .replace(/\b(bearer|basic|apikey)(\s+)[\w~+/=.-]{8,}/gi, '$1$2[redacted]');
}
