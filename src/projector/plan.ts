import { sameIdentity } from '../order/event.ts';
import { foldStored, newOrder, type OrderState, type StorageLimits } from '../order/fold.ts';
import { sequence, type Placement } from '../order/sequencing.ts';
import type { WorkingSet } from '../order/working-set.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import type { OrderIndex, Registry, WriteTarget } from '../order-index/port.ts';
import type { Job, Offer, OrderWork } from './work.ts';

/** What a round has made of one order's work. `fate` says how it ends: `open` as long as nothing stands against settling it. */
export interface Plan {
  readonly work: OrderWork;
  /** What was known before anything of the work was folded in. */
  readonly before: OrderState;
  readonly state: OrderState;
  /** The generation that the state was loaded from, undefined where it came from the working set. */
  readonly loadedFrom: string | undefined;
  readonly changed: boolean;
  readonly placements: Map<Offer, Placement>;
  /** Early deliveries that wait in memory for a moment before they are parked (`early-hold.ts`). */
  held: readonly Job[];
  fate: Fate;
}

/** Whether a snapshot or an erasure went over a hole: the version grew by more than the events that were applied. */
export function jumped({ before, state, placements }: Pick<Plan, 'before' | 'state' | 'placements'>): boolean {
  const applied = [...placements.values()].filter(({ kind }) => kind === 'applied').length;
  return state.version - before.version > applied;
}

/** Start over with a fresh look and a fresh load. */
export interface Again {
  readonly kind: 'again';
  /** What was found parked. */
  readonly parked: OrderWork['parked'];
  readonly written: boolean;
  /** What was parked and is contained by now is dropped already. */
  readonly unparked?: boolean;
  readonly moved?: string;
}

export type Fate =
  | { readonly kind: 'open' }
  | Again
  /** The same during an outage: after a pause. */
  | { readonly kind: 'outage'; readonly reason: string }
  /** The live generation refuses the document. */
  | { readonly kind: 'refused'; readonly reason: string; readonly path: string };

export interface PlanDependencies {
  readonly index: Pick<OrderIndex, 'load'>;
  readonly workingSet: WorkingSet;
  readonly storageLimits: StorageLimits;
}

/** Steps 2 and 3 of design §1: loads what the working set lacks and folds each order's events in. */
export async function planAll(works: readonly OrderWork[], view: Registry, deps: PlanDependencies): Promise<Plan[]> {
  const known = works.filter((work) => !work.fresh && deps.workingSet.state(work.orderId) !== undefined);
  const plans = new Map<OrderWork, Plan>();
  for (const work of known) {
    const state = deps.workingSet.state(work.orderId);
    const plan = state && planOf(work, state, undefined, deps);
    if (plan && isBelievable(plan)) plans.set(work, plan);
    else deps.workingSet.drop(work.orderId);
  }
  const toLoad = works.filter((work) => !plans.has(work));
  const orderIds = toLoad.map(({ orderId }) => orderId);
  const loaded = await loadDocuments(deps.index, view.live, orderIds);
  for (const work of toLoad) {
    const document = loaded.get(work.orderId);
    const state = document ? foldStored(work.orderId, document.events, document.aggregateKeys) : newOrder(work.orderId);
    plans.set(work, planOf(work, state, view.live.generation, deps));
  }
  return works.flatMap((work) => plans.get(work) ?? []);
}

/**
 * Whether what the working set has is enough to go by. Not for a gap or a refusal: it may be ahead of what will ever be written. Nor for a
 * duplicate, which is acknowledged without a write: the index that it was written to may be gone, and another one be there in its name.
 */
function isBelievable(plan: Plan): boolean {
  return plan.changed && !hasEarlyOrRefused(plan);
}

/**
 * Folds onto a state and keeps the result for the order's next batch, which begins when this one is done with the order (`order-lines.ts`).
 */
function planOf(work: OrderWork, state: OrderState, loadedFrom: string | undefined, deps: PlanDependencies): Plan {
  const sequenced = sequence<Offer>(state, offersOf(work), deps.storageLimits);
  const changed = sequenced.state.version !== state.version;
  const plan: Plan = { work, before: state, loadedFrom, changed, ...sequenced, held: [], fate: { kind: 'open' } };
  if (loadedFrom !== undefined || !hasEarlyOrRefused(plan)) deps.workingSet.keep(sequenced.state);
  return plan;
}

/** Parked events came first, so they stand first; but a delivery goes before a parked copy of itself, which is then the duplicate. */
function offersOf({ jobs, parked }: OrderWork): Offer[] {
  const isCopy = ({ event }: Offer) => jobs.some((job) => sameIdentity(job.event, event));
  return [...parked.filter((offer) => !isCopy(offer)), ...jobs, ...parked.filter(isCopy)];
}

function hasEarlyOrRefused(plan: Plan): boolean {
  for (const { kind } of plan.placements.values()) if (kind === 'early' || kind === 'refused') return true;
  return false;
}

/** Whether a plan's document must go to a target. A duplicate goes wherever it is not known to be (design §2, Acknowledge last). */
export function needsWrite({ changed, state, placements, loadedFrom }: Plan, target: WriteTarget): boolean {
  if (changed) return true;
  return state.version > 0 && hasDuplicate(placements) && target.generation !== loadedFrom;
}

function hasDuplicate(placements: Plan['placements']): boolean {
  for (const { kind } of placements.values()) if (kind === 'duplicate') return true;
  return false;
}
