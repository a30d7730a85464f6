import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Pool } from 'pg';
import { ZodError } from 'zod';
import { untilTaken } from '../../src/http/event-stream.ts';
import type { Tracing } from '../../src/observability/tracing.ts';
import type { OutboxEvent } from '../../src/outbox/index.ts';
import { traceOf } from '../../src/order/parse-event.ts';
import { execute, exportSnapshots, findOrder, type Outcome } from './order-store.ts';
import { addressSchema, COMMANDS, type Command, type CommandName } from './orders.ts';
import { inSpan } from './spans.ts';

const ROUTES: readonly (readonly ['post' | 'put' | 'delete', string, CommandName])[] = [
  ['put', '/orders/:id', 'place'],
  ['post', '/orders/:id/payments', 'pay'],
  ['post', '/orders/:id/shipment', 'ship'],
  ['post', '/orders/:id/delivery', 'deliver'],
  ['post', '/orders/:id/cancellation', 'cancel'],
  ['post', '/orders/:id/refunds', 'refund'],
  ['post', '/orders/:id/corrections', 'correct'],
  ['delete', '/orders/:id', 'erase'],
];

/**
 * What shops and customers call. Every change answers with the order's `version`: `GET /orders/{id}?minVersion=` of the search waits for it.
 * Where spans are made, it is made in one, which goes on with the caller's trace.
 */
export function orderServiceApp(pool: Pool, tracing?: Tracing): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: '1mb' }));
  for (const [method, path, name] of ROUTES) {
    app[method](path, async (request: Request, response) => {
      const { id } = addressSchema.parse(request.params);
      const data = COMMANDS[name].parse(request.body ?? {});
      const command = { name, data } as Command;
      const start = { kind: 'server', parent: traceOf(request.headers), attributes: { 'http.route': path } } as const;
      const outcome = await inSpan(tracing, `${method.toUpperCase()} ${path}`, start, () =>
        execute(pool, id, command, new Date(), tracing),
      );
      answer(response, outcome, name);
    });
  }
  app.get('/orders/:id', async (request, response) => {
    const order = await findOrder(pool, addressSchema.parse(request.params).id);
    if (order) response.json(order);
    else answer(response, { kind: 'not_found' }, 'place');
  });
  app.post('/snapshots', (_request, response, next) => {
    response.type('application/x-ndjson');
    writeLines(exportSnapshots(pool), response).catch(next);
  });
  app.use(onError);
  return app;
}

function answer(response: Response, outcome: Outcome, name: CommandName): void {
  if (outcome.kind === 'done') response.status(name === 'place' ? 201 : 200).json({ version: outcome.version });
  else if (outcome.kind === 'refused') response.status(409).json({ title: 'Refused', detail: outcome.reason });
  else response.status(404).json({ title: 'Not found' });
}

/** NDJSON, no faster than it is taken; it ends with the connection. */
export async function writeLines(events: AsyncIterable<Pick<OutboxEvent, 'body'>>, response: Response): Promise<void> {
  for await (const { body } of events) {
    if (response.destroyed) return;
    if (!response.write(`${Buffer.from(body).toString()}\n`)) await untilTaken(response);
  }
  response.end();
}

const onError: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) next(error);
  else if (error instanceof ZodError) response.status(400).json({ title: 'Invalid', errors: error.issues });
  else if (error instanceof SyntaxError)
    response.status(400).json({ title: 'Invalid', detail: 'the body is not JSON' });
  else if (error instanceof URIError)
    response.status(400).json({ title: 'Invalid', detail: 'the path is not percent-encoded UTF-8' });
  else if (isClientError(error)) response.status(error.status).json({ title: 'Invalid', detail: error.message });
  else {
    console.error(error);
    response.status(500).json({ title: 'Failed' });
  }
};

/** What Express makes of a body that it does not read: too long, or in an encoding that it does not know. */
function isClientError(error: unknown): error is Error & { readonly status: number } {
  if (!(error instanceof Error) || !('status' in error)) return false;
  return typeof error.status === 'number' && error.status >= 400 && error.status < 500;
}
