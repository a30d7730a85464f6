import type { PartHealth } from '../observability/health.ts';
import type { OrderDocument } from '../order/document.ts';
import type { OrderEvent } from '../order/event.ts';
import type { Aggregates } from './aggregates-port.ts';
import type { DeadLetterStore } from './dead-letter-port.ts';
import type { Generations, Registry, WriteTarget } from './generations-port.ts';
import type { OrderSearch } from './search-port.ts';

export { FACETS, MAX_FACET_VALUES } from './search-port.ts';
export type * from './aggregates-port.ts';
export { AggregateMovedError, rowKey } from './aggregates-port.ts';
export type * from './generations-port.ts';
export { compareOrderIds, SnapshotLostError } from './generations-port.ts';
export type * from './search-port.ts';

/**
 * The port to the index of orders: its generations, the documents, what is parked, and search. Two adapters:
 * `elasticsearch/` and `embedded/`. Expected outcomes are values; {@link IndexUnavailableError} is thrown by reads only,
 * during an outage (refused connection, timeout, 429, 5xx, open breaker).
 */
export interface OrderIndex extends DeadLetterStore, OrderSearch {
  /**
   * Makes sure that the technical indices and the first generation exist; idempotent, also when several instances start at once.
   * @throws IndexConfigurationError where the alias's name is taken by an index, points at more than one generation, or newer code owns a
   * write target
   * @throws IndexUnavailableError
   */
  open(): Promise<void>;
  /** What is live and what is written to, in one atomic look (design §2). @throws IndexUnavailableError */
  registry(): Promise<Registry>;
  /** The documents by order id, in real time; a new order has no entry. */
  load(from: WriteTarget, orderIds: readonly string[]): Promise<LoadResult>;
  /**
   * Writes each document with its version as the external version. One outcome a write, in the same order. Never throws, neither during an
   * outage nor for a refused document.
   */
  write(
    target: WriteTarget,
    writes: readonly DocumentWrite[],
    priority: WritePriority,
  ): Promise<readonly WriteOutcome[]>;
  /** Makes what was written to the live generation visible to search. @throws IndexUnavailableError */
  refresh(): Promise<void>;

  /** Keeps early events durably, one an (order, sequence); `taken` where another event holds that place. @throws IndexUnavailableError */
  park(events: readonly ParkedEvent[]): Promise<readonly ParkOutcome[]>;
  /** Looks the places up by id, in real time (never by search). @throws IndexUnavailableError */
  parkedAt(places: readonly ParkedPlace[]): Promise<readonly ParkedEvent[]>;
  /** Drops parked events; absent ones are ignored. @throws IndexUnavailableError */
  unpark(places: readonly ParkedPlace[]): Promise<void>;
  /** Leaves parked events of an erased order their places and identities alone; absent ones are ignored. @throws IndexUnavailableError */
  stripParked(places: readonly ParkedPlace[]): Promise<void>;
  /** Parked events by order id and sequence, after the given place; for the sweeper and the operators. @throws IndexUnavailableError */
  listParked(page: { readonly after?: ParkedPlace; readonly size: number }): Promise<readonly ParkedEvent[]>;
  /** The same without the events, which may be megabytes long each. @throws IndexUnavailableError */
  listParkedPlaces(page: { readonly after?: ParkedPlace; readonly size: number }): Promise<readonly TakenPlace[]>;
  countParked(): Promise<number>;

  /**
   * Reads through the alias, without real time (design §2: no reader goes back at a swap). Hidden orders are undefined. `signal` as in a
   * search. @throws IndexUnavailableError
   */
  get(orderId: string, signal?: AbortSignal): Promise<OrderDocument | undefined>;
  /** Like `get`, and hidden orders too: for who must know that a write has arrived. @throws IndexUnavailableError */
  getAny(orderId: string, signal?: AbortSignal): Promise<OrderDocument | undefined>;

  /** A small document of `orders-control`, in real time. @throws IndexUnavailableError */
  readControl(id: string): Promise<ControlRecord | undefined>;
  /**
   * Compare-and-set where `expected` is given (`null`: must not exist yet); false when another writer was first. @throws
   * IndexUnavailableError
   */
  writeControl(id: string, value: Readonly<Record<string, unknown>>, expected?: string | null): Promise<boolean>;

  readonly generations: Generations;
  readonly aggregates: Aggregates;

  health(): Promise<PartHealth>;
  close(): Promise<void>;
}

export interface DocumentWrite {
  readonly orderId: string;
  /** The document's version, which is its Elasticsearch external version. */
  readonly version: number;
  readonly document: OrderDocument;
}

/** live > repair > rebuild > rollups in the one write lane. */
export type WritePriority = 'live' | 'repair' | 'rebuild' | 'rollups';

export type WriteOutcome =
  /** Created or replaced an older version. */
  | { readonly kind: 'written' }
  /** 409: this version or a newer one is there already. */
  | { readonly kind: 'present' }
  /** The document's fault: mapping, size. `path` names the field where known. */
  | { readonly kind: 'refused'; readonly reason: string; readonly path: string }
  /** The target's address is gone or blocked: look at the registry again. */
  | { readonly kind: 'moved'; readonly reason: string }
  /** An outage: keep it and try again later. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export type LoadResult =
  | { readonly kind: 'loaded'; readonly documents: ReadonlyMap<string, OrderDocument> }
  | { readonly kind: 'moved'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface ParkedPlace {
  readonly orderId: string;
  readonly sequence: number;
}

export interface ParkedEvent {
  readonly orderId: string;
  readonly event: OrderEvent;
  /** RFC 3339, when it was parked. */
  readonly parkedAt: string;
}

/** A place that an event is parked at. */
export interface TakenPlace extends ParkedPlace {
  /** RFC 3339, when it was parked. */
  readonly parkedAt: string;
}

export type ParkOutcome =
  | { readonly kind: 'parked' }
  /** Another event (or the same one, sent twice) holds the place. */
  | { readonly kind: 'taken'; readonly by: OrderEvent };

export interface ControlRecord {
  readonly value: Readonly<Record<string, unknown>>;
  /** Opaque; hand it to `writeControl` to replace exactly this one. */
  readonly revision: string;
}

export class IndexUnavailableError extends Error {
  readonly code = 'INDEX_UNAVAILABLE';
  override readonly name = 'IndexUnavailableError';
}

/** The index answers, but what is live cannot be told. Its message is for operators, and names the remedy. */
export class RegistryError extends IndexUnavailableError {}

/** Nothing of an aggregate is there, not yet or not any more, so there is nothing true to answer. Its message is for whoever asked. */
export class AggregatesNotBuiltError extends IndexUnavailableError {
  /** Of an aggregate that has no live generation. */
  static noneLive(aggregate: string, options?: ErrorOptions): AggregatesNotBuiltError {
    return new AggregatesNotBuiltError(`The aggregate ${aggregate} is not there: it is being built anew.`, options);
  }
}

export class IndexConfigurationError extends Error {
  readonly code = 'INDEX_CONFIGURATION';
  override readonly name = 'IndexConfigurationError';
}

export class InvalidCursorError extends Error {
  readonly code = 'INVALID_CURSOR';
  override readonly name = 'InvalidCursorError';
}
