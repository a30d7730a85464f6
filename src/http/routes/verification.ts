import { z } from 'zod';
import type { HttpDependencies, VerificationEvent } from '../dependencies.ts';
import type { ServerSentEvent } from '../event-stream.ts';
import { ProblemError } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

const KEEP_ALIVE_MS = 15_000;

const EVENTS = z.string().meta({
  contentMediaType: 'text/event-stream',
  description:
    '`progress` {orders, total}, `difference` {aggregate, key, field, expected, found} for each, and in the end `end` {orders, rows, differences, unsettled} or `refused` {reason}. Unsettled rows were being written to: nothing is said of them.',
});

/** Whether the aggregates are what the orders come to. */
export function verificationRoutes({ verifyAggregates }: Pick<HttpDependencies, 'verifyAggregates'>): Route[] {
  let running: object | undefined;
  return [
    defineRoute({
      method: 'get',
      path: '/admin/aggregates/verification',
      summary: 'Adds up every order anew and names each difference to the aggregates, as server-sent events',
      access: 'admin',
      params: z.object({}),
      query: z.strictObject({}),
      answers: { 200: EVENTS },
      problems: [409],
      handle: ({ signal }) => {
        if (running) throw new ProblemError({ status: 409, detail: 'The aggregates are being verified already.' });
        const own = {};
        running = own;
        const release = (): void => {
          if (running === own) running = undefined;
        };
        const source = told(verifyAggregates(signal), release);
        // A stream that nobody begins to read ends with the request.
        signal.addEventListener('abort', release, { once: true });
        return Promise.resolve({
          body: undefined,
          events: { source, keepAliveMs: KEEP_ALIVE_MS, outlivesToken: true },
        });
      },
    }),
  ];
}

async function* told(events: AsyncIterable<VerificationEvent>, release: () => void): AsyncGenerator<ServerSentEvent> {
  let id = 0;
  try {
    for await (const { kind, ...data } of events) {
      id += 1;
      yield { event: kind, id: String(id), data: JSON.stringify(data) };
    }
  } finally {
    release();
  }
}
