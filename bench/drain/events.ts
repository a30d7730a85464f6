import { createRandom, type Random } from '../../src/sample/random.ts';

/** What goes into the queue, and what must come out of it. */
export interface Dataset {
  /** CloudEvents of the contract, one JSON each, in the order of their instants. */
  readonly lines: readonly string[];
  /** The last sequence of each order. */
  readonly versions: ReadonlyMap<string, number>;
  /** The place in the queue of each order's last event, from 1: the version of those who copy. */
  readonly places: ReadonlyMap<string, number>;
}

type Kind = 'placed' | 'captured' | 'shipped' | 'cancelled' | 'refunded';
type Snapshot = Readonly<Record<string, unknown>> & { readonly totalCents: number; readonly orderVersion: number };

const TYPES: Readonly<Record<Kind, string>> = {
  placed: 'order.placed.v2',
  captured: 'order.payment_captured.v1',
  shipped: 'order.shipped.v1',
  cancelled: 'order.cancelled.v1',
  refunded: 'order.refunded.v1',
};
/** 3.0 events an order. */
const HISTORIES: readonly (readonly [weight: number, kinds: readonly Kind[]])[] = [
  [8, ['placed']],
  [8, ['placed', 'cancelled']],
  [60, ['placed', 'captured', 'shipped']],
  [15, ['placed', 'captured', 'shipped', 'refunded']],
  [9, ['placed', 'captured', 'cancelled', 'refunded']],
];
const FIRST_NAMES = 'Ada Ben Chloe Dmitri Elena Farid Grace Hiro Ines Jonas Kavya Liam Maya Noor Oskar Priya'.split(
  ' ',
);
const LAST_NAMES = 'Abbott Berg Castillo Dubois Eriksen Fischer Garcia Haddad Ivanova Jensen Kim Lopez'.split(' ');
const ADJECTIVES = 'Compact Wireless Organic Vintage Foldable Ceramic Leather Bamboo Insulated Portable'.split(' ');
const NOUNS = 'Backpack Headphones Kettle Desk Lamp Notebook Jacket Mug Keyboard Tent Blanket Camera'.split(' ');
const TAGS = 'gift priority b2b first-order promo fragile subscription preorder'.split(' ');
const CITIES = 'Berlin Lyon Madrid Oslo Austin Osaka Leeds Porto Turin Denver'.split(' ');
const STARTED_AT = Date.UTC(2026, 0, 5, 8);
const EVENT_EVERY_MS = 137;
const PRODUCTS = 2_000;
const CUSTOMERS = 20_000;
const SELLERS = 400;

/**
 * Deterministic by the count: histories of orders that overlap, half of the follow-ups soon and half much later. Beside the event's own
 * facts `data` holds `snapshot`, the whole document after it, for contenders that cannot fold: whoever folds parses it in vain.
 */
export function datasetOf(count: number): Dataset {
  const random = createRandom('drain');
  const products = Array.from({ length: PRODUCTS }, (_, number) => ({
    sku: `SKU-${String(number).padStart(5, '0')}`,
    name: `${anyOf(ADJECTIVES, random)} ${anyOf(ADJECTIVES, random)} ${anyOf(NOUNS, random)} ${random.integer(1, 99)}`,
    unitPriceCents: random.integer(199, 24_999),
  }));
  const snapshots = new Map<string, Snapshot>();
  const versions = new Map<string, number>();
  const places = new Map<string, number>();
  const lines = scheduleOf(count, random).map(({ order, kind }, index) => {
    const time = new Date(STARTED_AT + index * EVENT_EVERY_MS).toISOString();
    const orderId = `ord-${String(order).padStart(8, '0')}`;
    const known = snapshots.get(orderId);
    const next = known ? follow(known, kind, time, random) : place(orderId, time, products, random);
    const snapshot = { ...next.snapshot, seq: index + 1 };
    snapshots.set(orderId, snapshot);
    versions.set(orderId, snapshot.orderVersion);
    places.set(orderId, index + 1);
    const envelope = { specversion: '1.0', id: `evt-${String(index + 1).padStart(9, '0')}`, source: '/shop/orders' };
    const rest = { type: TYPES[kind], subject: orderId, time, sequence: snapshot.orderVersion };
    return JSON.stringify({
      ...{ ...envelope, ...rest, datacontenttype: 'application/json' },
      data: { ...next.facts, orderId, seq: index + 1, snapshot },
    });
  });
  return { lines, versions, places };
}

function scheduleOf(count: number, random: Random): { readonly order: number; readonly kind: Kind }[] {
  const steps: { readonly at: number; readonly order: number; readonly kind: Kind }[] = [];
  for (let order = 0; order < count / 2.9 + 2_000; order++) {
    let at = order * 3;
    for (const kind of random.weighted(HISTORIES)) {
      steps.push({ at, order, kind });
      at += random.integer(0, 1) === 0 ? random.integer(3, 60) : random.integer(60, 4_000);
    }
  }
  return steps.sort((a, b) => a.at - b.at).slice(0, count);
}

function anyOf<T>(options: readonly T[], random: Random): T {
  return random.weighted(options.map((option) => [1, option] as const));
}

interface Step {
  readonly facts: object;
  readonly snapshot: Snapshot;
}

interface Product {
  readonly sku: string;
  readonly name: string;
  readonly unitPriceCents: number;
}

function place(orderId: string, at: string, products: readonly Product[], random: Random): Step {
  const number = random.integer(0, CUSTOMERS - 1);
  const name = `${FIRST_NAMES[number % FIRST_NAMES.length] ?? ''} ${LAST_NAMES[Math.floor(number / 26) % LAST_NAMES.length] ?? ''}`;
  const email = `${name.toLowerCase().replace(' ', '.')}.${number}@example.test`;
  const customer = { id: `cus-${number}`, name, email };
  const items = Array.from({ length: random.integer(1, 8) }, () => {
    const { sku, name, unitPriceCents } = anyOf(products, random);
    return { sku, name, quantity: random.integer(1, 4), unitPriceCents };
  });
  const tags = TAGS.filter(() => random.integer(0, 4) === 0);
  const totalCents = items.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 499);
  const shared = {
    sellerId: `seller-${random.integer(1, SELLERS)}`,
    currency: random.pick(['EUR', 'USD', 'GBP']),
    tags,
  };
  const counted = items.map(({ quantity, ...item }) => ({
    ...{ ...item, qty: quantity },
    lineCents: quantity * item.unitPriceCents,
  }));
  return {
    facts: { ...shared, totalCents, customer, items },
    snapshot: {
      ...{ orderId, orderNumber: `A-${orderId.slice(-6)}`, orderVersion: 1, status: 'placed', ...shared },
      ...{ channel: random.pick(['web', 'app', 'store']), placedAt: at, updatedAt: at },
      ...{ totalCents, total: totalCents / 100, shippingCents: 499, paidCents: 0, refundedCents: 0 },
      ...{ itemCount: items.reduce((sum, { quantity }) => sum + quantity, 0), customer },
      ...{ shipTo: { city: anyOf(CITIES, random), country: 'DE', zip: String(random.integer(10_000, 99_999)) } },
      items: counted,
    },
  };
}

function follow(known: Snapshot, kind: Kind, at: string, random: Random): Step {
  const next = { ...known, orderVersion: known.orderVersion + 1, updatedAt: at };
  const { totalCents } = known;
  if (kind === 'captured') {
    const method = random.pick(['card', 'paypal', 'sepa', 'klarna']);
    const changed = { status: 'paid', paidAt: at, paidCents: totalCents, paymentMethod: method };
    return { facts: { method, amountCents: totalCents }, snapshot: { ...next, ...changed } };
  }
  if (kind === 'shipped') {
    const facts = { carrier: random.pick(['dhl', 'ups', 'dpd']), trackingNumber: `TRK${random.integer(1e8, 1e9)}` };
    const changed = { status: 'shipped', shippedAt: at, carrier: facts.carrier, tracking: facts.trackingNumber };
    return { facts, snapshot: { ...next, ...changed } };
  }
  if (kind === 'cancelled') {
    const facts = { reason: random.pick(['customer', 'stock', 'fraud']) };
    return { facts, snapshot: { ...next, status: 'cancelled', cancelledAt: at, cancelReason: facts.reason } };
  }
  const amountCents = random.integer(0, 9) < 6 ? totalCents : random.integer(1, totalCents);
  const facts = { refundId: `ref-${known.orderVersion + 1}-${String(known['orderId'])}`, amountCents };
  return { facts, snapshot: { ...next, status: 'refunded', refundedAt: at, refundedCents: amountCents } };
}
