import { BrokerUnavailableError } from '../broker/port.ts';
import { isKnownEvent, type Refusal } from '../order/event.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import type { OrderLines, Place } from './order-lines.ts';
import type { Plan } from './plan.ts';
import { runRound, type RoundDependencies } from './round.ts';
import type { Job, Offer, OrderWork, Unparked } from './work.ts';

export interface BatchDependencies extends RoundDependencies {
  /** Acknowledges a delivery; what became of it is final. */
  readonly settle: (job: Job, outcome: SettledOutcome) => void;
  /** Has a delivery dead-lettered, and settled after that. Nobody waits for it here: the broker may take no letters for long. */
  readonly refuse: (job: Job, refusal: Refusal) => void;
  readonly lines: OrderLines;
  /** Keeps early events unsettled, and offers them again later. */
  readonly hold: (jobs: readonly Job[]) => void;
  /**
   * Told of every round that an outage spoilt, and of how many events, with a probe of just that; with undefined once one has gone through.
   */
  readonly outage: (reason: string | undefined, spoiltEvents: number, probe: Probe) => void;
  /**
   * Waits before the next round: longer with every outage in a row, briefly where rounds start over too often (a swap holds writers
   * back for some milliseconds). Rejects once the process will wait no longer: what is unsettled then goes back to the broker.
   */
  readonly pause: (attempt: number, why: 'outage' | 'restart') => Promise<void>;
}

/**
 * Tells what an outage still keeps from getting through of what it has spoilt, by doing it once more; it settles nothing. Nothing less
 * would tell: the index may answer, and yet refuse the very step that failed. Undefined where everything gets through.
 */
export type Probe = () => Promise<Spoilt | undefined>;

export interface Spoilt {
  readonly events: number;
  readonly reason: string;
}

export type SettledOutcome = 'applied' | 'duplicate' | 'parked' | 'skipped' | 'dead_lettered';

/** Rounds without an outage after which starting over waits a little. */
const EAGER_ROUNDS = 3;
/** A swap refuses writes for some milliseconds. Where they are refused for longer, somebody else's write block is in the way. */
const MOVED_ROUNDS = 10;

/**
 * Runs rounds over a batch until every event of it is settled: applied, found to be there already, parked, or dead-lettered.
 * Through any outage nothing is settled before it is durable.
 * @throws what `pause` rejects with
 */
export async function projectBatch(works: readonly OrderWork[], deps: BatchDependencies): Promise<void> {
  const place = deps.lines.enter(works.map(({ orderId }) => orderId));
  try {
    await projectInTurn(works, place, deps);
  } finally {
    place.leave(works.map(({ orderId }) => orderId));
  }
}

/** Orders that another batch is at work with wait for their turn; the others go ahead. */
async function projectInTurn(works: readonly OrderWork[], place: Place, deps: BatchDependencies): Promise<void> {
  let open = works;
  const refused: RefusedPlan[] = [];
  let outages = 0;
  let moves = 0;
  for (let round = 1; open.length > 0;) {
    const ready = open.filter(({ orderId }) => place.isFirst(orderId));
    if (ready.length === 0) {
      await place.changed();
      continue;
    }
    const result = await tryRound(ready, deps);
    const again = new Set(result.again.map(({ orderId }) => orderId));
    place.leave(ready.map(({ orderId }) => orderId).filter((orderId) => !again.has(orderId)));
    refused.push(...result.refused);
    open = [...result.again, ...open.filter((work) => !ready.includes(work))];
    moves = result.moved === undefined ? 0 : moves + 1;
    const outage = result.outage ?? (moves > MOVED_ROUNDS ? result.moved : undefined);
    deps.outage(outage, eventsIn(result.spoilt), probeOf(result.spoilt, deps));
    // What got through says that it is no time yet for long pauses.
    const gotThrough = result.again.length < ready.length;
    outages = outage === undefined ? 0 : gotThrough ? 1 : outages + 1;
    if (outages > 0) await deps.pause(outages, 'outage');
    else if (result.again.length > 0 && round > EAGER_ROUNDS) await deps.pause(round, 'restart');
    round += 1;
  }
  // Once no order is held any more: who waits for one of these may be first in the line of a refused one.
  for (const plan of refused) await blame(plan, deps);
}

function probeOf(spoilt: readonly OrderWork[], deps: BatchDependencies): Probe {
  let left = spoilt;
  return async () => {
    const { works, reason } = await stillSpoilt(left, deps);
    left = works;
    return works.length === 0 ? undefined : { events: eventsIn(works), reason };
  };
}

/** Work that nobody has delivered counts too: it was tried. */
function eventsIn(works: readonly OrderWork[]): number {
  const delivered = works.reduce((sum, { jobs }) => sum + jobs.length, 0);
  return works.length === 0 ? 0 : Math.max(1, delivered);
}

/**
 * Of what an outage has spoilt, what it still keeps from getting through: the same round once more, whatever has become of its deliveries.
 */
async function stillSpoilt(works: readonly OrderWork[], deps: BatchDependencies): Promise<SpoiltWorks> {
  const orderIds = works.map(({ orderId }) => orderId);
  const place = deps.lines.enter(orderIds);
  try {
    while (!orderIds.every((orderId) => place.isFirst(orderId))) await place.changed();
    const plans = await runRound(
      works.map((work) => ({ ...work, fresh: true })),
      deps,
    );
    const spoilt = plans.filter(isSpoilt);
    return { works: spoilt.map(({ work }) => work), reason: spoilt.flatMap(reasonOf)[0] ?? '' };
  } catch (error) {
    if (!(error instanceof IndexUnavailableError) && !(error instanceof BrokerUnavailableError)) throw error;
    for (const orderId of orderIds) deps.workingSet.drop(orderId);
    return { works, reason: error.message };
  } finally {
    place.leave(orderIds);
  }
}

interface SpoiltWorks {
  readonly works: readonly OrderWork[];
  readonly reason: string;
}

interface RoundResult {
  readonly again: readonly OrderWork[];
  readonly refused: readonly RefusedPlan[];
  /** What `outage` or `moved` has kept from getting through. */
  readonly spoilt: readonly OrderWork[];
  readonly outage?: string;
  /** Why a write was refused at an address that should be looked up again. */
  readonly moved?: string;
}

async function tryRound(works: readonly OrderWork[], deps: BatchDependencies): Promise<RoundResult> {
  let plans: Plan[];
  try {
    plans = await runRound(works, deps);
  } catch (error) {
    if (!(error instanceof IndexUnavailableError) && !(error instanceof BrokerUnavailableError)) throw error;
    for (const { orderId } of works) deps.workingSet.drop(orderId);
    const again = works.map((work) => ({ ...work, fresh: true }));
    return { again, refused: [], spoilt: again, outage: error.message };
  }
  await deps.reached('before settling');
  for (const plan of plans) if (plan.fate.kind === 'open') settle(plan, deps);
  const again = plans.flatMap(nextWork);
  const outage = plans.flatMap(({ fate }) => (fate.kind === 'outage' ? [fate.reason] : []))[0];
  const moved = plans.flatMap(({ fate }) => (fate.kind === 'again' ? (fate.moved ?? []) : []))[0];
  return {
    again,
    refused: plans.filter(isRefused),
    spoilt: plans.filter(isSpoilt).map(({ work }) => work),
    ...(outage !== undefined && { outage }),
    ...(moved !== undefined && { moved }),
  };
}

function isSpoilt({ fate }: Plan): boolean {
  return fate.kind === 'outage' || (fate.kind === 'again' && fate.moved !== undefined);
}

function reasonOf({ fate }: Plan): string[] {
  if (fate.kind === 'outage') return [fate.reason];
  return fate.kind === 'again' && fate.moved !== undefined ? [fate.moved] : [];
}

type RefusedPlan = Plan & {
  readonly fate: { readonly kind: 'refused'; readonly reason: string; readonly path: string };
};

function isRefused(plan: Plan): plan is RefusedPlan {
  return plan.fate.kind === 'refused';
}

function settle(plan: Plan, deps: BatchDependencies): void {
  for (const [offer, placement] of plan.placements) {
    if (offer.origin === 'parked' || plan.held.includes(offer)) continue;
    if (placement.kind === 'refused') deps.refuse(offer, placement.refusal);
    else deps.settle(offer, outcomeOf(offer, placement.kind, plan.work));
  }
  if (plan.held.length > 0) deps.hold(plan.held);
}

function outcomeOf(job: Job, placement: 'applied' | 'duplicate' | 'early', work: OrderWork): SettledOutcome {
  switch (placement) {
    case 'applied':
      return isKnownEvent(job.event) ? 'applied' : 'skipped';
    case 'duplicate':
      return work.applied.includes(job) ? outcomeOf(job, 'applied', work) : 'duplicate';
    case 'early':
      return 'parked';
  }
}

function nextWork(plan: Plan): OrderWork[] {
  const { work, fate } = plan;
  if (fate.kind === 'outage') return [{ ...work, fresh: true }];
  if (fate.kind !== 'again') return [];
  const applied = fate.written ? [...work.applied, ...appliedJobs(plan)] : work.applied;
  const known = fate.unparked === true ? work.parked.filter((parked) => isEarly(plan, parked)) : work.parked;
  return [{ ...work, fresh: true, parked: merged(known, fate.parked), applied }];
}

function isEarly({ placements }: Plan, offer: Offer): boolean {
  return placements.get(offer)?.kind === 'early';
}

function appliedJobs(plan: Plan): Job[] {
  return [...plan.placements].flatMap(([offer, { kind }]) =>
    offer.origin === 'delivery' && kind === 'applied' ? [offer] : [],
  );
}

function merged(known: readonly Unparked[], found: readonly Unparked[]): Unparked[] {
  return [...new Map([...known, ...found].map((parked) => [parked.event.sequence, parked])).values()];
}

/**
 * The live generation refused a document. Blame falls only on a single event folded alone onto a fresh load; otherwise each event of
 * the order is tried by itself, the lowest sequence first, and its neighbours go free.
 */
async function blame({ work, fate }: RefusedPlan, deps: BatchDependencies): Promise<void> {
  const offers = [...work.parked, ...work.jobs].sort((a, b) => a.event.sequence - b.event.sequence);
  if (!work.alone) {
    for (const offer of offers) await projectBatch([aloneWork(offer)], deps);
    // What was waiting behind them is looked for once more, as after any write.
    await projectBatch([{ orderId: work.orderId, jobs: [], parked: [], fresh: true, alone: false, applied: [] }], deps);
    return;
  }
  const refusal: Refusal = { reason: 'refused_by_index', path: fate.path, message: fate.reason };
  for (const offer of offers) {
    if (offer.origin === 'delivery') deps.refuse(offer, refusal);
    else if (await deps.deadLetterParked(offer, refusal)) await unparkSurely(offer, deps);
  }
}

async function unparkSurely({ orderId, event: { sequence } }: Unparked, deps: BatchDependencies): Promise<void> {
  const failure = async () => {
    try {
      await deps.index.unpark([{ orderId, sequence }]);
      return undefined;
    } catch (error) {
      if (error instanceof IndexUnavailableError) return error.message;
      throw error;
    }
  };
  for (let attempt = 1; ; attempt++) {
    const reason = await failure();
    deps.outage(reason, 1, async () => {
      const left = await failure();
      return left === undefined ? undefined : { events: 1, reason: left };
    });
    if (reason === undefined) return;
    await deps.pause(attempt, 'outage');
  }
}

function aloneWork(offer: Offer): OrderWork {
  const { orderId } = offer;
  const base = { orderId, fresh: true, alone: true, applied: [] };
  return offer.origin === 'delivery' ? { ...base, jobs: [offer], parked: [] } : { ...base, jobs: [], parked: [offer] };
}
