import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { generateEvents } from './generate-events.ts';
import { publish } from './drain.ts';
import { eventually } from './eventually.ts';
import { commandOf, ended, installPythonPackage } from './python-package.ts';
import { startService, untilReady } from './running-service.ts';
import type { Environment } from './running-service.ts';
import { testBackend } from './test-backend.ts';

const SCHEMATHESIS = { name: 'schemathesis', version: '4.32.5' };
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];
/** A stream of events has no end to wait for. */
const ENDLESS = '/progress$';
/** Longer than a reader may wait for a version. */
const REQUEST_TIMEOUT_SECONDS = 20;
const ORDERS = 50;
/** The examples of the OpenAPI document. */
const EXAMPLE = { orderId: 'A-1001', customerId: 'c-1001', sellerId: 's-1001' };

export interface Fuzzed {
  /** Nothing was found. */
  readonly isClean: boolean;
  readonly output: string;
}

/** @throws Error with one line that says what it lacks */
export async function installSchemathesis(): Promise<void> {
  await installPythonPackage(SCHEMATHESIS);
}

/**
 * Holds a running service to its own OpenAPI document: no answer may be a 500, or one that the document does not tell of. The seed is
 * fixed, so that a finding stays one.
 */
async function fuzz(environment: Environment, options: readonly string[]): Promise<Fuzzed> {
  // It leaves notes where it runs.
  const folder = mkdtempSync(join(tmpdir(), 'order-search-fuzz-'));
  const service = await startService({ RATE_LIMIT_PER_MINUTE: '0', ...environment });
  try {
    await untilReady(service);
    await eventually(async () => {
      // Without aggregates a 503 would be right, and found.
      for (const path of [`/orders/${EXAMPLE.orderId}`, `/sellers/${EXAMPLE.sellerId}/dashboard`, '/revenue/daily']) {
        const { status } = await service.get(path);
        if (status !== 200) throw new Error(`${path}: ${status}`);
      }
    });
    const args = [
      ...['run', `${service.url}/openapi.json`, '--checks', CHECKS.join(','), '--phases', 'examples,coverage,fuzzing'],
      ...['--seed', '1', '--exclude-path-regex', ENDLESS, '--no-color'],
      ...['--request-timeout', String(REQUEST_TIMEOUT_SECONDS), ...options],
    ];
    const { code, output } = await ended(commandOf(SCHEMATHESIS), args, folder);
    return { isClean: code === 0, output };
  } finally {
    rmSync(folder, { recursive: true });
    await service.stop();
  }
}

/** The first order is the one that the examples name. */
function orders(): CloudEvent[] {
  const events = generateEvents({ seed: 'fuzz', orders: ORDERS });
  const first = events[0];
  if (first?.type !== 'order.placed.v2') throw new Error('the first order is of the older shape: take another seed');
  const renamed = { subject: EXAMPLE.orderId, partitionkey: EXAMPLE.orderId };
  const customer = { id: EXAMPLE.customerId, name: 'Ann Example' };
  return events.map((event) => {
    if (event === first) return { ...event, ...renamed, data: { ...event.data, customer, sellerId: EXAMPLE.sellerId } };
    return event.subject === first.subject ? { ...event, ...renamed } : event;
  });
}

/** @param options of Schemathesis */
export async function fuzzEmbedded(options: readonly string[]): Promise<Fuzzed> {
  const dataDir = mkdtempSync(join(tmpdir(), 'order-search-fuzz-'));
  try {
    const broker = createEmbeddedBroker({ dataDir, prefix: 'orders', deliveryLimit: 50, log: createLogger('silent') });
    await broker.open();
    await broker.publish(orders().map(outgoingOf));
    await broker.close();
    return await fuzz({ DATA_DIR: dataDir }, options);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

/** Against RabbitMQ and Elasticsearch. @param options of Schemathesis */
export async function fuzzServices(options: readonly string[]): Promise<Fuzzed> {
  const backend = await testBackend();
  try {
    const first = await startService(backend.environment);
    await untilReady(first);
    await publish(backend, orders());
    await first.stop();
    return await fuzz(backend.environment, options);
  } finally {
    await backend.remove();
  }
}
