import type { OrderEvent } from '../order/event.ts';
import { compareUtf8 } from '../order/utf8-order.ts';

/**
 * The generations of the index of orders and the registry that says what is live and what is written to (design §2 and §3): for
 * whoever rebuilds, swaps, rolls back and prunes. Every method is idempotent, so that it can be repeated after a crash or a lost
 * answer. All throw {@link IndexUnavailableError} during an outage, also where a generation is gone that must be there.
 */
export interface Generations {
  /** All that there are, by number; also those that nothing refers to. @throws RegistryError where nobody can say what they are */
  list(): Promise<readonly Generation[]>;
  /**
   * An empty one by the present code, with settings for a fast build: no replicas, and nothing visible before `refresh`. Nobody writes to
   * it yet.
   */
  create(number: number): Promise<'created' | 'exists'>;
  /**
   * Moves the registry from `expectedEpoch` to the next one, with a change, in one atomic call. A repeat after a lost answer
   * succeeds. `lost_race` where the registry had moved on otherwise: nothing was changed.
   */
  renameEpoch(expectedEpoch: number, change: RegistryChange): Promise<MoveResult>;
  /** Gives it the settings of a live one, and says whether it has what it can have on the nodes that there are. */
  restoreSettings(generation: string): Promise<Readiness>;
  /** The setting that keeps writes from it, by an operator, a full disk or `freeze`; undefined where none does. */
  writeBlock(generation: string): Promise<string | undefined>;
  /** Makes everything that was written to it visible. */
  refresh(generation: string): Promise<void>;
  /** What was visible in it at one moment. A document that was written after its last refresh is not in it: refresh first (design §9). */
  openSnapshot(generation: string): Promise<Snapshot>;
  /**
   * Before a swap away from it: readers see nothing newer in it from now on, and writes to it are answered `moved`. Resolves when no
   * write is under way any more.
   */
  freeze(generation: string): Promise<void>;
  /** Undoes `freeze`; does nothing where it is not frozen. */
  thaw(generation: string): Promise<void>;
  /**
   * How often what is written to a target becomes visible by itself. `relaxed` is up to 5 s, for a backlog; an interval that is not the
   * configured one is an operator's own, and stays. False where the registry has moved on: nothing was changed. Only for the one target
   * that there is: what registers another moves the registry first, so that this never meets a `freeze`.
   */
  paceRefreshes(target: WriteTarget, pace: RefreshPace): Promise<boolean>;
  /** Deletes it, with everything in it; nothing where it is gone. @throws Error where it is a write target still, a bug */
  drop(generation: string): Promise<void>;
  /** Which generation it is that has this name, and by which code it was made. */
  origin(generation: string): Promise<GenerationOrigin>;
  /** How the live generation stands to the code. */
  drift(): Promise<MappingDrift>;
  /** What the present code makes a generation of. */
  code(): CodeOrigin;
}

/** Other code has another one wherever it would make another generation. */
export interface CodeOrigin {
  readonly mappingHash: string;
  readonly foldVersion: number;
}

interface GenerationOrigin extends CodeOrigin {
  /** RFC 3339. */
  readonly createdAt: string;
}

export type RefreshPace = 'usual' | 'relaxed';

export type Readiness =
  | { readonly kind: 'ready' }
  /** `onlyCopies`: everything is there once, and nothing moves; what is missing is copies, for which the index finds no node. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly onlyCopies: boolean };

export interface Generation {
  /** `orders-000002` */
  readonly name: string;
  readonly number: number;
  readonly isLive: boolean;
  /** Receives every live write. */
  readonly isTarget: boolean;
  /** By `freeze`, and not thawed since. */
  readonly isFrozen: boolean;
  /** Visible ones. */
  readonly documents: number;
  readonly sizeBytes: number;
  readonly mappingHash: string;
  readonly foldVersion: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** One name under which documents are written: a generation through the write alias of one registry epoch. */
export interface WriteTarget {
  /** The generation's index name, `orders-000001`. */
  readonly generation: string;
  /** What a write is addressed to, `orders-000001-w7`: refused once the registry has moved on. */
  readonly address: string;
}

export interface Registry {
  readonly epoch: number;
  readonly live: WriteTarget;
  /** Every write target, the live one last. */
  readonly targets: readonly WriteTarget[];
}

/** What an operation changes in the registry; all write aliases move to the next epoch besides. */
export interface RegistryChange {
  /** Generations that become write targets. */
  readonly register?: readonly string[];
  /** Generations that are no longer. */
  readonly unregister?: readonly string[];
  /** Moves the read alias there. */
  readonly live?: string;
}

export type MoveResult =
  /** The registry is as intended, and every node knows. */
  | { readonly kind: 'moved'; readonly registry: Registry }
  /** Somebody else moved it: nothing of this change was carried out by this call. */
  | { readonly kind: 'lost_race'; readonly registry: Registry };

/** Lists are in the order of the order ids' UTF-8 bytes ({@link compareOrderIds}), and empty at the end. */
export interface Snapshot {
  /** The orders of one of `slices` parts, after the given order id. An order whose document did not change stays in its part. */
  orders(page: SnapshotPage & { readonly slice: Slice }): Promise<readonly StoredOrder[]>;
  /** Of every order the version and the digest of its events, after the given order id. */
  versions(page: SnapshotPage): Promise<readonly OrderVersion[]>;
  close(): Promise<void>;
}

export interface SnapshotPage {
  readonly after: string | undefined;
  readonly size: number;
}

export interface Slice {
  /** From 0. */
  readonly number: number;
  readonly slices: number;
}

export interface StoredOrder {
  readonly orderId: string;
  readonly version: number;
  readonly events: readonly OrderEvent[];
  readonly aggregateKeys?: readonly string[];
}

export interface OrderVersion {
  readonly orderId: string;
  readonly version: number;
  /** Of a document that code before fold version 4 wrote it is not known. */
  readonly eventsDigest: string | undefined;
}

/** How a generation's mapping stands to the code's. */
export interface MappingDrift {
  readonly mapping: 'current' | 'additive' | 'rebuild needed';
  readonly reason?: string;
}

/** A snapshot is kept for minutes only between two pages: open another one, after a refresh. */
export class SnapshotLostError extends Error {
  readonly code = 'SNAPSHOT_LOST';
  override readonly name = 'SnapshotLostError';
}

/** The order in which both backends list order ids: by their UTF-8 bytes, which is not JavaScript's beyond U+FFFF. */
export function compareOrderIds(a: string, b: string): number {
  return compareUtf8(a, b);
}
