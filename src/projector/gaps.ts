import { loadDocuments } from '../order-index/load-documents.ts';
import type { OrderIndex, ParkedPlace, TakenPlace } from '../order-index/port.ts';

/** The first and the last of a run of sequences. */
export type SequenceRange = readonly [from: number, to: number];

/** An order with parked events, and what they wait for. */
export interface OrderGap {
  readonly orderId: string;
  /** Of the live document; 0 where there is none. */
  readonly version: number;
  /** What is neither in the document nor parked, up to the last that is parked. Empty where all that is parked is due. */
  readonly missing: readonly SequenceRange[];
  readonly parked: number;
  /** RFC 3339. */
  readonly oldestParkedAt: string;
  /** Some of it has waited longer than the grace for an earlier one. */
  readonly gapped: boolean;
  /** Event time (RFC 3339) of the last event in the document: what is missing happened later. */
  readonly lastEventAt?: string;
}

export interface GapOptions {
  readonly graceMs: number;
  readonly now: () => Date;
  /** Aborted where nobody waits for the gaps any more: however many events are parked, no further page of them is read. */
  readonly signal?: AbortSignal | undefined;
}

export type GapIndex = Pick<OrderIndex, 'listParkedPlaces' | 'registry' | 'load'>;

type Place = Omit<TakenPlace, 'orderId'>;

interface ParkedOrder {
  readonly orderId: string;
  readonly places: readonly Place[];
}

const PAGE = 500;
/** Documents loaded at a time; they carry their events. */
const LOAD_AT_ONCE = 50;

/**
 * Every order with parked events after the given one, by order id; erased ones wait for nothing.
 * @throws IndexUnavailableError, the signal's reason
 */
export async function* listGaps(index: GapIndex, options: GapOptions, after?: string): AsyncGenerator<OrderGap> {
  let orders: ParkedOrder[] = [];
  for await (const order of parkedOrders(index, options, after === undefined ? undefined : behind(after))) {
    orders.push(order);
    if (orders.length < LOAD_AT_ONCE) continue;
    yield* await gapsOf(orders, index, options);
    orders = [];
  }
  yield* await gapsOf(orders, index, options);
}

/** Undefined where nothing of the order is parked, or it is erased. @throws IndexUnavailableError, the signal's reason */
export async function gapOfOrder(orderId: string, index: GapIndex, options: GapOptions): Promise<OrderGap | undefined> {
  for await (const order of parkedOrders(index, options, { orderId, sequence: 0 })) {
    if (order.orderId !== orderId) return undefined;
    return (await gapsOf([order], index, options))[0];
  }
  return undefined;
}

export interface GapPage {
  readonly gaps: readonly OrderGap[];
  /** The order id to go on after; undefined on the last page. */
  readonly next: string | undefined;
}

/** @throws IndexUnavailableError, the signal's reason */
export async function pageOfGaps(
  index: GapIndex,
  options: GapOptions,
  page: { readonly after?: string; readonly size: number },
): Promise<GapPage> {
  const gaps: OrderGap[] = [];
  for await (const gap of listGaps(index, options, page.after)) {
    if (gaps.length === page.size) return { gaps, next: gaps.at(-1)?.orderId };
    gaps.push(gap);
  }
  return { gaps, next: undefined };
}

/** Pure: what one order's parked events wait for. They come in the order of their sequence, at least one. */
export function gapOf(
  orderId: string,
  version: number,
  places: readonly Place[],
  { graceMs, now }: GapOptions,
): OrderGap {
  const missing: SequenceRange[] = [];
  const waiting: Place[] = [];
  let reached = version;
  for (const place of places) {
    if (place.sequence <= reached) continue;
    if (place.sequence > reached + 1) missing.push([reached + 1, place.sequence - 1]);
    reached = place.sequence;
    if (missing.length > 0) waiting.push(place);
  }
  const graceEndedBefore = now().getTime() - graceMs;
  return {
    orderId,
    version,
    missing,
    parked: places.length,
    oldestParkedAt: places.map(({ parkedAt }) => parkedAt).reduce((a, b) => (a < b ? a : b), '9999'),
    gapped: waiting.some(({ parkedAt }) => Date.parse(parkedAt) <= graceEndedBefore),
  };
}

export function sizeOf(ranges: readonly SequenceRange[]): number {
  return ranges.reduce((size, [from, to]) => size + to - from + 1, 0);
}

/** The ranges without the given sequences. */
export function without(ranges: readonly SequenceRange[], sequences: ReadonlySet<number>): SequenceRange[] {
  const sorted = [...sequences].sort((a, b) => a - b);
  return ranges.flatMap(([from, to]) => {
    const left: SequenceRange[] = [];
    let next = from;
    for (const sequence of sorted) {
      if (sequence < next || sequence > to) continue;
      if (sequence > next) left.push([next, sequence - 1]);
      next = sequence + 1;
    }
    return next <= to ? [...left, [next, to] as const] : left;
  });
}

async function gapsOf(orders: readonly ParkedOrder[], index: GapIndex, options: GapOptions): Promise<OrderGap[]> {
  if (orders.length === 0) return [];
  options.signal?.throwIfAborted();
  const { live } = await index.registry();
  const documents = await loadDocuments(
    index,
    live,
    orders.map(({ orderId }) => orderId),
  );
  return orders.flatMap(({ orderId, places }) => {
    const document = documents.get(orderId);
    // Of an erased order only places are parked: to fill its holes would bring back what was to be forgotten, and change nothing.
    if (document?.status === 'erased') return [];
    const lastEventAt = document?.events.at(-1)?.time;
    return [{ ...gapOf(orderId, document?.version ?? 0, places, options), ...(lastEventAt && { lastEventAt }) }];
  });
}

async function* parkedOrders(
  index: Pick<OrderIndex, 'listParkedPlaces'>,
  { signal }: GapOptions,
  from: ParkedPlace | undefined,
): AsyncGenerator<ParkedOrder> {
  let open: { orderId: string; places: Place[] } | undefined;
  let after = from;
  for (;;) {
    signal?.throwIfAborted();
    const page = await index.listParkedPlaces({ size: PAGE, ...(after && { after }) });
    for (const { orderId, sequence, parkedAt } of page) {
      if (open && open.orderId !== orderId) yield open;
      if (open?.orderId !== orderId) open = { orderId, places: [] };
      open.places.push({ sequence, parkedAt });
      after = { orderId, sequence };
    }
    if (page.length < PAGE) break;
  }
  if (open) yield open;
}

/** No event of the order stands behind this place. */
function behind(orderId: string) {
  return { orderId, sequence: Number.MAX_SAFE_INTEGER };
}
