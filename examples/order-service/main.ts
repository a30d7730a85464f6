import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'pg';
import { messageOf } from '../../src/broker/rabbitmq/connect.ts';
import { startTracing } from '../../src/observability/start-tracing.ts';
import type { Tracing } from '../../src/observability/tracing.ts';
import { pruneOutbox, Relay, type RelayStep } from '../../src/outbox/index.ts';
import { orderServiceApp } from './http.ts';
import { DDL } from './order-store.ts';
import { AmqpPublisher } from './publisher.ts';
import { pruneIntervalMs, readSettings, type Settings } from './settings.ts';

/** After this what is still being asked for is cut off. */
const STOP_LIMIT_MS = 5_000;

const onTrouble = (error: unknown): void => console.error(messageOf(error));

/** For the fault tests: `STEP#N:kill` ends the process as a crash would when the relay reaches that step the Nth time. */
function faultPoint(text: string | undefined): (step: RelayStep) => Promise<void> {
  const [, at, nth] = /^(\w+)#(\d+):kill$/.exec(text ?? '') ?? [];
  let left = Number(nth);
  return async (step) => {
    if (step === at && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

/** One line for each, and no more: the process ends once nothing is open. */
function refuse(...problems: readonly string[]): void {
  for (const problem of problems) console.error(problem);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  if (!('PORT' in settings)) {
    refuse(...settings);
    return;
  }
  const pool = new Pool({ connectionString: settings.POSTGRES_URL });
  // Of connections that are idle; whoever uses one hears of it by what it does.
  pool.on('error', onTrouble);
  try {
    await pool.query(DDL);
  } catch (error) {
    refuse(`POSTGRES_URL: PostgreSQL cannot be used (${messageOf(error)})`);
    await pool.end();
    return;
  }
  // Without an endpoint nothing of OpenTelemetry is loaded.
  const tracing = await startTracing(settings.OTEL_EXPORTER_OTLP_ENDPOINT, 'order-service', {
    warn: (fields, message) => console.error(message, fields),
  });
  const server = await listen(pool, tracing, settings);
  if (server) {
    run(server, pool, tracing, settings);
    return;
  }
  await pool.end();
  await tracing?.close();
}

async function listen(pool: Pool, tracing: Tracing | undefined, { HOST, PORT }: Settings): Promise<Server | undefined> {
  const server = orderServiceApp(pool, tracing).listen(PORT, HOST);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    refuse(`HOST=${HOST}, PORT=${PORT}: cannot be listened on (${messageOf(error)})`);
    return undefined;
  }
}

/** Until a signal. */
function run(server: Server, pool: Pool, tracing: Tracing | undefined, settings: Settings): void {
  const { AMQP_URL, EXCHANGE, HOST, OUTBOX_RETENTION_SECONDS, RELAY_FAULT_POINT } = settings;
  const publisher = new AmqpPublisher(AMQP_URL, EXCHANGE, tracing);
  const publish = publisher.publish.bind(publisher);
  const relay = new Relay({ pool, publish, onTrouble, reached: faultPoint(RELAY_FAULT_POINT) });
  relay.start();

  const prune = (): void => {
    pruneOutbox(pool, new Date(Date.now() - OUTBOX_RETENTION_SECONDS * 1_000)).catch(onTrouble);
  };
  prune();
  const pruning = setInterval(prune, pruneIntervalMs(OUTBOX_RETENTION_SECONDS));
  console.log(`the order service is at http://${HOST}:${(server.address() as AddressInfo).port}`);

  async function stop(): Promise<void> {
    server.close();
    server.closeIdleConnections();
    const cut = setTimeout(() => server.closeAllConnections(), STOP_LIMIT_MS);
    await once(server, 'close');
    clearTimeout(cut);
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
}

await main();
