import { z } from 'zod';
import { healthAnswer, livenessAnswer, readinessAnswer } from '../answers.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { defineRoute } from '../route.ts';
import type { Answer, Route } from '../route.ts';

const METRICS = z.string().meta({ contentMediaType: 'text/plain' });

/** Health and metrics: for orchestrators and monitoring, open to all. */
export function operationsRoutes({ health, metricsText }: Pick<HttpDependencies, 'health' | 'metricsText'>): Route[] {
  return [
    openRoute('/health/live', 'Whether the process turns', { 200: livenessAnswer }, () =>
      Promise.resolve({ body: { status: 'up' } }),
    ),
    openRoute(
      '/health/ready',
      'Whether to send requests here',
      { 200: readinessAnswer, 503: readinessAnswer },
      async () => {
        const { ready, parts } = await health();
        const down = Object.entries(parts).filter(([, { state }]) => state === 'down');
        const reasons = Object.fromEntries(down.map(([name, { reason }]) => [name, reason ?? 'down']));
        return { status: ready ? 200 : 503, body: { status: ready ? 'up' : 'down', reasons } };
      },
    ),
    openRoute('/health', 'The state of each part, and why', { 200: healthAnswer, 503: healthAnswer }, async () => {
      const { status, parts } = await health();
      return { status: status === 'down' ? 503 : 200, body: { status, parts } };
    }),
    openRoute('/metrics', 'Metrics in the text format of Prometheus', { 200: METRICS }, () => metricsText()),
  ];
}

function openRoute(path: string, summary: string, answers: Route['answers'], handle: () => Promise<Answer>): Route {
  return defineRoute({
    method: 'get',
    path,
    summary,
    access: 'open',
    unlimited: true,
    params: z.object({}),
    query: z.strictObject({}),
    answers,
    handle,
  });
}
