import { sameIdentity, type OrderEvent, type Refusal } from '../order/event.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import { documentWrite } from '../order-index/document-write.ts';
import { identityOf, type StorageLimits } from '../order/fold.ts';
import { placeTaken } from '../order/sequencing.ts';
import { forgetOrder } from '../order-index/forget-order.ts';
import type { OrderIndex, ParkedPlace, Registry, WriteOutcome, WriteTarget } from '../order-index/port.ts';
import { needsWrite, planAll, type Again, type Plan } from './plan.ts';
import type { StringsOf } from '../order/flatten.ts';
import type { WorkingSet } from '../order/working-set.ts';
import type { ParkedLetters } from './parked-letters.ts';
import type { StandbyPatience, WhyNotWritten } from './standby-patience.ts';
import { successorsOf } from './successors.ts';
import { unparked, type Job, type OrderWork } from './work.ts';
import type { WriteSize } from './write-size.ts';

/** The steps of design §1 and §2 in the order in which they happen; tests stop or kill the process at one of them. */
export type ProtocolStep =
  | 'looked'
  | 'folded'
  | 'written to a standby'
  | 'written'
  | 'parked'
  | 'looked again'
  | 'unparked'
  | 'dead-lettered'
  | 'before settling';

export interface RoundDependencies extends ParkedLetters {
  readonly index: Pick<
    OrderIndex,
    'registry' | 'load' | 'write' | 'park' | 'parkedAt' | 'unpark' | 'stripParked' | 'listParked' | 'forgetOrder'
  >;
  readonly workingSet: WorkingSet;
  readonly storageLimits: StorageLimits;
  readonly now: () => Date;
  /** Of texts that orders have in common. */
  readonly stringsOf: StringsOf;
  readonly reached: (step: ProtocolStep) => Promise<void>;
  readonly writeSize: WriteSize;
  /** Whether an early event may wait in memory for a moment instead of being parked. */
  readonly mayHold: (job: Job) => boolean;
  /** Takes a generation that lacks a write from now on out of the write targets; durable when it resolves. */
  readonly diverge: (generation: string, reason: string) => Promise<void>;
  readonly standbyPatience: StandbyPatience;
  /** What keeps writes from a generation by its settings, if anything does. */
  readonly writeBlock: (generation: string) => Promise<string | undefined>;
  /** Told of every version that the live generation has just taken. */
  readonly wrote: (written: Plan) => void;
}

/**
 * One round of the protocol over a batch (design §2, "Acknowledge last"; `docs/model/model.py` explores it): look, load, fold, write with
 * the live generation last, park, look again, drop what was parked and is contained, look for parked successors. A plan whose fate is
 * `open` at the end may be settled: everything that it says is durable wherever it must be.
 * @throws IndexUnavailableError, BrokerUnavailableError: nothing of the batch may be settled, and the round must be run again
 */
export async function runRound(works: readonly OrderWork[], deps: RoundDependencies): Promise<Plan[]> {
  const view = await deps.index.registry();
  await deps.reached('looked');
  const plans = await planAll(works, view, deps);
  await deps.reached('folded');
  const written = new Set<string>();
  await writeTargets(plans, view, written, deps);
  await park(plans, deps);
  await lookAgain(plans, written, deps);
  await unparkContained(plans, deps);
  await lookForSuccessors(plans, deps);
  for (const plan of open(plans)) if (isErasure(plan)) await forgetOrder(deps.index, plan.state);
  return plans;
}

/** Writes to every target not written yet, the live one last, and notes what each outcome means for its plan. */
async function writeTargets(plans: readonly Plan[], view: Registry, written: Set<string>, deps: RoundDependencies) {
  for (const target of view.targets) {
    if (written.has(target.generation)) continue;
    written.add(target.generation);
    const isLive = target.generation === view.live.generation;
    const todo = open(plans).filter((plan) => needsWrite(plan, target));
    if (todo.length === 0) continue;
    for (let left = todo; left.length > 0;) {
      const size = deps.writeSize.current();
      if (isLive) await writeLive(left.slice(0, size), target, deps);
      else await writeStandby(left.slice(0, size), target, view.live, deps);
      left = left.slice(size);
    }
    await deps.reached(isLive ? 'written' : 'written to a standby');
  }
}

async function writeLive(plans: readonly Plan[], target: WriteTarget, deps: RoundDependencies): Promise<void> {
  const outcomes = await writeSome(plans, target, deps);
  plans.forEach((plan, index) => {
    const outcome = outcomes[index];
    if (outcome?.kind === 'written') deps.wrote(plan);
    // Another instance wrote this version or a newer one: a fresh load tells what stands there.
    else if (outcome?.kind === 'present') plan.fate = plan.changed ? startedOver() : plan.fate;
    else if (outcome?.kind === 'refused') plan.fate = { kind: 'refused', reason: outcome.reason, path: outcome.path };
    else plan.fate = unwritten(outcome);
    if (plan.fate.kind !== 'open') deps.workingSet.drop(plan.state.orderId);
  });
}

/**
 * Who refused matters (design §2): a generation that readers do not see is no reason to blame a document, nor to stop taking. What it
 * refuses it will lack, and so it leaves the write targets; and so it does once it alone could not be written to for too long.
 */
async function writeStandby(plans: readonly Plan[], target: WriteTarget, live: WriteTarget, deps: RoundDependencies) {
  const outcomes = await writeSome(plans, target, deps);
  let reason: string | undefined;
  plans.forEach((plan, index) => {
    const outcome = outcomes[index];
    if (outcome?.kind === 'written' || outcome?.kind === 'present') return;
    if (outcome?.kind === 'refused') reason ??= refusalBy(target, plan, outcome);
    plan.fate = outcome?.kind === 'refused' ? startedOver() : unwritten(outcome);
    deps.workingSet.drop(plan.state.orderId);
  });
  const failure = plans.flatMap(failureOf)[0];
  if (failure === undefined) deps.standbyPatience.worked(target.address);
  else if (
    (await isAlone(target, live, plans, deps)) &&
    deps.standbyPatience.isExhausted(target.address, live.address, failure.why)
  )
    reason ??= `it could not be written to, and the live one could: ${failure.reason}`;
  if (reason === undefined) return;
  await deps.diverge(target.generation, reason);
  // It is no target any more, so there is nothing to wait for.
  for (const plan of plans) if (plan.fate.kind === 'outage') plan.fate = startedOver();
}

interface Failure {
  readonly why: WhyNotWritten;
  readonly reason: string;
}

function failureOf({ fate }: Plan): Failure[] {
  if (fate.kind === 'outage') return [{ why: 'unavailable', reason: fate.reason }];
  return fate.kind === 'again' && fate.moved !== undefined ? [{ why: 'blocked', reason: fate.moved }] : [];
}

/** The registry has not moved on from it, the live generation answers, and nothing keeps writes from that one either. */
async function isAlone(
  target: WriteTarget,
  live: WriteTarget,
  plans: readonly Plan[],
  { index, writeBlock }: RoundDependencies,
): Promise<boolean> {
  const orderIds = plans.slice(0, 1).map(({ state }) => state.orderId);
  if ((await index.load(live, orderIds)).kind !== 'loaded') return false;
  const { targets } = await index.registry();
  if (!targets.some(({ address }) => address === target.address)) return false;
  return (await writeBlock(live.generation)) === undefined;
}

function refusalBy(
  { generation }: WriteTarget,
  { state }: Plan,
  { path, reason }: { path: string; reason: string },
): string {
  const what = path === '' ? reason : `${path}: ${reason}`;
  return `${generation} refuses order ${state.orderId} at version ${state.version} (${what})`;
}

async function writeSome(plans: readonly Plan[], target: WriteTarget, deps: RoundDependencies) {
  const writes = plans.map(({ state }) => documentWrite(state, deps.now(), deps.stringsOf));
  const outcomes = await deps.index.write(target, writes, 'live');
  if (outcomes.some(({ kind }) => kind === 'unavailable')) deps.writeSize.strained();
  else deps.writeSize.eased();
  return outcomes;
}

function startedOver(moved?: string): Plan['fate'] {
  return { kind: 'again', parked: [], written: false, ...(moved !== undefined && { moved }) };
}

function unwritten(outcome: WriteOutcome | undefined): Plan['fate'] {
  if (outcome?.kind === 'moved') return startedOver(outcome.reason);
  return { kind: 'outage', reason: outcome && 'reason' in outcome ? outcome.reason : 'the write has no outcome' };
}

function open(plans: readonly Plan[]): Plan[] {
  return plans.filter(({ fate }) => fate.kind === 'open');
}

/** Keeps early events durably; then loads once more, since what fills the hole may have passed between the load and the parking. */
async function park(plans: readonly Plan[], deps: RoundDependencies): Promise<void> {
  for (const plan of open(plans)) plan.held = earlyJobs(plan).filter(deps.mayHold);
  const early = open(plans).flatMap((plan) => jobsToPark(plan).map((job) => ({ plan, job })));
  if (early.length === 0) return;
  const parkedAt = deps.now().toISOString();
  const outcomes = await deps.index.park(early.map(({ plan, job }) => ({ ...storable(plan, job), parkedAt })));
  await deps.reached('parked');
  const kept = early.map(({ plan, job }, index) => {
    const outcome = outcomes[index];
    const other = outcome?.kind === 'taken' && !sameIdentity(outcome.by, job.event) ? outcome.by : undefined;
    if (other) plan.placements.set(job, { kind: 'refused', refusal: parkedTwice(job.event, other) });
    return { plan, orderId: job.orderId, event: other ?? job.event };
  });
  await restartWhereFilled(kept, parkedAt, deps);
}

/** Of an erased order nothing is kept but the places of what came after. */
function storable({ state }: Plan, { orderId, event }: Job) {
  return { orderId, event: state.erasedAt === undefined ? event : identityOf(event) };
}

function earlyJobs(plan: Plan): Job[] {
  const jobs: Job[] = [];
  for (const [offer, { kind }] of plan.placements) {
    if (kind === 'early' && offer.origin === 'delivery') jobs.push(offer);
  }
  return jobs;
}

function jobsToPark(plan: Plan): Job[] {
  return earlyJobs(plan).filter((job) => !plan.held.includes(job));
}

function parkedTwice(event: OrderEvent, by: OrderEvent): Refusal {
  const parked = `by the parked event ${by.id} of ${by.source}`;
  return placeTaken(event.sequence, parked, by.type === 'order.skipped.v1');
}

/** An event that stands at its place among what is parked: the one that was just parked, or who was there before it. */
interface KeptParked {
  readonly plan: Plan;
  readonly orderId: string;
  readonly event: OrderEvent;
}

/**
 * What stands parked goes along, so that it is dropped again once it is in the document. Where another instance has erased
 * the order, it may have looked at what is parked before these were, now or in an earlier round that was interrupted here.
 */
async function restartWhereFilled(
  kept: readonly KeptParked[],
  parkedAt: string,
  deps: RoundDependencies,
): Promise<void> {
  const { live } = await deps.index.registry();
  const documents = await loadDocuments(deps.index, live, [...new Set(kept.map(({ orderId }) => orderId))]);
  for (const [plan, events] of Map.groupBy(kept, ({ plan }) => plan)) {
    const { version = 0, erasedAt } = documents.get(plan.state.orderId) ?? {};
    if (erasedAt !== undefined)
      await deps.index.stripParked(events.map(({ orderId, event }) => ({ orderId, sequence: event.sequence })));
    if (events.every(({ event }) => version < event.sequence - 1)) continue;
    startOver(plan, deps, { parked: events.map(({ orderId, event }) => unparked({ orderId, event, parkedAt })) });
  }
}

/** The second look: writes to what has become a target meanwhile, and looks again, until there is nothing new. */
async function lookAgain(plans: readonly Plan[], written: Set<string>, deps: RoundDependencies): Promise<void> {
  let view = await deps.index.registry();
  while (!view.targets.every(({ generation }) => written.has(generation))) {
    await writeTargets(plans, view, written, deps);
    view = await deps.index.registry();
  }
  await deps.reached('looked again');
}

/** Two projectors can pass each other: one parks what the other's write has just made due. By id and in real time, never by search. */
async function lookForSuccessors(plans: readonly Plan[], deps: RoundDependencies): Promise<void> {
  const candidates = open(plans).filter(({ work }) => !work.alone);
  const next = await deps.index.parkedAt(candidates.map(({ state }) => placeAfter(state)));
  const found = next.filter((parked) => !deps.isKeptParked(parked));
  if (found.length === 0) return;
  const successors = await successorsOf(found, deps.index);
  for (const plan of candidates) {
    const parked = successors.get(plan.state.orderId);
    if (parked) startOver(plan, deps, { parked: parked.map(unparked), unparked: true });
  }
}

function placeAfter({ orderId, version }: Plan['state']): ParkedPlace {
  return { orderId, sequence: version + 1 };
}

/** What was written stays written; the order is loaded and folded again, with these parked events. */
function startOver(plan: Plan, deps: RoundDependencies, found: Pick<Again, 'parked' | 'unparked'>): void {
  deps.workingSet.drop(plan.state.orderId);
  plan.fate = { kind: 'again', written: true, ...found };
}

/** Deleting a parked event is an acknowledgement: only now is what it became durable everywhere. */
async function unparkContained(plans: readonly Plan[], deps: RoundDependencies): Promise<void> {
  const places: ParkedPlace[] = [];
  for (const plan of open(plans)) {
    for (const [offer, placement] of plan.placements) {
      if (offer.origin !== 'parked' || placement.kind === 'early') continue;
      if (placement.kind === 'refused' && !(await deps.deadLetterParked(offer, placement.refusal))) continue;
      places.push({ orderId: offer.orderId, sequence: offer.event.sequence });
    }
  }
  if (places.length === 0) return;
  await deps.index.unpark(places);
  await deps.reached('unparked');
}

/** Also when the erasure comes again: whoever wrote the tombstone may have died before this. */
function isErasure({ state, placements }: Plan): boolean {
  return state.erasedAt !== undefined && [...placements.keys()].some(({ event }) => event.type === 'order.erased.v1');
}
