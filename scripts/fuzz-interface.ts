/**
 * `npm run fuzz [-- SCHEMATHESIS OPTIONS]`: holds a running service to its own OpenAPI document. Schemathesis (from PyPI, into a virtual
 * environment under node_modules) calls every operation with what the document allows and with what it forbids: no answer may be a 500,
 * or one that the document does not tell of. Against the embedded default, and against RabbitMQ and Elasticsearch where they answer
 * (`scripts/services up`). The seed is fixed, so that a finding stays one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generateEvents } from '../src/sample/generate-events.ts';
import { publish } from '../test/support/drain.ts';
import { startService, untilReady } from '../test/support/running-service.ts';
import type { Environment } from '../test/support/running-service.ts';
import { testBackend } from '../test/support/test-backend.ts';

const VERSION = '4.32.5';
const ENVIRONMENT = 'node_modules/.cache/schemathesis';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];
/** A stream of events has no end to wait for. */
const ENDLESS = '/progress$';
const MAX_EXAMPLES = 25;
/** Longer than a reader may wait for a version. */
const REQUEST_TIMEOUT_SECONDS = 20;
const ORDERS = 50;

/** The exit code; null after a signal. */
async function endOf(command: string, args: readonly string[], folder = '.'): Promise<number | null> {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  return ((await once(child, 'exit')) as [number | null])[0];
}

async function run(command: string, args: readonly string[], folder?: string): Promise<void> {
  const code = await endOf(command, args, folder);
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}`);
}

async function install(): Promise<void> {
  if (existsSync(join(ENVIRONMENT, VERSION))) return;
  await run('python3', ['-m', 'venv', ENVIRONMENT]);
  await run(join(ENVIRONMENT, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`]);
  await run('touch', [join(ENVIRONMENT, VERSION)]);
}

async function fuzz(environment: Environment): Promise<void> {
  // It leaves notes where it runs.
  const folder = mkdtempSync(join(tmpdir(), 'order-search-fuzz-'));
  const service = await startService({ RATE_LIMIT_PER_MINUTE: '0', ...environment });
  try {
    await untilReady(service);
    const args = [
      ...['run', `${service.url}/openapi.json`, '--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing'],
      ...['--max-examples', String(MAX_EXAMPLES), '--seed', '1', '--exclude-path-regex', ENDLESS, '--no-color'],
      ...['--request-timeout', String(REQUEST_TIMEOUT_SECONDS), ...process.argv.slice(2)],
    ];
    await run(resolve(ENVIRONMENT, 'bin', 'schemathesis'), args, folder);
  } finally {
    rmSync(folder, { recursive: true });
    await service.stop();
  }
}

async function fuzzEmbedded(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'order-search-fuzz-'));
  try {
    await fuzz({ DATA_DIR: dataDir });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

async function fuzzServices(): Promise<void> {
  const backend = await testBackend();
  try {
    const first = await startService(backend.environment);
    await untilReady(first);
    await publish(backend, generateEvents({ seed: 'fuzz', orders: ORDERS }));
    await first.stop();
    await fuzz(backend.environment);
  } finally {
    await backend.remove();
  }
}

await install();
console.log('── the embedded default');
await fuzzEmbedded();
if ((await endOf('scripts/services', ['status'])) === 0) {
  console.log('── RabbitMQ and Elasticsearch');
  await fuzzServices();
}
