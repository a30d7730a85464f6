import type { OrderDocument } from '../order/document.ts';
import type { SearchPage, SearchQuery } from '../order-index/port.ts';
import type { HealthReport } from '../observability/health.ts';
import type { Logger } from '../observability/logging.ts';
import type { Authenticate } from './auth.ts';

/** How old answers are: all that was published up to `asOf` is in an answer that was asked for after it was taken. */
export interface Freshness {
  /** RFC 3339. */
  readonly asOf: string;
  readonly lagSeconds: number;
}

/** A request that was answered, or given up by the client (status 499). */
export interface RequestObservation {
  /** The route's pattern, `static` or `unmatched`: never a path. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly durationSeconds: number;
}

/** What the HTTP interface needs of the rest of the service. */
export interface HttpDependencies {
  /** @throws InvalidCursorError, IndexUnavailableError */
  search(query: SearchQuery): Promise<SearchPage>;
  /** Undefined for unknown and hidden orders. @throws IndexUnavailableError */
  getOrder(orderId: string): Promise<OrderDocument | undefined>;
  /** @throws IndexUnavailableError */
  freshness(): Promise<Freshness>;
  /** Must not throw for a part's fault: that is a part that is down. */
  health(): Promise<HealthReport>;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
  observeRequest(observation: RequestObservation): void;
  readonly authenticate: Authenticate;
  readonly log: Logger;
}
