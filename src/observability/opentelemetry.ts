import { AsyncLocalStorage } from 'node:async_hooks';
import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { defaultTextMapGetter, defaultTextMapSetter } from '@opentelemetry/api';
import type { Context, Span as OtelSpan, SpanContext, Tracer } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, resourceFromAttributes } from '@opentelemetry/resources';
import { resourceAttributesEnvDetector, serviceNameEnvDetector } from '@opentelemetry/resources';
import { AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Span, SpanStart, TracePlace, Tracing, TracingLog } from './tracing.ts';

/** Only `start-tracing.ts` imports this, and only where spans are exported; and tests. */

/** The greatest batch: each of its messages has a link. The SDK keeps 128 by default. */
const MAX_LINKS = 10_000;
const CLOSE_WITHIN_MS = 2_000;

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** @param endpoint the collector's URL without `/v1/traces` */
export function exportTracesTo(endpoint: string, serviceName: string, log: TracingLog): Tracing {
  const warn = (...texts: unknown[]): void => log.warn({ reason: texts.map(String).join(' ') }, 'tracing');
  const quiet = (): void => undefined;
  diag.setLogger(
    { error: warn, warn, info: quiet, debug: quiet, verbose: quiet },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  return createTracing(new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) }), serviceName);
}

/**
 * Spans that end in the processor. Nothing is registered globally, so several can be side by side, and Elasticsearch's client, which would
 * trace by itself, does not. Who publishes with a sampled trace or with none is traced; whoever has chosen not to is not.
 */
export function createTracing(processor: SpanProcessor, serviceName: string): Tracing {
  const named = defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName }));
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanLimits: { linkCountLimit: MAX_LINKS },
    resource: named.merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] })),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('order-search');
  const places = new AsyncLocalStorage<TracePlace>();
  return {
    span: async (name, start, work) => {
      const span = begin(tracer, name, start);
      const place = placeOf(span.spanContext());
      try {
        return await places.run(place, () => work(handleOf(span, place)));
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'thrown' });
        throw error;
      } finally {
        span.end();
      }
    },
    current: () => places.getStore(),
    close: async () => {
      const limit = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        diag.warn('the last spans were not exported: no collector has taken them in time');
        limit.resolve();
      }, CLOSE_WITHIN_MS);
      // A collector that refuses them: the diagnostics have said so.
      await Promise.race([provider.shutdown().catch(() => undefined), limit.promise]);
      clearTimeout(timer);
    },
  };
}

const W3C = new W3CTraceContextPropagator();

function begin(tracer: Tracer, name: string, { kind, parent, links = [], attributes = {} }: SpanStart): OtelSpan {
  const linked = links.map((link) => trace.getSpanContext(contextOf(link))).filter((context) => context !== undefined);
  const options = { kind: KINDS[kind], attributes, links: linked.map((context) => ({ context })) };
  return tracer.startSpan(name, options, contextOf(parent));
}

/** Without a span where the place is none: W3C reserves ids of zeros, and the version ff. */
function contextOf(place: TracePlace | undefined): Context {
  return place ? W3C.extract(ROOT_CONTEXT, place, defaultTextMapGetter) : ROOT_CONTEXT;
}

function placeOf(context: SpanContext): TracePlace {
  const place = { traceparent: '' };
  W3C.inject(trace.setSpanContext(ROOT_CONTEXT, context), place, defaultTextMapSetter);
  return place;
}

function handleOf(span: OtelSpan, place: TracePlace): Span {
  return {
    place,
    rename: (name) => void span.updateName(name),
    set: (attributes) => void span.setAttributes(attributes),
    fail: (message) => void span.setStatus({ code: SpanStatusCode.ERROR, message }),
  };
}
