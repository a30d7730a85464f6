import type { SpanStart, TracePlace, Tracing } from '../../src/observability/tracing.ts';

/** Runs the work in a span, whose place it is told; without tracing it only runs. */
export async function inSpan<T>(
  tracing: Tracing | undefined,
  name: string,
  start: SpanStart,
  work: (place: TracePlace | undefined) => Promise<T>,
): Promise<T> {
  return tracing ? await tracing.span(name, start, ({ place }) => work(place)) : await work(undefined);
}
