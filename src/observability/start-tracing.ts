import type { Tracing, TracingLog } from './tracing.ts';

/**
 * Exports to an OTLP collector (HTTP, protobuf); undefined where there is no endpoint, and then nothing is loaded. The other
 * `OTEL_EXPORTER_OTLP_*` variables (headers, timeout, compression, certificate), `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are
 * read by OpenTelemetry itself.
 *
 * @param endpoint the collector's URL without `/v1/traces`
 * @param serviceName unless `OTEL_SERVICE_NAME` says otherwise
 */
export async function startTracing(
  endpoint: string | undefined,
  serviceName: string,
  log: TracingLog,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined;
  const { exportTracesTo } = await import('./opentelemetry.ts');
  return exportTracesTo(endpoint, serviceName, log);
}
