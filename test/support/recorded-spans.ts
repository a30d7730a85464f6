import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { createTracing } from '../../src/observability/opentelemetry.ts';
import type { Tracing } from '../../src/observability/tracing.ts';

/** What several services record, together. */
export interface RecordedSpans {
  tracingOf(service: string): Tracing;
  /** Those that have ended, of that name, in the order in which they ended. */
  named(name: string): readonly RecordedSpan[];
}

export interface RecordedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  /** Ids of the spans. */
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Undefined unless it failed. */
  readonly failure: string | undefined;
}

export function recordSpans(): RecordedSpans {
  const exporter = new InMemorySpanExporter();
  return {
    tracingOf: (service) => createTracing(new SimpleSpanProcessor({ exporter }), service),
    named: (wanted) =>
      exporter
        .getFinishedSpans()
        .filter(({ name }) => name === wanted)
        .map(plain),
  };
}

function plain(span: ReadableSpan): RecordedSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    ...{ traceId, spanId, attributes: span.attributes },
    service: String(span.resource.attributes['service.name']),
    parentId: span.parentSpanContext?.spanId,
    links: span.links.map(({ context }) => context.spanId),
    failure: span.status.code === SpanStatusCode.ERROR ? (span.status.message ?? '') : undefined,
  };
}
