import { enableCompileCache } from 'node:module';
import type { App } from './app.ts';
import { readCertificateAuthority } from './config/certificate-authority.ts';
import { importDirProblem } from './config/import-dir.ts';
import { configWarnings } from './config/warnings.ts';
import type { Config } from './config.ts';
import type { Logger } from './observability/logging.ts';
import { startTracing } from './observability/start-tracing.ts';
import type { Tracing } from './observability/tracing.ts';

/** What is in hand may take this long to finish after the first signal. */
const STOP_LIMIT_MS = 10_000;
/** And closing the rest this long after it: a service that does not answer must not hold the process. */
const CLOSE_GRACE_MS = 1_000;
/** Of sysexits.h. */
const EX_CONFIG = 78;

const CONFIGURATION_ERRORS: ReadonlySet<unknown> = new Set([
  'INDEX_CONFIGURATION',
  'BROKER_TOPOLOGY',
  'DATABASE_IN_USE',
  'DATA_DIR_UNUSABLE',
  'ADDRESS_UNUSABLE',
]);

async function main(): Promise<void> {
  // Of what is imported from now on, stripped of its types: that is most of a start. Where nothing can be kept it is compiled each time.
  enableCompileCache();
  const [{ readConfig }, { createLogger }] = await Promise.all([
    import('./config.ts'),
    import('./observability/logging.ts'),
  ]);
  const result = readConfig(process.env);
  if (!result.ok) {
    refuse(result.problems);
    return;
  }
  const { config } = result;
  const log = createLogger(config.logLevel);
  for (const warning of configWarnings(config)) log.warn(warning);
  const { certificateAuthorities, problems } = readCertificateAuthorities(config);
  const unreadable = [...problems, importDirProblem(config)].filter((one) => one !== undefined);
  if (unreadable.length > 0) {
    refuse(unreadable);
    return;
  }
  const tracing = await startTracing(config.otlpEndpoint, 'order-search', log);
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: the process ends');
    process.exit(1);
  });
  const { createApp } = await import('./app.ts');
  const app = await unlessMisconfigured(() => createApp(config, { log, tracing, certificateAuthorities }));
  stopOnSignals(app, tracing, log);
  await run(app, log, config);
}

function readCertificateAuthorities({ backend }: Config) {
  const services = backend.kind === 'services' ? backend : undefined;
  const amqp = readCertificateAuthority('AMQP_CA', services?.amqp.caFile);
  const elasticsearch = readCertificateAuthority('ELASTICSEARCH_CA', services?.elasticsearch.caFile);
  return {
    certificateAuthorities: { amqp: amqp.pem, elasticsearch: elasticsearch.pem },
    problems: [amqp.problem, elasticsearch.problem],
  };
}

function refuse(problems: readonly string[]): void {
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = EX_CONFIG;
}

/** Ends the process where something has to be configured otherwise. @throws what else the step throws */
async function unlessMisconfigured<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!CONFIGURATION_ERRORS.has((error as { code?: unknown }).code)) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(EX_CONFIG);
  }
}

async function run(app: App, log: Logger, config: Config): Promise<void> {
  try {
    await unlessMisconfigured(() => app.start());
  } catch (error) {
    if ((error as Error).name === 'AbortError') return;
    throw error;
  }
  if (config.backend.kind === 'embedded') {
    const host = config.http.host.includes(':') ? `[${config.http.host}]` : config.http.host;
    const samples = app.sendsSampleOrders() ? ', with sample orders arriving' : '';
    log.info(`Order Search is at http://${host}:${app.port()}${samples}; data in ${config.backend.dataDir}`);
  }
}

/** The first signal stops in good order, the second one at once. */
function stopOnSignals(app: App, tracing: Tracing | undefined, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.warn('something does not answer: what is unsettled will be delivered again');
      process.exit(0);
    }, STOP_LIMIT_MS + CLOSE_GRACE_MS).unref();
    closeBoth(app, tracing).then(
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

/** The spans of what was finished last are exported too. */
async function closeBoth(app: App, tracing: Tracing | undefined): Promise<void> {
  await app.close(STOP_LIMIT_MS);
  await tracing?.close();
}

await main();
