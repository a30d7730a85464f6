import type { OrderIndex } from '../order-index/port.ts';
import type { ReadMark } from './read-mark.ts';

/**
 * The steps of design §3, in their order; an activation has only those from REFRESH to SWAP, a rebuild of an aggregate only ROLLUPS.
 */
export const STEPS = [
  'CREATE',
  'REGISTER',
  'SNAPSHOT',
  'COPY',
  'CATCH_UP',
  'RESTORE_SETTINGS',
  'REFRESH',
  'VALIDATE',
  'SWAP',
  'ROLLUPS',
  'PRUNE',
] as const;
export type Step = (typeof STEPS)[number];
export type End = 'DONE' | 'FAILED' | 'CANCELLED';

export interface RebuildRequest {
  /** `orders`, or an aggregate's name. */
  readonly projection: string;
  readonly source: 'index' | 'history' | 'file';
  /** Of a `file`: relative to `IMPORT_DIR`. */
  readonly path?: string;
  /** Of the `history`: RFC 3339, what was published before is not read. */
  readonly from?: string;
  readonly activate: boolean;
  /** How many standbys stay. */
  readonly keep: number;
  readonly allowPartial: boolean;
}

/**
 * A run of the machine, as it is kept in `orders-control` after every transition: whatever instance reads it can go on with it. Only
 * what is here is known after a crash.
 */
export interface RunState {
  readonly id: string;
  /** `activate`: an operator swaps to a generation that is there already. */
  readonly kind: 'rebuild' | 'activation';
  readonly request: RebuildRequest;
  readonly step: Step | End;
  /** What is built, or swapped to; empty before it is chosen. */
  readonly generation: string;
  readonly number: number;
  /** What was live when that was chosen, or when the generation was validated. */
  readonly from: string;
  /**
   * The registry's epoch that the next change is to be built upon. A runner that has lost its lease has an older one, and changes
   * nothing (design §2, "fenced").
   */
  readonly epoch: number;
  readonly copy: CopyProgress;
  readonly replay: ReplayProgress;
  /** Standbys that are to go; undefined before it is known which. */
  readonly surplus?: readonly string[];
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly finishedAt?: number;
  readonly error?: string;
  /** Undefined where it gets on. */
  readonly held?: Held;
  /** The rate of late, a second. */
  readonly rate?: number;
}

/** Why a run does not get on at the moment, and since when. Epoch milliseconds. */
export interface Held {
  readonly reason: string;
  readonly since: number;
  /** Since when nothing else holds it up but what it goes on without in the end. */
  readonly dispensableSince?: number;
}

/** What was copied of the live generation's own events. */
export interface CopyProgress {
  /** Orders, by the last count; undefined before it. */
  readonly total?: number;
  readonly copied: number;
  /** Of each slice the order id up to which it is copied. */
  readonly slices: readonly { readonly after?: string; readonly done: boolean }[];
}

/** What was folded of a history or a file. */
export interface ReplayProgress {
  readonly total?: number;
  readonly processed: number;
  /** Everything before this position is in the generation, or parked; never beyond an event that only memory holds. */
  readonly position: number;
  /** Undefined before anything was read. */
  readonly mark?: ReadMark;
  readonly done: boolean;
  readonly unparseable: number;
  /** Whether early events were parked to bound the memory: what was read no longer says whose. */
  readonly hasParked?: boolean;
  /** Orders whose first events are nowhere. */
  readonly withoutBeginning: number;
  /** The first of these. */
  readonly namedWithoutBeginning: readonly string[];
  /** Epoch milliseconds: when the last event that was read was published. */
  readonly readTo?: number;
}

/** The projection that the aggregates derive from. */
export const ORDERS = 'orders';

const SLICES = 3;

export interface NewRun {
  readonly id: string;
  readonly kind: RunState['kind'];
  readonly request: RebuildRequest;
  readonly startedAt: number;
  /** Of an activation. */
  readonly target?: Target;
}

/** A generation, and what stood in the registry when it was looked up. */
export interface Target {
  readonly generation: string;
  readonly number: number;
  readonly from: string;
  readonly epoch: number;
}

const NO_TARGET: Target = { generation: '', number: 0, from: '', epoch: 0 };

export function newRun({ target = NO_TARGET, ...run }: NewRun): RunState {
  return {
    ...run,
    ...target,
    step: firstStep(run),
    copy: { copied: 0, slices: Array.from({ length: SLICES }, () => ({ done: false })) },
    replay: {
      ...{ processed: 0, position: 0, done: run.request.source === 'index', unparseable: 0 },
      ...{ withoutBeginning: 0, namedWithoutBeginning: [] },
    },
  };
}

function firstStep({ kind, request }: Omit<NewRun, 'target'>): Step {
  if (request.projection !== ORDERS) return 'ROLLUPS';
  return kind === 'rebuild' ? 'CREATE' : 'REFRESH';
}

/** Ended, and nothing left to clean up. */
export function isOver({ finishedAt }: RunState): boolean {
  return finishedAt !== undefined;
}

/** Until the alias moves; what comes after it is done to the end. */
export function canBeCancelled({ step, request }: RunState): boolean {
  const isPastSwap = step === 'ROLLUPS' && request.projection === ORDERS;
  return step !== 'SWAP' && step !== 'PRUNE' && !isPastSwap && !isEnd(step);
}

export function isEnd(step: Step | End): step is End {
  return step === 'DONE' || step === 'FAILED' || step === 'CANCELLED';
}

/** Everything that the live generation had is there. It comes first whatever the source: what is live is not to be lost by any. */
export function isCopied({ copy }: RunState): boolean {
  return copy.slices.every(({ done }) => done);
}

/** What of the index the rebuild uses. */
export type RebuildIndex = Pick<
  OrderIndex,
  | 'registry'
  | 'load'
  | 'write'
  | 'park'
  | 'unpark'
  | 'stripParked'
  | 'listParked'
  | 'listDeadLetters'
  | 'forgetOrder'
  | 'generations'
  | 'readControl'
  | 'writeControl'
>;

/** What rebuilds need of the aggregates. All reject with IndexUnavailableError. */
export interface RebuildRollups {
  /** How far the aggregates derive from a generation of the orders: readers see none any more that derives from another one. */
  derivation(orders: string): Promise<RollupProgress>;
  /** Has one aggregate rebuilt for a run, and says how far that is. */
  rebuild(aggregate: string, run: string): Promise<RollupProgress>;
  /** Lets that rest until `rebuild` is asked for again. */
  pause(aggregate: string, run: string): Promise<void>;
  /** Takes the request for it back. */
  withdraw(aggregate: string, run: string): Promise<void>;
}

export interface RollupProgress {
  readonly isDone: boolean;
  /** Empty before it has a name. */
  readonly generation: string;
  readonly processed: number;
  readonly total: number;
  /** Changes while somebody works on it. */
  readonly pulse: string;
}
