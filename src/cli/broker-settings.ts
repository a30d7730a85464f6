import { readCertificateAuthority } from '../config/certificate-authority.ts';
import { readConfig } from '../config.ts';
import type { Config } from '../config.ts';
import { hosts } from '../config/values.ts';

/** What the command line needs to know of RabbitMQ: the part of the service's own configuration (contract §5), so that both agree. */
export interface BrokerSettings {
  readonly urls: readonly string[];
  readonly caPem: string | undefined;
  readonly config: Pick<Config, 'prefix' | 'exchange' | 'bindingKeys' | 'projector' | 'history' | 'otlpEndpoint'>;
}

export interface BrokerFlags {
  readonly amqpUrl?: string;
  readonly exchange?: string;
  readonly prefix?: string;
}

export type BrokerSettingsResult =
  | { readonly ok: true; readonly settings: BrokerSettings }
  /** One line a mistake. */
  | { readonly ok: false; readonly problems: readonly string[] };

const SHARED = [
  'PREFIX',
  'EXCHANGE',
  'BINDING_KEYS',
  'SINGLE_ACTIVE_CONSUMER',
  'DELIVERY_LIMIT',
  'HISTORY_MAX_AGE',
  'HISTORY_MAX_BYTES',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
];

/** Flags come before the environment. Reads the file that `AMQP_CA` names. */
export function readBrokerSettings(
  env: Readonly<Record<string, string | undefined>>,
  flags: BrokerFlags,
): BrokerSettingsResult {
  // Without the addresses, of which the service needs both, and the command line one.
  const shared = Object.fromEntries(SHARED.map((name) => [name, env[name]]));
  const config = readConfig({
    ...shared,
    ...(flags.prefix === undefined ? {} : { PREFIX: flags.prefix }),
    ...(flags.exchange === undefined ? {} : { EXCHANGE: flags.exchange }),
  });
  const urls = readUrls(flags.amqpUrl ?? env['AMQP_URL']);
  const ca = readCertificateAuthority('AMQP_CA', env['AMQP_CA']?.trim() || undefined);
  const problems = [
    ...(config.ok ? [] : config.problems),
    ...urls.problems,
    ...(ca.problem === undefined ? [] : [ca.problem]),
  ];
  if (!config.ok || problems.length > 0) return { ok: false, problems };
  return { ok: true, settings: { urls: urls.urls, caPem: ca.pem, config: config.config } };
}

function readUrls(text: string | undefined): {
  readonly urls: readonly string[];
  readonly problems: readonly string[];
} {
  if (text === undefined || text.trim() === '') {
    return { urls: [], problems: ['AMQP_URL is not set: set it, or pass --amqp-url amqp://user:password@host:5672'] };
  }
  const parsed = hosts(['amqp', 'amqps']).safeParse(text.trim());
  if (parsed.success) return { urls: parsed.data, problems: [] };
  return { urls: [], problems: parsed.error.issues.map(({ message }) => `AMQP_URL (value not shown): ${message}`) };
}
