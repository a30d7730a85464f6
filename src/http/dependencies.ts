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
import type { Authenticate } from './auth.ts';
import type { ReadLag } from './lag-report.ts';

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

/** What came in on a day in one currency. */
export interface DailyRevenue {
  readonly day: string;
  readonly currency: string;
  readonly orders: number;
  readonly revenueCents: number;
  readonly refundedCents: number;
  readonly refundCount: number;
  readonly netCents: number;
  readonly final: boolean;
}

/** Each day of the range in each currency, by day, then currency. */
export interface DailyRevenues {
  readonly days: readonly DailyRevenue[];
  /** RFC 3339: all that was published up to then is counted. */
  readonly asOf: string;
  /** The first day that is kept; absent where all are. */
  readonly keptFrom?: string;
}

export interface SellerDashboard extends DailyRevenues {
  readonly totals: readonly (Omit<DailyRevenue, 'day' | 'final'> & { readonly refundRate: number | null })[];
  /** The most revenue first. */
  readonly topProducts: readonly {
    readonly sku: string;
    readonly name: string;
    readonly currency: string;
    readonly quantity: number;
    readonly revenueCents: number;
  }[];
}

/** Both reject with IndexUnavailableError, and with AggregatesNotBuiltError before there is anything to read. */
export interface AggregateReads {
  /** `currencies`: those asked for; empty: those in which there is anything. */
  revenueDaily(
    query: DayRange & { readonly currencies: readonly string[] },
    signal: AbortSignal,
  ): Promise<DailyRevenues>;
  sellerDashboard(query: DayRange & { readonly sellerId: string }, signal: AbortSignal): Promise<SellerDashboard>;
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

/** What is asked for by `POST /admin/rebuilds`, its defaults filled in. */
export interface RebuildRequest {
  /** `orders`, or one of {@link RebuildOperations.projections}. */
  readonly projection: string;
  readonly source: 'index' | 'history' | 'file';
  /** Of a `file`: relative to `IMPORT_DIR`. */
  readonly path?: string;
  /** Of the `history`: RFC 3339, what was published before is not read. */
  readonly from?: string;
  /** Whether the read alias moves to the new generation in the end; else it stays a standby. */
  readonly activate: boolean;
  /** How many standbys stay. */
  readonly keep: number;
  /** Whether the alias may move although orders lack their beginning. */
  readonly allowPartial: boolean;
}

/** A rebuild as the operator sees it (contract §3). */
export interface RebuildView extends RebuildRequest {
  readonly id: string;
  /** An activation moves readers to a generation that is there already. */
  readonly kind: 'rebuild' | 'activation';
  /** `CREATE` … `DONE`, `FAILED`, `CANCELLED` */
  readonly state: string;
  /** The one that is being built; empty before it has a name. */
  readonly generation: string;
  /** Orders, or messages of the history or the file; of an aggregate keys. */
  readonly processed: number;
  /** Null where it is not known yet; an estimate for the history. */
  readonly total: number | null;
  readonly ratePerSecond: number | null;
  readonly etaSeconds: number | null;
  /** How far what was read of the history last lies back; null for other sources. */
  readonly lagSeconds: number | null;
  readonly paused: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly error: string | null;
  /** Why nothing moves, while that is so. */
  readonly stalled: string | null;
  /** Orders whose first events are nowhere, and messages that are no events of an order: both left out. */
  readonly withoutBeginning: number;
  readonly unparseable: number;
}

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
    wish: 'pause' | 'resume' | 'cancel',
  ): Promise<
    | { readonly kind: 'accepted'; readonly rebuild: RebuildView }
    | { readonly kind: 'not_found' }
    | { readonly kind: 'over'; readonly rebuild: RebuildView }
  >;
}

export interface GenerationView {
  readonly name: string;
  readonly number: number;
  readonly state: 'building' | 'live' | 'standby' | 'diverged';
  readonly documents: number;
  readonly sizeBytes: number;
  readonly mappingHash: string;
  readonly foldVersion: number;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Why it is no longer written to; null where it is, or where nobody knows. */
  readonly reason: string | null;
}

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
