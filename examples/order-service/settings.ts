import { z } from 'zod';
import { wholeNumber } from '../../src/config/values.ts';

const WEEK_SECONDS = 604_800;
const PRUNE_INTERVAL_MS = { atLeast: 1_000, atMost: 3_600_000 };

const VARIABLES = z.object({
  POSTGRES_URL: z.string().default('postgres://postgres@127.0.0.1:5432/postgres'),
  AMQP_URL: z.string().default('amqp://guest:guest@127.0.0.1:5672'),
  EXCHANGE: z.string().default('orders'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3_100),
  /** For how long what was published stays in the outbox, to be looked at. */
  OUTBOX_RETENTION_SECONDS: wholeNumber(0, 999_999_999).default(WEEK_SECONDS),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  RELAY_FAULT_POINT: z.string().optional(),
});
export type Settings = z.infer<typeof VARIABLES>;

/** Of the environment, where empty is unset; or a line for each variable that is wrong. */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings | readonly string[] {
  const parsed = VARIABLES.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value)));
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path: [name], message }) => {
    return `${String(name)}=${JSON.stringify(env[String(name)])}: ${message}`;
  });
}

/** How often the outbox is pruned: as soon as something may have to go, but not without a pause. */
export function pruneIntervalMs(retentionSeconds: number): number {
  const { atLeast, atMost } = PRUNE_INTERVAL_MS;
  return Math.min(atMost, Math.max(atLeast, retentionSeconds * 1_000));
}
