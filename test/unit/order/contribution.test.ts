import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  aggregateKey,
  contribution,
  parseAggregateKey,
  withKeysOf,
  type Contribution,
} from '../../../src/order/contribution.ts';
import { dayOf } from '../../../src/order/day.ts';
import type { OrderDocument } from '../../../src/order/document.ts';
import type { Payment, Refund } from '../../../src/order/event.ts';
import type { OrderFacts } from '../../../src/order/facts.ts';
import { deliveriesOf, orderHistory } from '../../support/event-arbitraries.ts';
import { expectedAggregates, firstName, type ExpectedRow } from '../../support/oracle-aggregates.ts';
import { expectedDocuments } from '../../support/oracle.ts';
import { deliver, emptyProjection } from './in-memory-projection.ts';
import { foldOf, parsed } from './parsed-events.ts';
import { cloudEvent, PLACED } from './sample-events.ts';

const LIMITS = { maxEvents: 4, maxBytes: 3_000 };
const DAY_1 = '2011-01-01';
const DAY_2 = '2011-01-02';
const BESIDE_MONEY = {
  placed: PLACED,
  status: 'paid',
  paidCents: 0,
  refundedCents: 0,
  placedAt: `${DAY_1}T00:00:00.000Z`,
} as const;
type Told = readonly [type: string, data: object, time: string];

function contributed(...told: readonly Told[]) {
  const placed = cloudEvent(1, 'order.placed.v2', PLACED, { time: `${DAY_1}T00:00:00.000Z` });
  const rest = told.map(([type, data, time], index) => cloudEvent(index + 2, type, data, { time }));
  const { facts, aggregateKeys } = foldOf(parsed([placed, ...rest]));
  assert(facts);
  return { ...contribution(facts), aggregateKeys };
}

const paid = (amountCents: number, time: string): Told => ['order.payment_captured.v1', { amountCents }, time];
const refunded = (refundId: string, amountCents: number, time: string): Told => [
  'order.refunded.v1',
  { refundId, amountCents },
  time,
];
const corrected = (patch: object, time: string): Told => ['order.corrected.v1', { patch, reason: 'a test' }, time];

describe("an order's contribution", () => {
  it('is nothing while nothing is paid', () => {
    assert.deepEqual(contributed(), { contributions: [], sales: [], aggregateKeys: [] });
  });

  it('counts each payment on its UTC day, and the order once on each such day', () => {
    const { contributions } = contributed(
      paid(100, `${DAY_1}T23:59:59.999Z`),
      paid(20, `${DAY_1}T10:00:00.000Z`),
      paid(3, '2011-01-02T01:00:00.000+02:00'),
      paid(4, `${DAY_2}T00:00:00.000Z`),
    );
    assert.deepEqual(
      contributions.map(({ day, orders, revenueCents }) => [day, orders, revenueCents]),
      [
        [DAY_1, 1, 123],
        [DAY_2, 1, 4],
      ],
    );
  });

  it('counts a refund on the day on which it was made, once', () => {
    const refund = refunded('r', 40, `${DAY_2}T10:00:00.000Z`);
    const { contributions } = contributed(paid(100, `${DAY_1}T10:00:00.000Z`), refund, refund);
    assert.deepEqual(
      contributions.map(({ day, orders, revenueCents, refundedCents, refundCount }) => [
        day,
        orders,
        revenueCents,
        refundedCents,
        refundCount,
      ]),
      [
        [DAY_1, 1, 100, 0, 0],
        [DAY_2, 0, 0, 40, 1],
      ],
    );
  });

  it('counts products wholly on the day of the first capture, whatever was paid', () => {
    const items = [
      { sku: 'A', name: 'lantern', quantity: 2, unitPriceCents: 50 },
      { sku: 'B', name: 'candle', quantity: 1, unitPriceCents: 7 },
      { sku: 'A', name: 'Lantern', quantity: 1, unitPriceCents: 40 },
    ];
    const { sales } = contributed(
      corrected({ items }, `${DAY_1}T01:00:00.000Z`),
      paid(1, `${DAY_2}T10:00:00.000Z`),
      paid(1, `${DAY_1}T10:00:00.000Z`),
    );
    const key = `${DAY_2}|${PLACED.currency}|${PLACED.sellerId}`;
    assert.deepEqual(sales, [
      { key, sku: 'A', name: 'Lantern', quantity: 3, revenueCents: 140 },
      { key, sku: 'B', name: 'candle', quantity: 1, revenueCents: 7 },
    ]);
  });

  it('moves with a correction, and its keys remember where it was', () => {
    const { contributions, sales, aggregateKeys } = contributed(
      paid(100, `${DAY_1}T10:00:00.000Z`),
      corrected({ sellerId: 'other|seller', currency: 'USD' }, `${DAY_2}T10:00:00.000Z`),
    );
    assert.deepEqual(
      [...contributions, ...sales].map(({ key }) => key),
      Array.from({ length: 1 + sales.length }, () => `${DAY_1}|USD|other|seller`),
    );
    assert.deepEqual(aggregateKeys, [`${DAY_1}|${PLACED.currency}|${PLACED.sellerId}`, `${DAY_1}|USD|other|seller`]);
  });

  it('never exceeds what JSON and Elasticsearch can hold', () => {
    const items = [{ sku: 'A', name: 'a', quantity: Number.MAX_SAFE_INTEGER, unitPriceCents: Number.MAX_SAFE_INTEGER }];
    const { sales } = contributed(corrected({ items }, `${DAY_1}T01:00:00.000Z`), paid(1, `${DAY_1}T10:00:00.000Z`));
    assert.equal(sales[0]?.revenueCents, Number.MAX_SAFE_INTEGER);
  });
});

describe('the contributions of an order with many payments and refunds', () => {
  const day = fc.integer({ min: 1, max: 28 }).map((date) => `2011-02-${String(date).padStart(2, '0')}`);
  const at = fc.tuple(day, fc.constantFrom('00:00:00.000', '23:59:59.999')).map(([on, time]) => `${on}T${time}Z`);
  const amountCents = fc.oneof(fc.nat(1_000), fc.constant(Number.MAX_SAFE_INTEGER));
  const facts: fc.Arbitrary<OrderFacts> = fc
    .record({
      payments: fc.array(fc.record({ at, amountCents }), { maxLength: 40 }),
      refunds: fc.array(fc.record({ refundId: fc.string(), at, amountCents }), { maxLength: 40 }),
      paidAt: at,
    })
    .map((money) => ({ ...BESIDE_MONEY, ...money }));

  it('are those that a look at all of them for each day gives', () => {
    fc.assert(
      fc.property(facts, (some) => assert.deepEqual(contribution(some).contributions, dayByDay(some))),
      { numRuns: 200 },
    );
  });

  it('add to the known keys those of these days that are not among them, in order', () => {
    fc.assert(
      fc.property(facts, fc.array(day), (some, days) => {
        const known = days.map((on) => aggregateKey({ day: on, currency: PLACED.currency, sellerId: PLACED.sellerId }));
        const added = dayByDay(some).flatMap(({ key }) => (known.includes(key) ? [] : [key]));
        assert.deepEqual(withKeysOf(some, known), [...known, ...added]);
      }),
    );
  });

  it('take a few looks at each of them, on however many days they are', () => {
    const looks = new Map<number, number>();
    const payments = Array.from({ length: 2_000 }, (_, index): Payment => {
      const on = new Date(Date.UTC(2011, 0, 1 + index)).toISOString();
      return {
        amountCents: 1,
        get at() {
          looks.set(index, (looks.get(index) ?? 0) + 1);
          return on;
        },
      };
    });
    const { contributions } = contribution({ ...BESIDE_MONEY, payments, refunds: [] });
    assert.equal(contributions.length, 2_000);
    assert.ok(Math.max(...looks.values()) <= 3, `${Math.max(...looks.values())} looks`);
  });
});

describe('the key of a contribution', () => {
  it('says its day, currency and seller again, whatever the seller is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (sellerId) => {
        const dimensions = { day: DAY_1, currency: 'GBP', sellerId };
        assert.deepEqual(parseAggregateKey(aggregateKey(dimensions)), dimensions);
      }),
    );
  });
});

describe('the contributions of any orders, whose events came in any order', () => {
  const histories = fc.array(
    orderHistory({ maxLength: 14 }).chain((history) =>
      fc.record({ history: fc.constant(history), batches: deliveriesOf(parsed(history)) }),
    ),
    { maxLength: 4 },
  );

  it('add up to what a plain computation over all events gives', () => {
    fc.assert(
      fc.property(histories, (orders) => {
        const documents = orders.map(({ batches }) => {
          const projection = emptyProjection();
          for (const batch of batches) deliver(projection, batch, LIMITS, () => undefined);
          return projection.document;
        });
        const expected = orders.flatMap(({ history }) => [...expectedDocuments(history).values()]);
        assert.deepEqual(addedUp(documents.filter((document) => document !== undefined)), expectedAggregates(expected));
      }),
      { numRuns: 300 },
    );
  });
});

/** The definition, a look at all payments and refunds a day. */
function dayByDay({ payments, refunds, paidAt, placed: { sellerId, currency } }: OrderFacts): Contribution[] {
  const on = (moved: readonly (Payment | Refund)[], day: string) => moved.filter(({ at }) => dayOf(at) === day);
  const cents = (moved: readonly (Payment | Refund)[]) =>
    Math.min(
      moved.reduce((sum, { amountCents }) => sum + amountCents, 0),
      Number.MAX_SAFE_INTEGER,
    );
  const instants = [...(paidAt === undefined ? [] : [paidAt]), ...[...payments, ...refunds].map(({ at }) => at)];
  return [...new Set(instants.map(dayOf))].sort().map((day) => ({
    key: aggregateKey({ day, currency, sellerId }),
    day,
    currency,
    sellerId,
    orders: on(payments, day).length > 0 ? 1 : 0,
    revenueCents: cents(on(payments, day)),
    refundedCents: cents(on(refunds, day)),
    refundCount: on(refunds, day).length,
  }));
}

/** Without rows to which nothing contributes but a zero of a snapshot's `paidAt`. */
function addedUp(documents: readonly OrderDocument[]): Map<string, ExpectedRow> {
  const rows = new Map<string, ExpectedRow>();
  const row = (key: string): ExpectedRow => {
    const found = rows.get(key) ?? {
      orders: 0,
      revenueCents: 0,
      refundedCents: 0,
      refundCount: 0,
      products: new Map(),
    };
    rows.set(key, found);
    return found;
  };
  for (const { contributions = [], sales = [] } of documents) {
    for (const { key, orders, revenueCents, refundedCents, refundCount } of contributions) {
      const sum = row(key);
      sum.orders += orders;
      sum.revenueCents += revenueCents;
      sum.refundedCents += refundedCents;
      sum.refundCount += refundCount;
    }
    for (const { key, sku, name, quantity, revenueCents } of sales) {
      const { products } = row(key);
      const product = products.get(sku) ?? { name, quantity: 0, revenueCents: 0 };
      products.set(sku, product);
      product.name = firstName(product.name, name);
      product.quantity += quantity;
      product.revenueCents += revenueCents;
    }
  }
  return rows;
}
