/**
 * Valid order histories of contract §1 as CloudEvents, plausible and nasty, for property tests: every type, sequences 1…n without
 * holes, every (source, id) once. And the ways in which a broker may deliver them.
 */
import * as fc from 'fast-check';
import { expectedDocuments, type CloudEventJson } from './oracle.ts';

export interface HistoryOptions {
  readonly orderId?: string;
  /** 1 unless given. */
  readonly minLength?: number;
  /** 12 unless given. */
  readonly maxLength?: number;
  /** Whether erasures may occur; true unless given. */
  readonly erasures?: boolean;
  /** Whether snapshots may occur; true unless given. */
  readonly snapshots?: boolean;
  /**
   * Whether a snapshot may follow an erasure; false unless given, because what it then does depends on whether the erasure has been
   * seen: it may be applied over the very hole that the erasure is to fill.
   */
  readonly snapshotsAfterErasure?: boolean;
}

const NASTY_TEXTS = [
  'José Müller-Lüdenscheidt',
  'STRAẞE ﬁn',
  '日本語の灯籠 ランタン',
  'محمد بن عبد الله',
  'Ο Σίσυφος',
  'İstanbul ısı',
  '👩‍👩‍👧‍👦 family 🏴‍☠️',
  'Zalgo ḧ̷̢̛́ȩ̸́ ç̵o̴mes',
  "Robert'); DROP TABLE orders;--",
  '<script>alert("x")</script>',
  'a\u0000b\u001f\u2028c',
  '\u202eright-to-left',
  ' leading and trailing ',
  '-',
  'null',
  '__proto__',
  'constructor',
  '"quoted" \\ back\\slash',
] as const;

const text = (maxLength: number) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('Lantern', 'white metal lantern', 'Anna Berg', 'Chen Wei', 'gift wrap') },
    { weight: 2, arbitrary: fc.constantFrom(...NASTY_TEXTS) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: Math.min(maxLength, 24) }) },
  );

const identifier = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('sku-1', 'sku-2', '85123A', 'c-7', 's-9') },
  { weight: 1, arbitrary: fc.constantFrom('ä', 'X'.repeat(256), '../../etc', 'a b', '__proto__') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }) },
);

const cents = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(0, 1, 999, 1_250) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 10_000_000 }) },
);

const tag = fc.oneof(fc.constantFrom('gift', 'vip', 'Gift', 'späti', 'x'), identifier);
const tags = fc.array(tag, { maxLength: 4 });
const currency = fc.constantFrom('EUR', 'GBP', 'USD', 'JPY', 'BHD', 'XAU');
const twoDecimalCurrency = fc.constantFrom('EUR', 'GBP', 'USD', 'CHF');
const quantity = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(1_000_000));

const item = fc.record({ sku: identifier, name: text(1024), quantity, unitPriceCents: cents });
const items = fc.array(item, { minLength: 1, maxLength: 4 });
const customer = fc.record(
  { id: identifier, name: text(1024), email: fc.constantFrom('anna@example.com', 'jösé@exämple.org', 'x@y') },
  { requiredKeys: ['id', 'name'] },
);

const placedFields = { customer, sellerId: identifier, currency, items, totalCents: cents, tags };
const placed = fc.record(placedFields);

const price = fc
  .tuple(fc.integer({ min: 0, max: 9_999 }), fc.constantFrom('', '.0', '.5', '.05', '.50', '.99', '.29', '.57'))
  .map(([whole, decimals]) => `${whole}${decimals}`);
const placedVersion1 = fc.record({
  customerId: identifier,
  customerName: text(1024),
  sellerId: identifier,
  currency: twoDecimalCurrency,
  lines: fc.array(fc.record({ sku: identifier, name: text(1024), qty: quantity, price }), {
    minLength: 1,
    maxLength: 4,
  }),
});

/** Any patch whose result is valid placed data whatever it is applied to. */
const patch = fc.record(
  {
    ...placedFields,
    customer: fc.record(
      { id: identifier, name: text(1024), email: fc.option(fc.constantFrom('new@example.com')) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

const refundId = fc.constantFrom('r-1', 'r-2', 'r-3', '__proto__');
const instant = fc
  .tuple(
    fc.integer({ min: Date.UTC(2009, 11, 30), max: Date.UTC(2011, 0, 3) }),
    fc.constantFrom('Z', '+02:00', '-11:30', '+00:00', '-00:00'),
    fc.constantFrom('milliseconds', 'seconds', 'nanoseconds'),
  )
  .map(([epochMs, offset, precision]) => written(epochMs, offset, precision));

function written(epochMs: number, offset: string, precision: string): string {
  const sign = offset.startsWith('-') ? -1 : 1;
  const [hours = '0', minutes = '0'] = offset === 'Z' ? [] : offset.slice(1).split(':');
  const local = new Date(epochMs + sign * (Number(hours) * 60 + Number(minutes)) * 60_000).toISOString().slice(0, -1);
  if (precision === 'seconds') return `${local.slice(0, -4)}${offset}`;
  return precision === 'nanoseconds' ? `${local}987654${offset}` : `${local}${offset}`;
}

const status = fc.constantFrom('placed', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded');
const payments = fc.array(
  fc.record({ at: instant, amountCents: cents, method: text(64) }, { requiredKeys: ['at', 'amountCents'] }),
  { maxLength: 3 },
);
const refunds = fc.uniqueArray(fc.record({ refundId, at: instant, amountCents: cents }), {
  maxLength: 3,
  selector: (refund) => refund.refundId,
});

/** A snapshot that need not have anything to do with what precedes it; its sums are those of its lists, where it has lists. */
const snapshot = fc
  .record({
    data: placed,
    status,
    payments,
    refunds,
    placedAt: instant,
    later: fc.record({ shippedAt: instant, deliveredAt: instant, cancelledAt: instant }, { requiredKeys: [] }),
    withLists: fc.boolean(),
  })
  .map(({ data, later, withLists, ...rest }) => {
    const [first] = rest.payments;
    return {
      ...data,
      ...later,
      status: rest.status,
      placedAt: rest.placedAt,
      ...(first === undefined ? {} : { paidAt: first.at }),
      paidCents: sum(rest.payments),
      refundedCents: sum(rest.refunds),
      ...(withLists ? { payments: rest.payments, refunds: rest.refunds } : {}),
    };
  });

function sum(amounts: readonly { readonly amountCents: number }[]): number {
  return amounts.reduce((total, { amountCents }) => total + amountCents, 0);
}

const nothing = fc.constantFrom(undefined, null, {});
const reason = fc.record({ reason: text(200) }, { requiredKeys: [] });
const anything = fc.dictionary(fc.constantFrom('note', 'amountCents', 'items', 'x'), fc.oneof(fc.integer(), text(20)));

interface Step {
  readonly type: string;
  readonly data: unknown;
}

function step(weight: number, type: string, data: fc.Arbitrary<unknown>) {
  return { weight, arbitrary: fc.record({ type: fc.constant(type), data }) as fc.Arbitrary<Step> };
}

/** Stands for a snapshot that tells exactly what precedes it. */
const FAITHFUL_SNAPSHOT = 'faithful snapshot';

const refund = fc.record(
  {
    refundId,
    amountCents: cents,
    reason: text(200),
    items: fc.array(fc.record({ sku: identifier, quantity }), { maxLength: 2 }),
  },
  { requiredKeys: ['refundId', 'amountCents'] },
);
const capture = fc.record({ amountCents: cents, method: text(64) }, { requiredKeys: ['amountCents'] });
const shipment = fc.record({ carrier: text(64), trackingNumber: identifier }, { requiredKeys: [] });

const ORDINARY = [
  step(4, 'order.placed.v2', placed),
  step(2, 'order.placed.v1', placedVersion1),
  step(4, 'order.payment_captured.v1', capture),
  step(1, 'OrderPaid', capture),
  step(3, 'order.shipped.v1', fc.oneof(shipment, nothing)),
  step(2, 'order.delivered.v1', nothing),
  step(2, 'order.cancelled.v1', fc.oneof(reason, nothing)),
  step(5, 'order.refunded.v1', refund),
  step(3, 'order.tagged.v1', fc.record({ add: tags, remove: tags })),
  step(3, 'order.corrected.v1', fc.record({ patch, reason: text(200) })),
  step(1, 'order.skipped.v1', nothing),
  step(1, 'order.exploded.v1', anything),
  step(1, 'order.placed.v9', anything),
];
const ERASURES = [step(1, 'order.erased.v1', fc.oneof(reason, nothing))];
const SNAPSHOTS = [step(1, 'order.snapshot.v1', snapshot), step(2, FAITHFUL_SNAPSHOT, nothing)];

/** What an event carries beside its type and data. `own` makes its id unlike every other of the same source. */
const envelope = fc.record({
  time: instant,
  sameIdOtherSource: fc.boolean(),
  sequenceAsText: fc.boolean(),
  extras: fc.record(
    {
      partitionkey: fc.constant(true),
      traceparent: fc.constantFrom('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'),
      datacontenttype: fc.constant('application/json'),
      shoesize: fc.constantFrom(44, 'big', null, { nested: [true] }),
    },
    { requiredKeys: [] },
  ),
});

/** One order's history, in sequence from 1. The first event is mostly a placement. */
export function orderHistory(options: HistoryOptions = {}): fc.Arbitrary<CloudEventJson[]> {
  const { minLength = 1, maxLength = 12, erasures = true, snapshots = true } = options;
  const steps = fc.oneof(...ORDINARY, ...(erasures ? ERASURES : []), ...(snapshots ? SNAPSHOTS : []));
  const placement = fc.oneof(...ORDINARY.slice(0, 2));
  const first = fc.oneof({ weight: 5, arbitrary: placement }, { weight: 1, arbitrary: steps });
  const member = (arbitrary: fc.Arbitrary<Step>) => fc.tuple(arbitrary, envelope);
  return fc
    .tuple(member(first), fc.array(member(steps), { minLength: minLength - 1, maxLength: maxLength - 1 }))
    .map(([head, tail]) => toHistory([head, ...tail], options));
}

type Carried = typeof envelope extends fc.Arbitrary<infer T> ? T : never;

function toHistory(steps: readonly (readonly [Step, Carried])[], options: HistoryOptions): CloudEventJson[] {
  const history: CloudEventJson[] = [];
  let erased = false;
  for (const [{ type, data }, carried] of steps) {
    const told = type === FAITHFUL_SNAPSHOT ? faithfulSnapshot(history) : { type, data };
    const idle = erased && told.type === 'order.snapshot.v1' && !options.snapshotsAfterErasure;
    const sequence = history.length + 1;
    history.push(
      toCloudEvent(options.orderId ?? 'o-1', sequence, idle ? { type: 'order.skipped.v1', data: {} } : told, carried),
    );
    erased ||= told.type === 'order.erased.v1';
  }
  return history;
}

function toCloudEvent(orderId: string, sequence: number, { type, data }: Step, carried: Carried): CloudEventJson {
  const { time, sameIdOtherSource, sequenceAsText, extras } = carried;
  const event = {
    specversion: '1.0',
    id: sameIdOtherSource ? 'the-same' : `${orderId.slice(0, 40)}-${sequence}`,
    source: sameIdOtherSource ? `/service/${sequence}` : '/order-service',
    type,
    subject: orderId,
    time,
    sequence: sequenceAsText ? String(sequence) : sequence,
    ...extras,
    ...(extras.partitionkey ? { partitionkey: orderId } : {}),
    ...(data === undefined ? {} : { data }),
  };
  return JSON.parse(JSON.stringify(event)) as CloudEventJson;
}

/** The order's state after `history`, as a snapshot event says it; a skipped sequence where there is nothing to tell. */
function faithfulSnapshot(history: readonly CloudEventJson[]): Step {
  const [document] = expectedDocuments(history).values();
  if (document?.fields['placedAt'] === undefined) return { type: 'order.skipped.v1', data: {} };
  const { customerId, customerName, customerEmail, refunds, ...fields } = document.fields;
  const kept = Object.entries(fields).filter(
    ([field]) => !['orderId', 'version', 'updatedAt', 'skus', 'itemNames', 'netCents'].includes(field),
  );
  const listed = (refunds as readonly { refundId?: string }[]).every((refund) => refund.refundId !== undefined);
  const customer = { id: customerId, name: customerName, email: customerEmail };
  const data = { ...Object.fromEntries(kept), customer, ...(listed ? { refunds } : {}) };
  return { type: 'order.snapshot.v1', data };
}

/** Every event at least once, in any order, some of them again, in batches of any size. */
export function deliveriesOf<T>(events: readonly T[]): fc.Arbitrary<T[][]> {
  const all = [...events];
  return fc
    .tuple(fc.subarray(all), fc.infiniteStream(fc.integer({ min: 1, max: 5 })))
    .chain(([again, sizes]) =>
      fc
        .shuffledSubarray([...all, ...again], { minLength: all.length + again.length })
        .map((shuffled) => inBatches(shuffled, sizes)),
    );
}

function inBatches<T>(events: readonly T[], sizes: Iterator<number>): T[][] {
  const batches: T[][] = [];
  for (let start = 0; start < events.length;) {
    const size = sizes.next().value as number;
    batches.push(events.slice(start, start + size));
    start += size;
  }
  return batches;
}
