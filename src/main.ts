import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createApp, type App } from './app.ts';
import { readConfig, type Config } from './config.ts';
import { createLogger, type Logger } from './observability/logging.ts';
import type { ProtocolStep } from './projector/round.ts';

/** What is in hand may take this long to finish after the first signal. */
const STOP_LIMIT_MS = 10_000;

const CONFIGURATION_ERRORS: ReadonlySet<unknown> = new Set([
  'INDEX_CONFIGURATION',
  'BROKER_TOPOLOGY',
  'EADDRINUSE',
  'EACCES',
]);

async function main(): Promise<void> {
  const result = readConfig(process.env);
  if (!result.ok) {
    for (const problem of result.problems) process.stderr.write(`${problem}\n`);
    process.exitCode = 78; // EX_CONFIG of sysexits.h
    return;
  }
  const { config } = result;
  const log = createLogger(config.logLevel);
  if (config.auth.kind === 'off' && config.auth.reason === 'AUTH=off')
    log.warn('AUTH=off: everyone may read and do everything');
  const app = createApp(config, {
    log,
    certificateAuthorities: readCertificateAuthorities(config),
    reached: faultPoint(process.env['ORDER_SEARCH_FAULT_POINT']),
  });
  stopOnSignals(app, log);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: the process ends');
    process.exit(1);
  });
  await run(app, log, config);
}

async function run(app: App, log: Logger, config: Config): Promise<void> {
  try {
    await app.start();
  } catch (error) {
    if ((error as Error).name === 'AbortError') return;
    if (!CONFIGURATION_ERRORS.has((error as { code?: unknown }).code)) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(78);
  }
  if (config.backend.kind === 'embedded') {
    const host = config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host;
    log.info(
      `Order Search is at http://${host}:${app.port()}, with sample orders arriving; data in ${config.backend.dataDir}`,
    );
  }
}

function readCertificateAuthorities({ backend }: Config) {
  if (backend.kind === 'embedded') return { amqp: undefined, elasticsearch: undefined };
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file, 'utf8'));
  return { amqp: read(backend.amqp.caFile), elasticsearch: read(backend.elasticsearch.caFile) };
}

/** The first signal stops in good order, the second one at once. */
function stopOnSignals(app: App, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info({ signal }, 'stopping');
    app.close(STOP_LIMIT_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, 'could not stop in good order');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/**
 * For the fault tests: `STEP[#N]:kill` ends the process with SIGKILL when the projector reaches that step (the Nth time), and
 * `STEP[#N]:stall=MS` holds it there.
 */
function faultPoint(text: string | undefined): (step: ProtocolStep) => Promise<void> {
  const match = /^([a-z -]+?)(?:#(\d+))?:(?:(kill)|stall=(\d+))$/.exec(text ?? '');
  if (!match) return () => Promise.resolve();
  const [, step, nth = '1', kill, stallMs] = match;
  let left = Number(nth);
  return async (reached) => {
    if (reached !== step || (left -= 1) !== 0) return;
    if (kill) process.kill(process.pid, 'SIGKILL');
    await delay(Number(stallMs ?? 0));
  };
}

await main();
