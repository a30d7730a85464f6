import { plusDays } from '../order/day.ts';
import { later } from '../order/instant.ts';
import type { Checkpoint } from '../order-index/port.ts';

/** How far one aggregate is, as it is kept in `orders-control`: whoever leads next goes on from here. */
export interface RollupState {
  /**
   * Grows with every turn, before anything of it is done: rows are written under it, so nothing that a turn writes replaces what a later
   * one wrote. Of two leaders only one takes a round (compare-and-set).
   */
  readonly round: number;
  /** What readers see; absent before the first was built. */
  readonly live?: LiveRollup;
  /** The next one, beside it. */
  readonly building?: BuildingRollup;
  /** RFC 3339; the newest event time seen, times far ahead of the clock aside. */
  readonly newestEventTime?: string;
  /** The highest number that a generation had: no name is ever used again. */
  readonly lastNumber?: number;
  /** The request that was carried out last. */
  readonly fulfilled?: string;
}

/** From which generation of the orders. One that is dropped and made again under its name is another one. */
export interface Origin {
  readonly orders: string;
  /** RFC 3339, when that generation was made. */
  readonly createdAt: string;
}

export interface LiveRollup {
  readonly generation: string;
  readonly origin: Origin;
  /** All that was written to the orders up to here is counted. */
  readonly checkpoint: Checkpoint;
  /** RFC 3339: every event that was published until then is counted (contract §3). */
  readonly asOf: string;
  /** Epoch milliseconds: when this was found out. */
  readonly refreshedAt: number;
  /** Keys that it was built of. */
  readonly built: number;
  /** A day: those before it were not counted, or were dropped, whatever is to be kept now. Absent where every day is whole. */
  readonly wholeFrom?: string;
}

export interface BuildingRollup {
  readonly generation: string;
  readonly number: number;
  readonly origin: Origin;
  readonly checkpoint: Checkpoint;
  readonly asOf: string;
  /** The key of the orders up to which it is built. */
  readonly after?: string;
  /** Keys that are done, and about how many there are. */
  readonly processed: number;
  readonly total: number;
  /** All keys are done. */
  readonly isComplete: boolean;
  readonly wholeFrom?: string;
  /** The request that it is built for; absent where the orders' generation has changed. */
  readonly request?: string;
}

/** What an operator asks for: one rebuild of the aggregate, by its id. */
export interface RollupRequest {
  readonly id: string;
  readonly paused: boolean;
}

/** What there is beside the state when a turn begins. */
export interface Surroundings {
  /** The live generation of the orders. */
  readonly origin: Origin;
  /** Whether that generation's documents say what they contribute. */
  readonly isCounted: boolean;
  /** Whether the generation that the live aggregate derives from is still written to. */
  readonly isOriginWritten: boolean;
  readonly request: RollupRequest | undefined;
  /** The first day that is to be kept; undefined: all are. */
  readonly keptFrom: string | undefined;
}

export type Turn =
  /** Nothing can be derived before the orders are rebuilt by this code. */
  | { readonly kind: 'wait for orders' }
  | { readonly kind: 'begin'; readonly request?: string }
  /** What it was built from, or for, is no longer wanted. */
  | { readonly kind: 'abandon' }
  | { readonly kind: 'build'; readonly building: BuildingRollup }
  | { readonly kind: 'activate'; readonly building: BuildingRollup }
  | { readonly kind: 'rest' };

/** What is to be built, if anything; the live one is refreshed besides. Pure. */
export function nextTurn({ live, building, fulfilled }: RollupState, around: Surroundings): Turn {
  const { origin, isCounted, request } = around;
  if (building) return goOn(building, around);
  const isRequested = request !== undefined && request.id !== fulfilled && !request.paused;
  const isDerived = live !== undefined && isSame(live.origin, origin) && !lacksDays(live, around);
  if (isDerived && !isRequested) return { kind: 'rest' };
  if (!isCounted) return { kind: 'wait for orders' };
  return { kind: 'begin', ...(isRequested && { request: request.id }) };
}

/** More is to be kept than was. A day less or more is another instance's clock, and heals by itself as days go by. */
function lacksDays({ wholeFrom }: LiveRollup, { keptFrom }: Pick<Surroundings, 'keptFrom'>): boolean {
  return wholeFrom !== undefined && (keptFrom === undefined || plusDays(keptFrom, 1) < wholeFrom);
}

/** From which day on there are whole rows: what was not kept once is not there, and what is to be kept no more is being dropped. */
export function wholeFrom(before: string | undefined, keptFrom: string | undefined): { readonly wholeFrom?: string } {
  const day = later(before ?? '', keptFrom ?? '');
  return day === '' ? {} : { wholeFrom: day };
}

function goOn(building: BuildingRollup, { origin, request }: Surroundings): Turn {
  const isUnwanted = building.request !== undefined && building.request !== request?.id;
  if (isUnwanted || !isSame(building.origin, origin)) return { kind: 'abandon' };
  if (building.isComplete) return { kind: 'activate', building };
  return building.request !== undefined && request?.paused === true ? { kind: 'rest' } : { kind: 'build', building };
}

export function isSame(a: Origin, b: Origin): boolean {
  return a.orders === b.orders && a.createdAt === b.createdAt;
}

/** RFC 3339, in event time; undefined before the first event. */
export function watermarkOf({ newestEventTime }: RollupState, lateGraceSeconds: number): string | undefined {
  if (newestEventTime === undefined) return undefined;
  return new Date(Date.parse(newestEventTime) - lateGraceSeconds * 1_000).toISOString();
}
