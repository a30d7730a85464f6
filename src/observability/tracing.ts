/**
 * Spans of OpenTelemetry, made by hand. Nothing here loads it. Who makes spans is handed a {@link Tracing}, or undefined, and does nothing
 * for them then.
 */

/** A span's place in its trace, as W3C Trace Context writes it. */
export interface TracePlace {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export type SpanAttributes = Readonly<Record<string, string | number>>;

/** How a span begins. No personal data in it: orders and events are named by their ids, people not at all. */
export interface SpanStart {
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** The span that this one is a part of; undefined: a trace begins. */
  readonly parent: TracePlace | undefined;
  /** Others that it follows from. */
  readonly links?: readonly TracePlace[];
  readonly attributes?: SpanAttributes;
}

/** A span that has not ended. */
export interface Span {
  readonly place: TracePlace;
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Marks it as failed; `reason` is a word, no text that may quote a document. */
  fail(reason: string): void;
}

export interface Tracing {
  /** Runs the work in a span of its own, which ends when the work does. What rejects fails it too, and is thrown on. */
  span<T>(name: string, start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>;
  /** Of the innermost span that the caller is run in. */
  current(): TracePlace | undefined;
  /** Exports what is left, for a few seconds at most. Never rejects: a collector that is away has been logged. */
  close(): Promise<void>;
}

/** Where a collector's trouble is written. */
export interface TracingLog {
  warn(fields: object, message: string): void;
}
