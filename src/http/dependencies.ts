import type { OrderDocument } from '../order/document.ts';
import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterWithBody,
} from '../order-index/dead-letter-port.ts';
import type {
  Arrival,
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
import type { Tracing } from '../observability/tracing.ts';
import type { Answered } from './answered.ts';
import type { revenueDailyAnswer, sellerDashboardAnswer } from './answers.ts';
import type { Authenticate } from './auth.ts';
import type { replayAllAnswer } from './dead-letter-answers.ts';
import type { ReadLag } from './lag-report.ts';
import type { parkedAnswer, repairAnswer } from './parked-answers.ts';
import type { generationAnswer, rebuildAnswer } from './rebuild-answers.ts';

/**
 * How old answers are. An answer that was asked for after this was taken includes every event published up to `asOf`, except events
 * that are parked or dead-lettered.
 */
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
export type ParkedOrder = Answered<typeof parkedAnswer>['items'][number];

export interface RepairRequest {
  /** Undefined: every gapped order. */
  readonly orderId?: string;
  readonly missing: 'history' | 'skip';
  readonly by: string;
}

export type RepairOutcome =
  | { readonly kind: 'repaired'; readonly report: Answered<typeof repairAnswer> }
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
  readonly aggregates: AggregateReads;
  /** Undefined for unknown and hidden orders. @throws IndexUnavailableError */
  getOrder(orderId: string, signal: AbortSignal): Promise<OrderDocument | undefined>;
  /** Whether an order's version has arrived in time. @throws IndexUnavailableError, or the reason of its signal */
  awaitVersion(awaited: AwaitedVersion): Promise<Arrival>;
  /** @throws IndexUnavailableError */
  freshness(): Promise<Freshness>;
  readonly lag: ReadLag;
  readonly deadLetters: DeadLetterOperations;
  readonly rebuilds: RebuildOperations;
  /** Adds up every order anew. Throws IndexUnavailableError, or the signal's reason, in the middle. */
  verifyAggregates(signal: AbortSignal): AsyncIterable<VerificationEvent>;
  readonly generations: GenerationOperations;
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
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

/** UTC days, `YYYY-MM-DD`, both included. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

/** They have an age of their own, which the routes count from `asOf`. */
export type DailyRevenues = Omit<Answered<typeof revenueDailyAnswer>, 'lagSeconds'>;
export type SellerDashboard = Omit<Answered<typeof sellerDashboardAnswer>, 'lagSeconds'>;

/** Both reject with IndexUnavailableError, and with AggregatesNotBuiltError before there is anything to read. */
export interface AggregateReads {
  /** `currencies`: those asked for; empty: those in which there is anything. */
  revenueDaily(
    query: DayRange & { readonly currencies: readonly string[] },
    signal: AbortSignal,
  ): Promise<DailyRevenues>;
  sellerDashboard(
    query: DayRange & { readonly sellerId: string; readonly currencies: readonly string[] },
    signal: AbortSignal,
  ): Promise<SellerDashboard>;
}

/** All reject with IndexUnavailableError or BrokerUnavailableError while these are away. */
export interface DeadLetterOperations {
  /** @throws InvalidCursorError */
  list(query: DeadLetterQuery): Promise<DeadLetterPage>;
  get(id: string): Promise<DeadLetterWithBody | undefined>;
  replay(
    id: string,
  ): Promise<{ readonly kind: 'replayed' | 'not_found' } | { readonly kind: 'not_routable'; readonly reason: string }>;
  replayAll(filter: DeadLetterFilter): Promise<Answered<typeof replayAllAnswer>>;
  /** `missing`: the place that it named, where the order still lacks it; awaited where later events are parked behind it. */
  discard(id: string): Promise<
    | {
        readonly kind: 'discarded';
        readonly missing?: { readonly orderId: string; readonly sequence: number; readonly isAwaited: boolean };
      }
    | { readonly kind: 'not_found' }
  >;
}

/** What a verification of the aggregates tells, one after the other; `end` or `refused` comes last. */
export type VerificationEvent =
  | { readonly kind: 'progress'; readonly orders: number; readonly total: number }
  | {
      readonly kind: 'difference';
      readonly aggregate: string;
      readonly key: string;
      readonly field: string;
      readonly expected: number | string;
      readonly found: number | string;
    }
  | {
      readonly kind: 'end';
      readonly orders: number;
      readonly rows: number;
      readonly differences: number;
      /** Rows that were being written to: nothing is said of them. */
      readonly unsettled: number;
    }
  | { readonly kind: 'refused'; readonly reason: string };

/** A rebuild as the operator sees it (contract §3). */
export type RebuildView = Answered<typeof rebuildAnswer>;

/** What is asked for by `POST /admin/rebuilds`, its defaults filled in. */
export type RebuildRequest = Pick<
  RebuildView,
  'projection' | 'source' | 'path' | 'from' | 'activate' | 'keep' | 'allowPartial'
>;

export type RebuildCommand = 'pause' | 'resume' | 'cancel';

/** All reject with IndexUnavailableError while the index is away. */
export interface RebuildOperations {
  /** What can be rebuilt beside the orders: the aggregates. */
  readonly projections: readonly string[];
  start(request: RebuildRequest): Promise<
    | { readonly kind: 'started'; readonly rebuild: RebuildView }
    /** `canBeCancelled`: until it moves readers. */
    | { readonly kind: 'busy'; readonly by: RebuildView; readonly canBeCancelled: boolean }
    | { readonly kind: 'invalid'; readonly path: string; readonly message: string }
    | { readonly kind: 'refused'; readonly reason: string }
  >;
  /** The newest first; those that are over are kept for a while. */
  list(): Promise<readonly RebuildView[]>;
  get(id: string): Promise<RebuildView | undefined>;
  /** Idempotent. `over`: it has ended, or is past the point where this can be done. */
  change(
    id: string,
    command: RebuildCommand,
  ): Promise<
    | { readonly kind: 'accepted'; readonly rebuild: RebuildView }
    | { readonly kind: 'not_found' }
    | { readonly kind: 'over'; readonly rebuild: RebuildView }
  >;
}

export type GenerationView = Answered<typeof generationAnswer>;

/** All reject with IndexUnavailableError while the index is away, and with RegistryError where it cannot be told what is live. */
export interface GenerationOperations {
  list(): Promise<readonly GenerationView[]>;
  /** Moves the read alias to it, and resolves when it has moved. To activate the live one is success. */
  activate(
    name: string,
  ): Promise<
    | { readonly kind: 'activated'; readonly generation: GenerationView }
    | { readonly kind: 'not_found' }
    | { readonly kind: 'refused'; readonly reason: string }
  >;
  /** Unregisters it and deletes it. */
  remove(
    name: string,
  ): Promise<
    | { readonly kind: 'deleted' }
    | { readonly kind: 'not_found' }
    | { readonly kind: 'refused'; readonly reason: string }
  >;
}
