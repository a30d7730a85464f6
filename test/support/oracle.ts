/**
 * An independent judge: what contract §1 and §2 say the index must hold after these events, in whatever order and however often
 * they arrived. Written from the contract alone, sharing no code with `src/` (types aside), as plainly as possible: sort by
 * sequence, the first copy stands, walk. It believes that the events keep to the contract's table; poison does not belong here.
 */
import { isDeepStrictEqual } from 'node:util';
import type { OrderDocument } from '../../src/order/document.ts';
import { shownData, utcMilliseconds } from './oracle-data.ts';
import { emptyState, happen, isAllowedCorrection, publicFields, type State } from './oracle-state.ts';

/** A CloudEvent of contract §1 as it was published: parsed JSON. */
export type CloudEventJson = Readonly<Record<string, unknown>>;

/** An event as the document must carry it. */
export interface ExpectedEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly sequence: number;
  readonly data: unknown;
}

export interface ExpectedDocument {
  readonly orderId: string;
  readonly status: string;
  readonly version: number;
  /** Every public field of contract §2 that applies, `projectedAt` aside. */
  readonly fields: Readonly<Record<string, unknown>>;
  /**
   * The stored events in sequence, uncompacted. Of an erased order those since the erasure, without data: which of them are kept is free,
   * but the first and the last.
   */
  readonly events: readonly ExpectedEvent[];
  /** Events behind a hole: not part of the document. */
  readonly parked: number;
}

export interface ExpectedRefusal {
  readonly orderId: string;
  readonly id: string;
  readonly sequence: number;
  readonly reason: 'sequence_conflict' | 'declared_missing' | 'duplicate_id' | 'invalid_correction';
}

export interface ExpectedOutcome {
  /** Only orders that have a document, that is an event that is not parked. */
  readonly documents: Map<string, ExpectedDocument>;
  /** Parked events by order; orders without any are absent. */
  readonly parked: Map<string, number>;
  /**
   * What is dead-lettered although it is well-formed. Only what lies behind an order's last snapshot or erasure is certain, so only that is
   * told.
   */
  readonly refusals: readonly ExpectedRefusal[];
}

const ALIASES: Readonly<Record<string, string>> = { OrderPaid: 'order.payment_captured.v1' };
const FILLS_HOLES = ['order.erased.v1', 'order.snapshot.v1'];

export function expectedDocuments(events: Iterable<CloudEventJson>): Map<string, ExpectedDocument> {
  return expectedOutcome(events).documents;
}

/** Of two different events at one sequence the earlier in `events` stands: hand them over as they were delivered. */
export function expectedOutcome(events: Iterable<CloudEventJson>): ExpectedOutcome {
  const orders = new Map<string, ExpectedEvent[]>();
  for (const raw of events) {
    const orderId = String(raw['subject']);
    const arrived = orders.get(orderId) ?? [];
    arrived.push(received(raw));
    orders.set(orderId, arrived);
  }
  const documents = new Map<string, ExpectedDocument>();
  const parked = new Map<string, number>();
  const refusals: ExpectedRefusal[] = [];
  for (const [orderId, arrived] of orders) {
    const told = walk(arrived);
    const { version, stored } = told;
    const fields = { orderId, ...publicFields(told.state, version) };
    const document = { orderId, status: fields.status, version, fields, events: stored, parked: told.parked };
    if (version > 0) documents.set(orderId, document);
    if (told.parked > 0) parked.set(orderId, told.parked);
    refusals.push(...told.refusals.map((refusal) => ({ orderId, ...refusal })));
  }
  return { documents, parked, refusals };
}

function received(raw: CloudEventJson): ExpectedEvent {
  const type = String(raw['type']);
  if (!type.startsWith('order.') && !(type in ALIASES)) throw new Error(`The oracle judges no events of type ${type}`);
  const canonical = ALIASES[type] ?? type;
  return {
    id: String(raw['id']),
    source: String(raw['source']),
    type: canonical,
    time: utcMilliseconds(String(raw['time'])),
    sequence: Number(raw['sequence']),
    data: shownData(canonical, raw['data'] ?? {}),
  };
}

interface Told {
  state: State;
  version: number;
  stored: ExpectedEvent[];
  parked: number;
  refusals: Omit<ExpectedRefusal, 'orderId'>[];
}

/** One order's life, from its first sequence to its last. */
function walk(arrived: readonly ExpectedEvent[]): Told {
  const told: Told = { state: emptyState(), version: 0, stored: [], parked: 0, refusals: [] };
  const places = Map.groupBy(arrived, (event) => event.sequence);
  for (const sequence of [...places.keys()].sort((a, b) => a - b)) {
    const claims = firstCopies(places.get(sequence) ?? []);
    const over = sequence > told.version + 1 ? claims.filter(fillsHoles) : claims;
    const behind = claims.filter((claim) => !over.includes(claim));
    const taker = takePlace(told, over, undefined);
    if (taker) takePlace(told, behind, taker);
    else if (behind.length > 0) told.parked += 1;
  }
  return told;
}

/** The first claim that may take the sequence takes it; the others are refused. */
function takePlace(
  told: Told,
  claims: readonly ExpectedEvent[],
  taken: ExpectedEvent | undefined,
): ExpectedEvent | undefined {
  let taker = taken;
  for (const claim of claims) {
    const reason = whyRefused(told, claim, taker);
    if (reason) told.refusals.push({ id: claim.id, sequence: claim.sequence, reason });
    if (reason) continue;
    taker = claim;
    take(told, claim);
  }
  return taker;
}

function take(told: Told, event: ExpectedEvent): void {
  if (fillsHoles(event)) {
    const stillErased = told.state.erasedAt !== undefined && event.type === 'order.snapshot.v1';
    told.stored = stillErased ? told.stored.slice(0, 1) : [];
    told.parked = 0;
    told.refusals = [];
  }
  told.state = happen(told.state, event);
  told.version = event.sequence;
  told.stored.push(told.state.erasedAt === undefined ? event : { ...event, data: {} });
}

function whyRefused(
  told: Told,
  claim: ExpectedEvent,
  taker: ExpectedEvent | undefined,
): ExpectedRefusal['reason'] | undefined {
  if (taker) return taker.type === 'order.skipped.v1' ? 'declared_missing' : 'sequence_conflict';
  if (told.stored.some((stored) => isCopy(stored, claim))) return 'duplicate_id';
  return isAllowedCorrection(told.state, claim) ? undefined : 'invalid_correction';
}

function fillsHoles(event: ExpectedEvent): boolean {
  return FILLS_HOLES.includes(event.type);
}

function isCopy(a: ExpectedEvent, b: ExpectedEvent): boolean {
  return a.source === b.source && a.id === b.id;
}

function firstCopies(events: readonly ExpectedEvent[]): ExpectedEvent[] {
  return events.filter((event, index) => events.findIndex((other) => isCopy(event, other)) === index);
}

/** Contract §2, `projectedAt` aside, and the tombstone's `erasedAt`. */
const PUBLIC_FIELDS = (
  'orderId status customerId customerName customerEmail sellerId skus itemNames items tags currency totalCents paidCents ' +
  'refundedCents netCents payments refunds placedAt paidAt shippedAt deliveredAt cancelledAt erasedAt updatedAt version'
).split(' ');

/** From where on an order's stored events may have been compacted (contract §1). */
const CONTRACT_LIMITS = { maxEvents: 1_000, maxBytes: 1_048_576 };

/**
 * Names each difference between what an order's document must be and what it is; empty where they agree. Stored events may be
 * compacted into a snapshot and the newest ones only where they exceed `limits`.
 */
export function compareDocuments(
  expected: ExpectedDocument,
  actual: OrderDocument | undefined,
  limits: { readonly maxEvents: number; readonly maxBytes: number } = CONTRACT_LIMITS,
): string[] {
  const name = `order ${expected.orderId}`;
  if (!actual) return [`${name}: has no document, expected version ${expected.version}`];
  const found = JSON.parse(JSON.stringify(actual)) as Record<string, unknown>;
  const differences = PUBLIC_FIELDS.filter((field) => !agree(field, expected.fields[field], found[field])).map(
    (field) => `${name}: ${field} is ${shown(found[field])}, expected ${shown(expected.fields[field])}`,
  );
  const events = (found['events'] ?? []) as ExpectedEvent[];
  return [...differences, ...compareEvents(expected, events, limits).map((difference) => `${name}: ${difference}`)];
}

function compareEvents(
  expected: ExpectedDocument,
  actual: readonly ExpectedEvent[],
  limits: { readonly maxEvents: number; readonly maxBytes: number },
): string[] {
  if (expected.status === 'erased') return compareTombstones(expected.events, actual);
  const many = expected.events.length > limits.maxEvents || bytes(expected.events) > limits.maxBytes;
  const [first, ...rest] = actual;
  if (!many || first === undefined || alike(first, expected.events[0])) return compareLists(expected.events, actual);
  const due = expected.events.filter((event) => event.sequence > first.sequence);
  const told = expected.events.filter((event) => event.sequence <= first.sequence);
  // Nothing can be told of an order before it is placed: there any event without effect keeps the place.
  const summary = first.type === 'order.snapshot.v1' || (!told.some(makesKnown) && isEmpty(first.data));
  return [...(summary ? [] : [`events[0] is no snapshot: ${shown(first)}`]), ...compareLists(due, rest)];
}

function compareTombstones(expected: readonly ExpectedEvent[], actual: readonly ExpectedEvent[]): string[] {
  const kept = expected.filter((event) => actual.some((found) => isCopy(event, found)));
  const ends = [expected[0], expected.at(-1)];
  const lost = ends.filter((event) => event !== undefined && !kept.includes(event));
  return [...compareLists(kept, actual), ...lost.map((event) => `no longer carries ${shown(event)}`)];
}

function makesKnown({ type }: ExpectedEvent): boolean {
  return ['order.placed.v1', 'order.placed.v2', 'order.snapshot.v1'].includes(type);
}

function isEmpty(data: unknown): boolean {
  return alike(data, {});
}

function compareLists(expected: readonly ExpectedEvent[], actual: readonly ExpectedEvent[]): string[] {
  const differences: string[] = [];
  if (expected.length !== actual.length)
    differences.push(`carries ${actual.length} events, expected ${expected.length}`);
  for (const [index, event] of expected.entries()) {
    const found = actual[index];
    if (found && !alike(event, found))
      differences.push(`events[${index}] is ${shown(found)}, expected ${shown(event)}`);
  }
  return differences;
}

function bytes(events: readonly ExpectedEvent[]): number {
  return events.reduce((total, event) => total + Buffer.byteLength(JSON.stringify(event)), 0);
}

/** A refund that a snapshot tells without its list has no id of its own: whatever it is called is right. */
function agree(field: string, expected: unknown, found: unknown): boolean {
  if (field !== 'refunds' || !Array.isArray(expected) || !Array.isArray(found)) return alike(expected, found);
  const named = (found as { refundId?: string }[]).map(({ refundId, ...refund }, index) => {
    const presumed = (expected[index] as { refundId?: string } | undefined)?.refundId === undefined;
    return presumed ? refund : { refundId, ...refund };
  });
  return alike(expected, named);
}

function alike(expected: unknown, found: unknown): boolean {
  return isDeepStrictEqual(expected, found);
}

function shown(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
