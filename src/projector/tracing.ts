import type { TracePlace, Tracing } from '../observability/tracing.ts';
import type { OrderWork } from './work.ts';

/**
 * Projects a batch in a span `update_projection`, which is linked to the place of each of its messages, and is part of their trace where
 * they are all of one. Without tracing it only projects.
 */
export async function traceBatch(
  tracing: Tracing | undefined,
  works: readonly OrderWork[],
  project: () => Promise<void>,
): Promise<void> {
  if (tracing === undefined) {
    await project();
    return;
  }
  const jobs = works.flatMap((work) => work.jobs);
  const places = jobs.flatMap(({ trace }) => (trace ? [trace] : []));
  const isWhole = places.length === jobs.length;
  const attributes = {
    'messaging.system': 'rabbitmq',
    'messaging.operation.type': 'process',
    'messaging.batch.message_count': jobs.length,
    'order_search.projection': 'orders',
    'order_search.orders': works.length,
  };
  const start = {
    kind: 'consumer',
    parent: isWhole ? parentOf(places) : undefined,
    links: places,
    attributes,
  } as const;
  await tracing.span('update_projection', start, project);
}

const SAMPLED = 1;

/** Also where nobody wants to see any of them: then the batch is not recorded either. */
function parentOf(places: readonly TracePlace[]): TracePlace | undefined {
  const [first, ...others] = places;
  if (!first) return undefined;
  const isOneTrace = others.every((place) => traceIdOf(place) === traceIdOf(first));
  return isOneTrace || !places.some(isSampled) ? first : undefined;
}

function traceIdOf({ traceparent }: TracePlace): string | undefined {
  return traceparent.split('-')[1];
}

function isSampled({ traceparent }: TracePlace): boolean {
  return (Number.parseInt(traceparent.split('-')[3] ?? '', 16) & SAMPLED) === SAMPLED;
}
