import { hash } from 'node:crypto';
import { contribution } from './contribution.ts';
import type { OrderDocument, OrderView, SearchFields } from './document.ts';
import type { OrderEvent } from './event.ts';
import type { OrderFacts } from './facts.ts';
import type { OrderState } from './fold.ts';
import { foldText, joinTexts, searchStrings } from './search-text.ts';

/** {@link searchStrings}, remembered perhaps. */
export type StringsOf = (text: string) => readonly string[];

/**
 * The document of a state (contract §2). Two documents of one state differ in `projectedAt` alone.
 * @param stringsOf of texts that orders have in common
 */
export function documentOf(
  state: OrderState,
  projectedAt: string,
  stringsOf: StringsOf = searchStrings,
): OrderDocument {
  const { orderId, events, facts, erasedAt, aggregateKeys } = state;
  const isHidden = !facts || erasedAt !== undefined;
  return {
    ...viewOf(state, projectedAt),
    eventsDigest: digestOf(events),
    events,
    ...(aggregateKeys.length > 0 && { aggregateKeys }),
    ...(!isHidden && { search: searchFieldsOf(orderId, facts, stringsOf), ...contributionFieldsOf(facts) }),
  };
}

function contributionFieldsOf(facts: OrderFacts): Pick<OrderDocument, 'contributions' | 'sales'> {
  const { contributions, sales } = contribution(facts);
  return { ...(contributions.length > 0 && { contributions }), ...(sales.length > 0 && { sales }) };
}

const DIGEST_CHARACTERS = 22;

/** 128 bits of SHA-256 over the identity of every stored event. */
function digestOf(events: readonly OrderEvent[]): string {
  const identities = events.map(({ id, source, sequence }) => [id, source, sequence]);
  return hash('sha256', JSON.stringify(identities), 'base64url').slice(0, DIGEST_CHARACTERS);
}

/** What readers are shown of a state. */
export function viewOf(state: OrderState, projectedAt: string): OrderView {
  const { orderId, version, updatedAt, facts, erasedAt } = state;
  const technical = { updatedAt, version, projectedAt };
  if (erasedAt !== undefined) return { orderId, status: 'erased', erasedAt, ...technical };
  if (!facts) return { orderId, status: 'incomplete', ...technical };
  return { orderId, ...flatFacts(facts), ...technical };
}

function flatFacts(facts: OrderFacts) {
  const { placed, ...rest } = facts;
  const { customer, items, sellerId, currency, totalCents, tags } = placed;
  return {
    customerId: customer.id,
    customerName: customer.name,
    ...(customer.email !== undefined && { customerEmail: customer.email }),
    sellerId,
    skus: distinct(items.map(({ sku }) => sku)),
    itemNames: distinct(items.map(({ name }) => name)),
    items,
    tags,
    currency,
    totalCents,
    ...rest,
    netCents: facts.paidCents - facts.refundedCents,
  };
}

function searchFieldsOf(
  orderId: string,
  { placed: { customer, sellerId, items, tags } }: OrderFacts,
  stringsOf: StringsOf,
): SearchFields {
  const skus = distinct(items.map(({ sku }) => sku));
  const names = distinct(items.map(({ name }) => name));
  const foldedSkus = distinct(skus.filter((sku) => !isPlain(sku)).map(foldId));
  return {
    all: joinTexts([...[orderId, customer.id].flatMap(searchStrings), ...[...skus, ...tags].flatMap(stringsOf)]),
    items: joinTexts(names.flatMap(stringsOf)),
    customer: joinTexts(searchStrings(customer.name)),
    // Its words would make every order of a seller one of what the seller is called after.
    exact: distinct([orderId, customer.id, sellerId, ...skus].map(foldId)),
    ...(foldedSkus.length > 0 && { foldedSkus }),
    ...(!isPlain(orderId) && { foldedOrderId: foldId(orderId) }),
  };
}

function foldId(id: string): string {
  return foldText(id.trim());
}

/** Whether nothing of it is folded but the case of ASCII letters, which an index can do without by itself. */
function isPlain(id: string): boolean {
  return /^[\x00-\x7f]*$/.test(id) && id.trim() === id;
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
