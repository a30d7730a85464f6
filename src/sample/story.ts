import { hasTwoDecimals } from '../order/currency.ts';
import type { Item, PlacedData } from '../order/event.ts';
import { CANCEL_REASONS, CUSTOMER_NAMES, PAYMENT_METHODS, REFUND_REASONS, SELLERS, TAGS } from './catalogue.ts';
import type { Seller } from './catalogue.ts';
import type { CloudEvent } from './cloud-event.ts';
import type { Random } from './random.ts';

export interface StoryOptions {
  readonly random: Random;
  readonly orderId: string;
  readonly placedAtMs: number;
  /** How much faster than life the order's story goes: 1 is days, 1,000 minutes. */
  readonly speed: number;
}

/** All that stories are told in: those of the contract, and one that nobody here knows. */
export const SAMPLE_TYPES = [
  'order.placed.v1',
  'order.placed.v2',
  'order.payment_captured.v1',
  'OrderPaid',
  'order.shipped.v1',
  'order.delivered.v1',
  'order.cancelled.v1',
  'order.refunded.v1',
  'order.tagged.v1',
  'order.corrected.v1',
  'order.gift_wrapped.v1',
  'order.snapshot.v1',
  'order.skipped.v1',
  'order.erased.v1',
] as const;

type SampleType = (typeof SAMPLE_TYPES)[number];

const SOURCE = '/sample-shop';
const HOUR_MS = 3_600_000;

/** An order's life as it is being told: what was ordered, and the events so far in their order's sequence. */
export class Story {
  readonly random: Random;
  readonly seller: Seller;
  readonly placed: PlacedData;
  /** What is to be paid; a correction may change it. */
  totalCents: number;
  readonly events: CloudEvent[] = [];
  readonly #options: StoryOptions;
  #nowMs: number;
  #sequence = 0;

  constructor(options: StoryOptions) {
    this.#options = options;
    this.random = options.random;
    this.seller = options.random.pick(SELLERS);
    this.placed = orderFrom(this.seller, options.random);
    this.totalCents = this.placed.totalCents;
    this.#nowMs = options.placedAtMs;
  }

  get now(): string {
    return new Date(this.#nowMs).toISOString();
  }

  /** Lets a time pass that is between nothing and twice so many hours. */
  wait(hours: number): this {
    this.#nowMs += Math.ceil((this.random.fraction() * 2 * hours * HOUR_MS) / this.#options.speed);
    return this;
  }

  /** The next event of the order, at the present time. */
  tell(type: SampleType, data: Readonly<Record<string, unknown>>): this {
    this.#sequence += 1;
    return this.tellAt(this.#sequence, type, data);
  }

  /** Leaves sequences out, to be told of later or never. Returns the last of them. */
  leaveOut(count: number): number {
    this.#sequence += count;
    return this.#sequence;
  }

  tellAt(sequence: number, type: SampleType, data: Readonly<Record<string, unknown>>): this {
    const { orderId } = this.#options;
    this.events.push({
      specversion: '1.0',
      id: `${orderId}-${sequence}`,
      source: SOURCE,
      type,
      subject: orderId,
      time: this.now,
      sequence,
      partitionkey: orderId,
      datacontenttype: 'application/json',
      data,
    });
    return this;
  }

  /** In the older shape where the seller's system is old. */
  place(): this {
    const { seller, placed } = this;
    if (!seller.isLegacy || !hasTwoDecimals(seller.currency)) return this.tell('order.placed.v2', { ...placed });
    return this.tell('order.placed.v1', {
      customerId: placed.customer.id,
      customerName: placed.customer.name,
      sellerId: placed.sellerId,
      currency: placed.currency,
      lines: placed.items.map(({ sku, name, quantity, unitPriceCents }) => ({
        sku,
        name,
        qty: quantity,
        price: (unitPriceCents / 100).toFixed(2),
      })),
    });
  }

  pay(): this {
    const type = this.seller.isLegacy ? 'OrderPaid' : 'order.payment_captured.v1';
    return this.wait(2).tell(type, { amountCents: this.totalCents, method: this.random.pick(PAYMENT_METHODS) });
  }

  ship(): this {
    const trackingNumber = `TR${this.random.integer(10_000_000, 99_999_999)}`;
    return this.wait(30).tell('order.shipped.v1', { carrier: this.random.pick(this.seller.carriers), trackingNumber });
  }

  deliver(): this {
    return this.wait(48).tell('order.delivered.v1', {});
  }

  cancel(): this {
    return this.wait(12).tell('order.cancelled.v1', { reason: this.random.pick(CANCEL_REASONS) });
  }

  refund(amountCents: number, items?: readonly Pick<Item, 'sku' | 'quantity'>[]): this {
    this.wait(72);
    const refundId = `R-${this.#options.orderId}-${this.#sequence + 1}`;
    const reason = this.random.pick(REFUND_REASONS);
    return this.tell('order.refunded.v1', { refundId, amountCents, reason, ...(items && { items }) });
  }

  tag(remove: readonly string[] = []): this {
    return this.wait(4).tell('order.tagged.v1', { add: [this.random.pick(TAGS)], remove: [...remove] });
  }
}

function orderFrom(seller: Seller, random: Random): PlacedData {
  const products = new Set(Array.from({ length: random.integer(1, 4) }, () => random.pick(seller.products)));
  const items = [...products].map((product) => ({ ...product, quantity: random.integer(1, 3) }));
  return {
    customer: customerFrom(random),
    sellerId: seller.id,
    currency: seller.currency,
    items: items.map(({ sku, name, quantity, unitPriceCents }) => ({ sku, name, quantity, unitPriceCents })),
    totalCents: items.reduce((cents, { quantity, unitPriceCents }) => cents + quantity * unitPriceCents, 0),
    tags: random.chance(0.3) ? [random.pick(TAGS)] : [],
  };
}

function customerFrom(random: Random): PlacedData['customer'] {
  if (random.chance(0.1)) return { id: `guest-${random.integer(10_000, 99_999)}`, name: 'Guest' };
  const at = random.integer(0, CUSTOMER_NAMES.length - 1);
  const id = `c-${1_000 + at}`;
  const name = CUSTOMER_NAMES[at] ?? CUSTOMER_NAMES[0];
  return random.chance(0.8) ? { id, name, email: `${id}@example.com` } : { id, name };
}
