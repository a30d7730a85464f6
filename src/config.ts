import { z } from 'zod';
import { combinationProblems } from './config/combinations.ts';
import type { Given } from './config/combinations.ts';
import {
  amount,
  credentialsOf,
  flag,
  haveWholeCredentials,
  hostName,
  hosts,
  isNotReserved,
  isWebUrl,
  list,
  matching,
  oneOf,
  origin,
  wholeNumber,
} from './config/values.ts';

/**
 * The environment of contract §5, understood. Read once, at start, by `main` and `cli`; everything else is handed values.
 * CA files are paths here: whoever opens connections reads them.
 */
export interface Config {
  readonly backend: EmbeddedBackend | ServicesBackend;
  readonly prefix: string;
  readonly exchange: string;
  readonly bindingKeys: readonly string[];
  readonly role: 'all' | 'api' | 'projector';
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Undefined where callers have to say who they are: then any name will do. */
    readonly allowedHosts: readonly string[] | undefined;
    readonly corsOrigins: readonly string[];
    /** Of each caller; undefined: no limit. */
    readonly requestsPerMinute: number | undefined;
    readonly trustedProxies: number;
  };
  readonly auth: AuthConfig;
  readonly projector: ProjectorConfig;
  readonly index: { readonly shards: number; readonly replicas: number; readonly refreshInterval: string };
  readonly history: { readonly maxAge: string; readonly maxBytes: number | undefined };
  readonly rollups: {
    readonly intervalMs: number;
    /** Undefined: days are kept for ever. */
    readonly retentionDays: number | undefined;
    readonly lateGraceSeconds: number;
  };
  readonly rebuild: {
    readonly auto: boolean;
    readonly standbyTtlHours: number;
    /** Undefined: no rebuild from a file. */
    readonly importDir: string | undefined;
  };
  readonly logLevel: LogLevel;
  readonly otlpEndpoint: string | undefined;
}

export interface EmbeddedBackend {
  readonly kind: 'embedded';
  readonly dataDir: string;
}

export interface ServicesBackend {
  readonly kind: 'services';
  readonly amqp: {
    /** One a host, each with its credentials and virtual host. */
    readonly urls: readonly string[];
    readonly caFile: string | undefined;
  };
  readonly elasticsearch: {
    /** One a host, without credentials. */
    readonly urls: readonly string[];
    readonly auth: ElasticsearchAuth | undefined;
    readonly caFile: string | undefined;
  };
}

export type ElasticsearchAuth =
  | { readonly kind: 'apiKey'; readonly apiKey: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string };

export type AuthConfig =
  /** Everyone is an admin. `reason`: why that is allowed. */
  | { readonly kind: 'off'; readonly reason: 'embedded' | 'AUTH=off' }
  | ({ readonly kind: 'secret'; readonly secret: string } & TokenClaims)
  | ({ readonly kind: 'jwks'; readonly url: string } & TokenClaims);

/** Checked only where they are set. */
export interface TokenClaims {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

export interface ProjectorConfig {
  readonly prefetch: number;
  readonly batchSize: number;
  readonly batchDelayMs: number;
  readonly bulkConcurrency: number;
  readonly singleActiveConsumer: boolean;
  readonly deliveryLimit: number;
  readonly maxMessageBytes: number;
  readonly maxStoredEvents: number;
  readonly gapGraceSeconds: number;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  /** One line a mistake: the variable, its value unless it may be a secret, the remedy. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Never shown in a message, not even when they are wrong. The URLs may carry a password. */
const SECRETS: ReadonlySet<string> = new Set([
  'AMQP_URL',
  'ELASTICSEARCH_URL',
  'ELASTICSEARCH_API_KEY',
  'ELASTICSEARCH_PASSWORD',
  'AUTH_JWT_SECRET',
  'AUTH_JWKS_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
]);

/** Taken to the letter; all other values are trimmed. */
const VERBATIM: ReadonlySet<string> = new Set(['ELASTICSEARCH_PASSWORD', 'AUTH_JWT_SECRET']);

const HOUR_SECONDS = 3_600;
const YEAR_SECONDS = 366 * 24 * HOUR_SECONDS;
const MIB = 1_048_576;
const RESERVED_REMEDY = "use another name than amq and those that begin with amq.: they are RabbitMQ's own";
const PREDEFINED_TOPIC = 'amq.topic';
const RESERVED_EXCHANGE_REMEDY = `of the names that begin with amq., which are RabbitMQ's own, only ${PREDEFINED_TOPIC} is a topic exchange; use it, or another name`;

const VARIABLES = z.object({
  AMQP_URL: hosts(['amqp', 'amqps']).optional(),
  AMQP_CA: z.string().optional(),
  ELASTICSEARCH_URL: hosts(['http', 'https'])
    .refine(haveWholeCredentials, 'name a user and its password, or neither of them')
    .optional(),
  ELASTICSEARCH_API_KEY: z.string().optional(),
  ELASTICSEARCH_USERNAME: z.string().optional(),
  ELASTICSEARCH_PASSWORD: z.string().optional(),
  ELASTICSEARCH_CA: z.string().optional(),
  PREFIX: matching(
    /^[a-z0-9][a-z0-9._-]{0,79}$/,
    'use at most 80 of a-z 0-9 . _ -, starting with a letter or digit: it names queues and indices',
  )
    // Its queues are called <prefix>.projector and so on.
    .refine((prefix) => isNotReserved(`${prefix}.`), RESERVED_REMEDY)
    .default('orders'),
  EXCHANGE: matching(/^[\w.:-]{1,127}$/, 'use at most 127 of letters, digits, . _ : -')
    .refine((name) => name === PREDEFINED_TOPIC || isNotReserved(name), RESERVED_EXCHANGE_REMEDY)
    .optional(),
  BINDING_KEYS: list(
    matching(/^[^\s,]+$/u, 'use routing keys such as order.#, separated by commas').refine(
      (key) => Buffer.byteLength(key) <= 255,
      'use routing keys of at most 255 bytes',
    ),
  ).default(['order.#']),
  HOST: matching(/^[\w.:%-]{1,253}$/, 'use a host name or address to listen on, such as 127.0.0.1 or 0.0.0.0').default(
    '127.0.0.1',
  ),
  PORT: wholeNumber(0, 65_535).default(3_000),
  ROLE: oneOf(['all', 'api', 'projector']).default('all'),
  PREFETCH: wholeNumber(1, 65_535).default(10_000),
  BATCH_SIZE: wholeNumber(1, 10_000).default(1_000),
  BATCH_DELAY_MS: wholeNumber(0, 10_000).default(50),
  BULK_CONCURRENCY: wholeNumber(1, 64).default(2),
  SINGLE_ACTIVE_CONSUMER: flag().default(true),
  DELIVERY_LIMIT: wholeNumber(1, 1_000_000).default(50),
  MAX_MESSAGE_BYTES: wholeNumber(256, 128 * MIB).default(4 * MIB),
  SHARDS: wholeNumber(1, 1_024).default(1),
  REPLICAS: wholeNumber(0, 10).default(1),
  REFRESH_INTERVAL: matching(/^([1-9]\d{1,4}ms|[1-9]\d?s|[1-5]m)$/, 'use a time such as 500ms, 1s or 1m').default('1s'),
  ROLLUP_INTERVAL_MS: wholeNumber(100, HOUR_SECONDS * 1_000).default(5_000),
  ROLLUP_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
  GAP_GRACE_SECONDS: wholeNumber(0, YEAR_SECONDS).default(60),
  LATE_GRACE_SECONDS: wholeNumber(0, YEAR_SECONDS).default(HOUR_SECONDS),
  MAX_STORED_EVENTS: wholeNumber(1, 100_000).default(1_000),
  STANDBY_TTL_HOURS: amount(0, 8_784).default(24),
  AUTO_REBUILD: flag().default(false),
  IMPORT_DIR: z.string().optional(),
  DATA_DIR: z.string().default('data'),
  HISTORY_MAX_AGE: matching(/^[1-9]\d{0,8}[YMDhms]$/, 'use a number and one of Y M D h m s, such as 30D').default(
    '30D',
  ),
  HISTORY_MAX_BYTES: wholeNumber(MIB, Number.MAX_SAFE_INTEGER).optional(),
  AUTH: oneOf(['off']).optional(),
  AUTH_JWT_SECRET: z.string().optional(),
  AUTH_JWKS_URL: z.string().refine(isWebUrl, 'use the http(s) URL of a JSON Web Key Set').optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  ALLOWED_HOSTS: list(
    hostName('use host names such as orders.example, separated by commas, without a scheme or a port'),
  ).default([]),
  CORS_ORIGINS: list(
    origin('use origins such as https://shop.example, separated by commas, without a path or a default port'),
  ).default([]),
  RATE_LIMIT_PER_MINUTE: wholeNumber(0, 10_000_000).default(0),
  TRUSTED_PROXIES: wholeNumber(0, 16).default(0),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().refine(isWebUrl, 'use the http(s) URL of an OTLP collector').optional(),
});

type Values = z.output<typeof VARIABLES>;

/**
 * Reads the configuration from environment variables. Empty values count as unset, unknown variables are ignored, and bad values
 * never throw: every mistake is a line of `problems`.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const given = knownAndSet(env);
  const parsed = VARIABLES.safeParse(given);
  const problems = [...(parsed.success ? [] : describeIssues(parsed.error, given)), ...combinationProblems(given)];
  if (!parsed.success || problems.length > 0) return { ok: false, problems };
  return { ok: true, config: toConfig(parsed.data) };
}

function knownAndSet(env: Readonly<Record<string, string | undefined>>): Given {
  const read = (name: string) => (VERBATIM.has(name) ? env[name] : env[name]?.trim());
  const entries = Object.keys(VARIABLES.shape).map((name) => [name, read(name)] as const);
  return Object.fromEntries(entries.filter((entry): entry is readonly [string, string] => !!entry[1]));
}

function describeIssues(error: z.ZodError, given: Given): string[] {
  const lines = error.issues.map((issue) => {
    const name = String(issue.path[0]);
    const value = SECRETS.has(name) ? '(value not shown)' : JSON.stringify(given[name]);
    return `${name}=${value}: ${issue.message}`;
  });
  return [...new Set(lines)];
}

function toConfig(values: Values): Config {
  const embedded = !values.AMQP_URL || !values.ELASTICSEARCH_URL;
  const auth = toAuth(values, embedded);
  return {
    backend: embedded ? { kind: 'embedded', dataDir: values.DATA_DIR } : toServices(values),
    prefix: values.PREFIX,
    exchange: values.EXCHANGE ?? values.PREFIX,
    bindingKeys: values.BINDING_KEYS,
    role: values.ROLE,
    http: toHttp(values, auth),
    auth,
    projector: toProjector(values),
    index: { shards: values.SHARDS, replicas: values.REPLICAS, refreshInterval: values.REFRESH_INTERVAL },
    history: { maxAge: values.HISTORY_MAX_AGE, maxBytes: values.HISTORY_MAX_BYTES },
    rollups: {
      intervalMs: values.ROLLUP_INTERVAL_MS,
      retentionDays: values.ROLLUP_RETENTION_DAYS,
      lateGraceSeconds: values.LATE_GRACE_SECONDS,
    },
    rebuild: { auto: values.AUTO_REBUILD, standbyTtlHours: values.STANDBY_TTL_HOURS, importDir: values.IMPORT_DIR },
    logLevel: values.LOG_LEVEL,
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
  };
}

function toHttp(values: Values, auth: AuthConfig): Config['http'] {
  return {
    host: values.HOST,
    port: values.PORT,
    allowedHosts: auth.kind === 'off' ? values.ALLOWED_HOSTS : undefined,
    corsOrigins: values.CORS_ORIGINS,
    requestsPerMinute: values.RATE_LIMIT_PER_MINUTE || undefined,
    trustedProxies: values.TRUSTED_PROXIES,
  };
}

function toProjector(values: Values): ProjectorConfig {
  return {
    prefetch: values.PREFETCH,
    batchSize: values.BATCH_SIZE,
    batchDelayMs: values.BATCH_DELAY_MS,
    bulkConcurrency: values.BULK_CONCURRENCY,
    singleActiveConsumer: values.SINGLE_ACTIVE_CONSUMER,
    deliveryLimit: values.DELIVERY_LIMIT,
    maxMessageBytes: values.MAX_MESSAGE_BYTES,
    maxStoredEvents: values.MAX_STORED_EVENTS,
    gapGraceSeconds: values.GAP_GRACE_SECONDS,
  };
}

function toServices(values: Values): ServicesBackend {
  const elasticsearch = credentialsOf(values.ELASTICSEARCH_URL ?? []);
  return {
    kind: 'services',
    amqp: { urls: values.AMQP_URL ?? [], caFile: values.AMQP_CA },
    elasticsearch: {
      urls: elasticsearch.urls,
      auth: toElasticsearchAuth(values) ?? elasticsearch.auth,
      caFile: values.ELASTICSEARCH_CA,
    },
  };
}

function toElasticsearchAuth(values: Values): ElasticsearchAuth | undefined {
  const { ELASTICSEARCH_API_KEY: apiKey, ELASTICSEARCH_USERNAME: username, ELASTICSEARCH_PASSWORD: password } = values;
  if (apiKey) return { kind: 'apiKey', apiKey };
  return username && password ? { kind: 'basic', username, password } : undefined;
}

function toAuth(values: Values, embedded: boolean): AuthConfig {
  const claims = { issuer: values.AUTH_ISSUER, audience: values.AUTH_AUDIENCE };
  if (values.AUTH_JWT_SECRET) return { kind: 'secret', secret: values.AUTH_JWT_SECRET, ...claims };
  if (values.AUTH_JWKS_URL) return { kind: 'jwks', url: values.AUTH_JWKS_URL, ...claims };
  return { kind: 'off', reason: embedded && !values.AUTH ? 'embedded' : 'AUTH=off' };
}
