import type { AggregateKey } from '../order/contribution.ts';

/**
 * The aggregated read models (design §4): what they are made from, which is the documents of one generation of the orders, and the
 * rows that are kept of them, in generations of their own behind an alias of their own. All methods are idempotent, and throw
 * {@link IndexUnavailableError} during an outage, {@link AggregateMovedError} where a generation is gone.
 */
export interface Aggregates {
  readonly source: AggregateSource;
  /** The generations of one aggregate. */
  readonly store: (aggregate: AggregateDefinition) => AggregateStore;
}

export type Dimension = keyof AggregateKey;

/** All of them, in the order in which rows are listed and keys are written. */
export const DIMENSIONS = ['day', 'currency', 'sellerId'] as const satisfies readonly Dimension[];

/** One aggregate: a file of `src/rollups` says what it is, and `mappings/` how it is indexed. */
export interface AggregateDefinition {
  /** `revenue-daily`: its alias is `orders-revenue-daily`. */
  readonly name: string;
  /** What a row is for, one of them at least; all measures are added up over the other dimensions. */
  readonly dimensions: readonly Dimension[];
  /** Whether a row has the products' sales: only with all dimensions. */
  readonly products: boolean;
  /** What an Elasticsearch index for it is created with: `settings` and `mappings`. */
  readonly mapping: object;
}

/** Whole numbers; a sum that would be beyond 2^53 - 1 is 2^53 - 1, here and of products. */
export interface Measures {
  readonly orders: number;
  readonly revenueCents: number;
  readonly refundedCents: number;
  readonly refundCount: number;
}

/** A row; a dimension that the aggregate does not have is absent. */
export interface AggregateRow extends Measures, Partial<AggregateKey> {
  /** Of its dimensions' values: {@link rowKey}. */
  readonly key: string;
  /** One a SKU, in the order of the SKUs' UTF-8 bytes; absent where the aggregate has no products, empty where none was sold. */
  readonly products?: readonly ProductSales[];
}

export interface ProductSales {
  readonly sku: string;
  /** Of several names of one SKU the first by its UTF-8 bytes. */
  readonly name: string;
  readonly quantity: number;
  readonly revenueCents: number;
}

/** What a generation of the orders holds, for whoever derives from it. */
export interface AggregateSource {
  /**
   * How far the generation has been written: every write that was answered before is within it, and visible to the methods below
   * when it resolves. Nothing within it changes any more, whatever fails.
   */
  checkpoint(orders: string): Promise<Checkpoint>;
  /**
   * The keys ({@link aggregateKey}) of every document that was written after `since` and up to `until`, each once, in pages, also where it
   * was written again since; those of what was written after `until` may be among them. And the newest event time (`updatedAt`) of these
   * documents that is not after `notAfter`, RFC 3339; undefined where there is none.
   */
  changed(range: CheckpointRange): Promise<Changes>;
  /** Keys of all documents of a generation, after the given one, in the order of their UTF-8 bytes; empty at the end. */
  keys(page: {
    readonly orders: string;
    readonly after: string | undefined;
    readonly size: number;
  }): Promise<readonly string[]>;
  /** About how many there are. */
  countKeys(orders: string): Promise<number>;
  /** The newest event time in a generation that is not after `notAfter`. */
  newestEventTime(orders: string, notAfter: string): Promise<string | undefined>;
  /**
   * The rows of an aggregate to which these keys ({@link aggregateKey}) belong, added up anew from all orders that contribute to them. A
   * row to which nothing contributes any more is all zeros. Each row once.
   */
  compute(aggregate: AggregateDefinition, orders: string, keys: readonly string[]): Promise<readonly AggregateRow[]>;
}

/** A number a shard, by the shard's number: the last write of it that is covered. Opaque but for its comparison. */
export type Checkpoint = readonly number[];

export interface CheckpointRange {
  readonly orders: string;
  readonly since: Checkpoint;
  readonly until: Checkpoint;
  /** RFC 3339. */
  readonly notAfter: string;
}

export interface Changes {
  readonly keys: readonly string[];
  readonly newestEventTime: string | undefined;
}

/** The generations of one aggregate. Of these one is live, the one that readers see. */
export interface AggregateStore {
  list(): Promise<readonly AggregateGeneration[]>;
  /** An empty one that nobody reads. */
  create(number: number): Promise<'created' | 'exists'>;
  /**
   * Writes rows under a version: one that has this version or a newer one already stays as it is, so a writer who has lost the lead
   * changes nothing that his successor wrote. @throws AggregateMovedError where the generation is gone; nothing is created
   */
  write(generation: string, rows: readonly AggregateRow[], version: number): Promise<void>;
  /**
   * Makes what was written visible and moves readers to it, from `from` (undefined: from nothing). Success where they are there
   * already. @throws AggregateMovedError where another one than `from` is live
   */
  activate(generation: string, from: string | undefined): Promise<void>;
  /** Makes what was written visible. */
  refresh(generation: string): Promise<void>;
  /** Deletes it; nothing where it is gone. Never the live one, a bug. */
  drop(generation: string): Promise<void>;
  /** Deletes the rows of days before this one; how many. Nothing where the aggregate has no days. */
  expire(generation: string, beforeDay: string): Promise<number>;
  /**
   * The rows of the live generation, also those of zeros, by day, currency and seller; without their products. `signal` as in a search.
   * @throws AggregatesNotBuiltError where none is live
   */
  rows(query: RowQuery, signal?: AbortSignal): Promise<readonly AggregateRow[]>;
  /**
   * The rows of the live generation with their products, after the given key, in the order of their keys' UTF-8 bytes; empty at the end.
   * @throws AggregatesNotBuiltError where none is live
   */
  wholeRows(page: { readonly after: string | undefined; readonly size: number }): Promise<readonly AggregateRow[]>;
  /**
   * The products that brought the most, by revenue, then SKU and currency (by their UTF-8 bytes), over all rows of the query: each for
   * itself in each currency. @throws AggregatesNotBuiltError where none is live
   */
  topProducts(query: RowQuery & { readonly size: number }, signal?: AbortSignal): Promise<readonly TopProduct[]>;
}

/** Of what is absent nothing is asked; an empty list, or a filter by a dimension that the aggregate does not have, finds nothing. */
export interface RowQuery {
  /** Days, `YYYY-MM-DD`, both included. */
  readonly from?: string;
  readonly to?: string;
  readonly sellerId?: string;
  readonly currencies?: readonly string[];
}

export interface TopProduct extends ProductSales {
  readonly currency: string;
}

export interface AggregateGeneration {
  /** `orders-revenue-daily-000001` */
  readonly name: string;
  readonly number: number;
  readonly isLive: boolean;
  /** Rows. */
  readonly documents: number;
  readonly sizeBytes: number;
  readonly mappingHash: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The generation that was written to is gone, or another one is live than was thought: somebody else has the lead. */
export class AggregateMovedError extends Error {
  readonly code = 'AGGREGATE_MOVED';
  override readonly name = 'AggregateMovedError';
}

/** The key of the row to which a contribution belongs: the values of the aggregate's dimensions, the seller last as it may hold a `|`. */
export function rowKey(dimensions: readonly Dimension[], of: Partial<AggregateKey>): string {
  return DIMENSIONS.flatMap((dimension) => (dimensions.includes(dimension) ? [of[dimension] ?? ''] : [])).join('|');
}
