import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import type { Environment } from './running-service.ts';
import type { TestDatabase } from './postgresql.ts';

const MAIN = new URL('../../examples/order-service/main.ts', import.meta.url).pathname;

export interface RunningOrderService {
  readonly url: string;
  /** Resolves with the exit code or signal when it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** With a JSON body; the answer's. Rejects where the service is gone. */
  ask(method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: unknown }>;
  /** SIGTERM; resolves when it has stopped. */
  stop(): Promise<void>;
}

/** The example, as a process of its own. @throws Error with its output when it ends before it listens */
export async function startOrderService(env: Environment): Promise<RunningOrderService> {
  const { PATH, HOME, NODE_V8_COVERAGE } = process.env;
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, NODE_V8_COVERAGE, PORT: '0', ...env },
  });
  const ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
  const said: string[] = [];
  const { promise: listening, resolve } = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line);
      const url = /the order service is at (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  }
  const url = await Promise.race([listening, ended.then(() => undefined)]);
  if (url === undefined) throw new Error(`the order service ended before it listened:\n${said.join('\n')}`);
  return {
    url,
    ended,
    ask: async (method, path, body) => {
      const response = await fetch(url + path, {
        method,
        headers: { 'Content-Type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** What a new order is made of. */
export function placedData(name = 'Ann Example') {
  return {
    customer: { id: 'c-1', name },
    sellerId: 's-1',
    currency: 'EUR',
    items: [{ sku: 'L-1', name: 'Lantern', quantity: 2, unitPriceCents: 1_250 }],
    totalCents: 2_500,
    tags: [],
  };
}

/** Every event that was committed, in the order of the outbox. */
export async function committedEvents({ pool }: TestDatabase): Promise<CloudEvent[]> {
  const { rows } = await pool.query<{ event: CloudEvent }>('SELECT event FROM order_outbox ORDER BY position');
  return rows.map(({ event }) => event);
}

export async function unpublishedEvents({ pool }: TestDatabase): Promise<number> {
  return (await pool.query('SELECT 1 FROM order_outbox WHERE published_at IS NULL')).rows.length;
}
