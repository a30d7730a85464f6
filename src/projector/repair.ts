import { UnroutableError, type Broker } from '../broker/port.ts';
import type { OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';
import { declareMissing } from './declare-missing.ts';
import { gapOfOrder, listGaps, sizeOf, type GapIndex, type OrderGap, type SequenceRange } from './gaps.ts';
import { republishFromHistory } from './missing-from-history.ts';

export interface RepairRequest {
  /** Undefined: every gapped order. One that is named is repaired though its grace has not ended. */
  readonly orderId?: string;
  /** `history`: the missing events are looked for there and published again. `skip`: they are declared missing, for good. */
  readonly missing: 'history' | 'skip';
  /** Who asks for it. */
  readonly by: string;
}

export type RepairOutcome =
  | { readonly kind: 'repaired'; readonly report: RepairReport }
  /** Nothing of the order that was named is parked. */
  | { readonly kind: 'nothing_parked' }
  | { readonly kind: 'refused'; readonly reason: string }
  /** This instance is at another repair. */
  | { readonly kind: 'busy' };

export interface RepairReport {
  /** Orders with missing events that were looked at. */
  readonly orders: number;
  /** Missing events that the history has. */
  readonly found: number;
  /** Of these, published again. Whether they are applied is the projector's. */
  readonly republished: number;
  readonly skipped: number;
  /** How many orders still lack something. */
  readonly ordersStillMissing: number;
  /** The first of these. */
  readonly stillMissing: readonly { readonly orderId: string; readonly missing: readonly SequenceRange[] }[];
}

export interface RepairDependencies {
  readonly index: GapIndex & Pick<OrderIndex, 'readControl' | 'writeControl'>;
  readonly broker: Pick<Broker, 'publish' | 'readHistory'>;
  readonly log: Logger;
  readonly graceMs: number;
  readonly maxMessageBytes: number;
  readonly now: () => Date;
  /** Ends a scan of the history, and a look at what is parked, when the service stops. */
  readonly signal: AbortSignal;
}

/** A number of sequences beyond all reason is a mistake of the producer's, which skipping would only make worse. */
const MAX_SKIPS_AN_ORDER = 10_000;
const MAX_SKIPS = 100_000;
const MAX_ORDERS = 100_000;
const SHOWN_ORDERS = 100;
const PUBLISH_AT_ONCE = 500;

/**
 * Fills holes on an operator's request, one request at a time. Whatever breaks off halfway may be asked for again: what was published
 * already is a duplicate then.
 * @throws (from the function) IndexUnavailableError, BrokerUnavailableError
 */
export function createRepair(deps: RepairDependencies): (request: RepairRequest) => Promise<RepairOutcome> {
  let isBusy = false;
  return async (request) => {
    if (isBusy) return { kind: 'busy' };
    isBusy = true;
    try {
      return await repair(request, deps);
    } catch (error) {
      if (error instanceof UnroutableError) return { kind: 'refused', reason: error.message };
      throw error;
    } finally {
      isBusy = false;
    }
  };
}

async function repair(request: RepairRequest, deps: RepairDependencies): Promise<RepairOutcome> {
  const gaps = await gapsFor(request, deps);
  if (gaps === undefined) return { kind: 'nothing_parked' };
  if (gaps.length > MAX_ORDERS) {
    return { kind: 'refused', reason: `More than ${MAX_ORDERS} orders lack events: rebuild from the history instead.` };
  }
  const broken = request.missing === 'skip' ? whyNotSkip(gaps) : undefined;
  if (broken !== undefined) return { kind: 'refused', reason: broken };
  const report = request.missing === 'skip' ? await skip(gaps, request.by, deps) : await fetchMissing(gaps, deps);
  const { orderId, missing, by } = request;
  const { stillMissing: _listed, ...counts } = report;
  deps.log.info({ orderId, missing, by, ...counts }, 'orders repaired');
  return { kind: 'repaired', report };
}

async function gapsFor({ orderId }: RepairRequest, deps: RepairDependencies): Promise<OrderGap[] | undefined> {
  const gaps: OrderGap[] = [];
  if (orderId !== undefined) {
    const gap = await gapOfOrder(orderId, deps.index, deps);
    return gap && (gap.missing.length > 0 ? [gap] : []);
  }
  for await (const gap of listGaps(deps.index, deps)) {
    if (gap.gapped) gaps.push(gap);
    if (gaps.length > MAX_ORDERS) break;
  }
  return gaps;
}

function whyNotSkip(gaps: readonly OrderGap[]): string | undefined {
  const worst = gaps.find(({ missing }) => sizeOf(missing) > MAX_SKIPS_AN_ORDER);
  if (worst) {
    return (
      `Order ${worst.orderId} lacks ${sizeOf(worst.missing)} events, and at most ${MAX_SKIPS_AN_ORDER} are skipped at once: ` +
      'look at the sequences that its producer sends.'
    );
  }
  const total = gaps.reduce((sum, { missing }) => sum + sizeOf(missing), 0);
  if (total <= MAX_SKIPS) return undefined;
  return `The orders lack ${total} events, and at most ${MAX_SKIPS} are skipped at once: repair the orders one by one.`;
}

async function fetchMissing(gaps: readonly OrderGap[], deps: RepairDependencies): Promise<RepairReport> {
  const { found, republished, stillMissing } = await republishFromHistory(gaps, deps);
  const lacking = [...stillMissing].map(([orderId, missing]) => ({ orderId, missing }));
  return reportOf(gaps, { found, republished, skipped: 0 }, lacking);
}

async function skip(gaps: readonly OrderGap[], by: string, deps: RepairDependencies): Promise<RepairReport> {
  let skipped = 0;
  for (const { orderId, missing } of gaps) {
    const events = await declareMissing({ orderId, missing, by }, deps);
    for (let from = 0; from < events.length; from += PUBLISH_AT_ONCE) {
      await deps.broker.publish(events.slice(from, from + PUBLISH_AT_ONCE));
    }
    skipped += events.length;
  }
  return reportOf(gaps, { found: 0, republished: 0, skipped }, []);
}

function reportOf(
  gaps: readonly OrderGap[],
  counts: Pick<RepairReport, 'found' | 'republished' | 'skipped'>,
  lacking: RepairReport['stillMissing'],
): RepairReport {
  const shown = lacking.slice(0, SHOWN_ORDERS);
  return { orders: gaps.length, ...counts, ordersStillMissing: lacking.length, stillMissing: shown };
}
