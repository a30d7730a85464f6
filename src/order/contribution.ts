import { dayOf } from './day.ts';
import type { Item } from './event.ts';
import type { OrderFacts } from './facts.ts';
import { firstByUtf8 } from './utf8-order.ts';

/** What an order adds to one key of the aggregates (contract §1): the money of one UTC day. Its key is {@link aggregateKey}'s. */
export interface Contribution {
  readonly key: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly currency: string;
  readonly sellerId: string;
  /** 1 on a day with a capture of the order, else 0. */
  readonly orders: number;
  readonly revenueCents: number;
  readonly refundedCents: number;
  readonly refundCount: number;
}

/** What an order adds to the sales of one product, all on the day of its first capture. */
export interface Sale {
  readonly key: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly revenueCents: number;
}

export interface OrderContributions {
  /** One a day, in order of the days. */
  readonly contributions: readonly Contribution[];
  /** One a SKU, in order of the items. */
  readonly sales: readonly Sale[];
}

export interface AggregateKey {
  readonly day: string;
  readonly currency: string;
  readonly sellerId: string;
}

const DAY_LENGTH = 10;
const CURRENCY_LENGTH = 3;

/** `2010-12-01|GBP|seller-1`: a day, a currency and, to the end, whatever the seller is called. */
export function aggregateKey({ day, currency, sellerId }: AggregateKey): string {
  return `${day}|${currency}|${sellerId}`;
}

/** The inverse of {@link aggregateKey}. */
export function parseAggregateKey(key: string): AggregateKey {
  const currencyAt = DAY_LENGTH + 1;
  return {
    day: key.slice(0, DAY_LENGTH),
    currency: key.slice(currencyAt, currencyAt + CURRENCY_LENGTH),
    sellerId: key.slice(currencyAt + CURRENCY_LENGTH + 1),
  };
}

/** What an order adds to the aggregates. Pure; of an erased or incomplete order there are no facts, and it adds nothing. */
export function contribution(facts: OrderFacts): OrderContributions {
  const { payments, refunds, paidAt, placed } = facts;
  const captured = centsByDay(payments);
  const refunded = centsByDay(refunds);
  const contributions = daysOf(facts).map((day): Contribution => {
    const captures = captured.get(day) ?? [];
    const refundsOfDay = refunded.get(day) ?? [];
    return {
      ...keyed(facts, day),
      orders: captures.length > 0 ? 1 : 0,
      revenueCents: sum(captures),
      refundedCents: sum(refundsOfDay),
      refundCount: refundsOfDay.length,
    };
  });
  if (paidAt === undefined) return { contributions, sales: [] };
  return { contributions, sales: salesOf(keyed(facts, dayOf(paidAt)).key, placed.items) };
}

/** The known keys, and those to which an order with these facts contributes besides. */
export function withKeysOf(facts: OrderFacts, known: readonly string[]): readonly string[] {
  const knownKeys = new Set(known);
  const added = daysOf(facts)
    .map((day) => keyed(facts, day).key)
    .filter((key) => !knownKeys.has(key));
  return added.length === 0 ? known : [...known, ...added];
}

/** With the day of the first capture, on which the products count, also where a snapshot's payments do not have it. */
function daysOf({ payments, refunds, paidAt }: OrderFacts): string[] {
  const instants = [...payments, ...refunds].map(({ at }) => at);
  return [...new Set([...(paidAt === undefined ? [] : [paidAt]), ...instants].map(dayOf))].sort();
}

function centsByDay(moved: readonly { readonly at: string; readonly amountCents: number }[]): Map<string, number[]> {
  const byDay = new Map<string, number[]>();
  for (const { at, amountCents } of moved) {
    const day = dayOf(at);
    const cents = byDay.get(day);
    if (cents) cents.push(amountCents);
    else byDay.set(day, [amountCents]);
  }
  return byDay;
}

function keyed({ placed: { sellerId, currency } }: OrderFacts, day: string) {
  const dimensions = { day, currency, sellerId };
  return { key: aggregateKey(dimensions), ...dimensions };
}

/** Of a SKU that an order has twice, the name that stands first by its UTF-8 bytes. */
function salesOf(key: string, items: readonly Item[]): Sale[] {
  return [...Map.groupBy(items, ({ sku }) => sku)].map(([sku, same]) => ({
    key,
    sku,
    name: same.map(({ name }) => name).reduce((first, name) => firstByUtf8(first, name)),
    quantity: sum(same.map(({ quantity }) => quantity)),
    revenueCents: sum(same.map(({ quantity, unitPriceCents }) => quantity * unitPriceCents)),
  }));
}

/** Beyond 2^53 - 1 no JSON number is exact, and Elasticsearch takes none beyond 2^63: no money is that much, so it may stop there. */
function sum(numbers: readonly number[]): number {
  const total = numbers.reduce((left, right) => left + right, 0);
  return Math.min(total, Number.MAX_SAFE_INTEGER);
}
