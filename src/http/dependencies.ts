import type { OrderDocument } from '../order/document.ts';
import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterWithBody,
} from '../order-index/dead-letter-port.ts';
import type {
  AwaitedVersion,
  CustomerOrdersPage,
  CustomerOrdersQuery,
  SearchPage,
  SearchQuery,
  SuggestQuery,
  Suggestions,
} from '../order-index/port.ts';
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

/** An order with parked events. */
export interface ParkedOrder {
  readonly orderId: string;
  readonly version: number;
  /** First and last of each run of sequences that is not there. */
  readonly missing: readonly (readonly [from: number, to: number])[];
  /** Events that wait. */
  readonly parked: number;
  readonly oldestParkedAt: string;
  /** They have waited for longer than the grace. */
  readonly gapped: boolean;
}

export interface RepairRequest {
  /** Undefined: every gapped order. */
  readonly orderId?: string;
  readonly missing: 'history' | 'skip';
  readonly by: string;
}

export type RepairOutcome =
  | { readonly kind: 'repaired'; readonly report: unknown }
  | { readonly kind: 'nothing_parked' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'busy' };

/** What the HTTP interface needs of the rest of the service. */
export interface HttpDependencies {
  /** `signal`, here and below: aborted once nobody waits for the answer. @throws InvalidCursorError, IndexUnavailableError */
  search(query: SearchQuery, signal: AbortSignal): Promise<SearchPage>;
  /** @throws IndexUnavailableError */
  suggest(query: SuggestQuery, signal: AbortSignal): Promise<Suggestions>;
  /** @throws InvalidCursorError, IndexUnavailableError */
  customerOrders(query: CustomerOrdersQuery, signal: AbortSignal): Promise<CustomerOrdersPage>;
  /** Undefined for unknown and hidden orders. @throws IndexUnavailableError */
  getOrder(orderId: string): Promise<OrderDocument | undefined>;
  /** Whether an order's version has arrived in time. @throws IndexUnavailableError */
  awaitVersion(awaited: AwaitedVersion): Promise<boolean>;
  /** @throws IndexUnavailableError */
  freshness(): Promise<Freshness>;
  readonly deadLetters: DeadLetterOperations;
  /** Must not throw for a part's fault: that is a part that is down. */
  health(): Promise<HealthReport>;
  /** By order id, after the given one. @throws IndexUnavailableError */
  parkedOrders(page: {
    readonly after?: string;
    readonly size: number;
  }): Promise<{ readonly gaps: readonly ParkedOrder[]; readonly next: string | undefined }>;
  /** @throws IndexUnavailableError, BrokerUnavailableError */
  repair(request: RepairRequest): Promise<RepairOutcome>;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
  observeRequest(observation: RequestObservation): void;
  readonly authenticate: Authenticate;
  readonly log: Logger;
}

/** All reject with IndexUnavailableError or BrokerUnavailableError while these are away. */
export interface DeadLetterOperations {
  /** @throws InvalidCursorError */
  list(query: DeadLetterQuery): Promise<DeadLetterPage>;
  get(id: string): Promise<DeadLetterWithBody | undefined>;
  replay(
    id: string,
  ): Promise<{ readonly kind: 'replayed' | 'not_found' } | { readonly kind: 'not_routable'; readonly reason: string }>;
  replayAll(filter: DeadLetterFilter): Promise<{
    readonly replayed: number;
    readonly failed: readonly { readonly id: string; readonly reason: string }[];
  }>;
  /** `missing`: the place that it named, where the order still lacks it. */
  discard(id: string): Promise<
    | {
        readonly kind: 'discarded';
        readonly missing?: { readonly orderId: string; readonly sequence: number };
      }
    | { readonly kind: 'not_found' }
  >;
}
