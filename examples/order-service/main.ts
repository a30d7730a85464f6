import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { startTracing } from '../../src/observability/start-tracing.ts';
import { pruneOutbox, Relay, type RelayStep } from '../../src/outbox/index.ts';
import { orderServiceApp } from './http.ts';
import { DDL } from './order-store.ts';
import { AmqpPublisher } from './publisher.ts';

const {
  POSTGRES_URL = 'postgres://postgres@127.0.0.1:5432/postgres',
  AMQP_URL = 'amqp://guest:guest@127.0.0.1:5672',
  EXCHANGE = 'orders',
  HOST = '127.0.0.1',
  PORT = '3100',
  /** For how long what was published stays in the outbox, to be looked at: a week. */
  OUTBOX_RETENTION_SECONDS = '604800',
  OTEL_EXPORTER_OTLP_ENDPOINT,
  RELAY_FAULT_POINT,
} = process.env;
const PRUNE_INTERVAL_MS = 3_600_000;

/** For the fault tests: `STEP#N:kill` ends the process as a crash would when the relay reaches that step the Nth time. */
function faultPoint(text: string | undefined): (step: RelayStep) => Promise<void> {
  const [, at, nth] = /^(\w+)#(\d+):kill$/.exec(text ?? '') ?? [];
  let left = Number(nth);
  return async (step) => {
    if (step === at && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

const pool = new Pool({ connectionString: POSTGRES_URL });
const onTrouble = (error: unknown): void => console.error(error instanceof Error ? error.message : error);
// Of connections that are idle; whoever uses one hears of it by what it does.
pool.on('error', onTrouble);
await pool.query(DDL);

// Without an endpoint nothing of OpenTelemetry is loaded.
const tracing = await startTracing(OTEL_EXPORTER_OTLP_ENDPOINT, 'order-service', {
  warn: (fields, message) => console.error(message, fields),
});
const publisher = new AmqpPublisher(AMQP_URL, EXCHANGE, tracing);
const publish = publisher.publish.bind(publisher);
const relay = new Relay({ pool, publish, onTrouble, reached: faultPoint(RELAY_FAULT_POINT) });
relay.start();

const retentionMs = Number(OUTBOX_RETENTION_SECONDS) * 1_000;
const prune = (): void => {
  pruneOutbox(pool, new Date(Date.now() - retentionMs)).catch(onTrouble);
};
prune();
const pruning = setInterval(prune, Math.min(PRUNE_INTERVAL_MS, retentionMs));

const server = orderServiceApp(pool, tracing).listen(Number(PORT), HOST);
await once(server, 'listening');
console.log(`the order service is at http://${HOST}:${(server.address() as AddressInfo).port}`);

async function stop(): Promise<void> {
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  clearInterval(pruning);
  await relay.stop();
  await publisher.close();
  await pool.end();
  await tracing?.close();
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    stop().catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
  });
}
