/** The oracle's reading of contract §1 "What each event does": one order's state, and what the next event makes of it. */

interface Item {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

interface Placed {
  readonly customer: { readonly id: string; readonly name: string; readonly email?: string };
  readonly sellerId: string;
  readonly currency: string;
  readonly items: readonly Item[];
  readonly totalCents: number;
  readonly tags: readonly string[];
}

interface Payment {
  readonly at: string;
  readonly amountCents: number;
  readonly method?: string;
}

interface Refund {
  readonly refundId?: string;
  readonly at: string;
  readonly amountCents: number;
}

export interface State {
  readonly status: string;
  readonly placed?: Placed;
  readonly payments: readonly Payment[];
  readonly refunds: readonly Refund[];
  readonly placedAt?: string;
  readonly paidAt?: string;
  readonly shippedAt?: string;
  readonly deliveredAt?: string;
  readonly cancelledAt?: string;
  readonly erasedAt?: string;
  readonly updatedAt: string;
}

interface Happening {
  readonly type: string;
  readonly time: string;
  readonly data: unknown;
}

export function emptyState(): State {
  return { status: 'incomplete', payments: [], refunds: [], updatedAt: '' };
}

/**
 * The state after one more event. Snapshot and erasure make nothing of what was before (a version has one content, and they may
 * have come over a hole), so `updatedAt` starts again at them. Events after an erasure advance the version and nothing else.
 */
export function happen(before: State, event: Happening): State {
  if (event.type === 'order.erased.v1') {
    return { ...emptyState(), status: 'erased', erasedAt: event.time, updatedAt: event.time };
  }
  if (event.type === 'order.snapshot.v1') {
    return before.erasedAt === undefined ? fromSnapshot(event) : before;
  }
  if (before.erasedAt !== undefined) return before;
  const state = { ...before, updatedAt: event.time > before.updatedAt ? event.time : before.updatedAt };
  if (before.placed === undefined) return place(state, event);
  return change(state, before.placed, event);
}

function place(state: State, event: Happening): State {
  let placed: Placed;
  if (event.type === 'order.placed.v2') placed = event.data as Placed;
  else if (event.type === 'order.placed.v1') placed = fromVersion1(event.data as Version1);
  else return state;
  return { ...state, status: 'placed', placed: { ...placed, tags: distinct(placed.tags) }, placedAt: event.time };
}

function change(state: State, placed: Placed, { type, time, data }: Happening): State {
  switch (type) {
    case 'order.payment_captured.v1': {
      const payment = { at: time, ...(data as { amountCents: number }) };
      return { ...state, status: 'paid', payments: [...state.payments, payment], paidAt: state.paidAt ?? time };
    }
    case 'order.shipped.v1':
      return { ...state, status: 'shipped', shippedAt: time };
    case 'order.delivered.v1':
      return { ...state, status: 'delivered', deliveredAt: time };
    case 'order.cancelled.v1':
      return { ...state, status: 'cancelled', cancelledAt: time };
    case 'order.refunded.v1':
      return refund(state, time, data as { refundId: string; amountCents: number });
    case 'order.tagged.v1': {
      const { add, remove } = data as { add: string[]; remove: string[] };
      const left = placed.tags.filter((tag) => !remove.includes(tag));
      return { ...state, placed: { ...placed, tags: distinct([...left, ...add]) } };
    }
    case 'order.corrected.v1': {
      const corrected = mergePatch(placed, (data as { patch: unknown }).patch) as Placed;
      return { ...state, placed: { ...corrected, tags: distinct(corrected.tags) } };
    }
    default:
      return state;
  }
}

function refund(state: State, at: string, { refundId, amountCents }: { refundId: string; amountCents: number }): State {
  if (state.refunds.some((earlier) => earlier.refundId === refundId)) return state;
  const refunds = [...state.refunds, { refundId, at, amountCents }];
  return { ...state, refunds, status: sum(refunds) >= sum(state.payments) ? 'refunded' : state.status };
}

interface Version1 {
  readonly customerId: string;
  readonly customerName: string;
  readonly sellerId: string;
  readonly currency: string;
  readonly lines: readonly { sku: string; name: string; qty: number; price: string }[];
}

function fromVersion1(old: Version1): Placed {
  const items: Item[] = [];
  let totalCents = 0;
  for (const { sku, name, qty, price } of old.lines) {
    const unitPriceCents = Math.round(Number(price) * 100);
    items.push({ sku, name, quantity: qty, unitPriceCents });
    totalCents += qty * unitPriceCents;
  }
  const customer = { id: old.customerId, name: old.customerName };
  return { customer, sellerId: old.sellerId, currency: old.currency, items, totalCents, tags: [] };
}

type Snapshot = Placed & {
  readonly status: string;
  readonly paidCents: number;
  readonly refundedCents: number;
  readonly payments?: readonly Payment[];
  readonly refunds?: readonly Refund[];
} & Pick<State, 'placedAt' | 'paidAt' | 'shippedAt' | 'deliveredAt' | 'cancelledAt'>;

/** Where a list is absent, its sum counts on `paidAt`'s day and on the event's day; the contract names no `refundId` for it. */
function fromSnapshot(event: Happening): State {
  const { customer, sellerId, currency, items, totalCents, tags, ...rest } = event.data as Snapshot;
  const { paidCents, refundedCents, status, payments, refunds, ...instants } = rest;
  const paid = instants.paidAt === undefined ? [] : [{ at: instants.paidAt, amountCents: paidCents }];
  const refunded = refundedCents === 0 ? [] : [{ at: event.time, amountCents: refundedCents }];
  return {
    status,
    placed: { customer, sellerId, currency, items, totalCents, tags: distinct(tags) },
    payments: payments ?? paid,
    refunds: refunds ?? refunded,
    ...instants,
    updatedAt: event.time,
  };
}

/** A correction of a placed order must leave valid placed data (contract §1's table). */
export function isAllowedCorrection(state: State, event: Happening): boolean {
  if (event.type !== 'order.corrected.v1' || state.placed === undefined) return true;
  const result = mergePatch(state.placed, (event.data as { patch: unknown }).patch);
  if (!isObject(result)) return false;
  const { customer, items, ...rest } = result as Readonly<Record<string, unknown>>;
  return (
    isCustomer(customer) &&
    isId(rest['sellerId']) &&
    isCurrencyCode(rest['currency']) &&
    isCount(rest['totalCents'], 0) &&
    isListOf(rest['tags'], (tag) => isId(tag)) &&
    isListOf(items, isItem) &&
    items.length >= 1 &&
    items.length <= 500
  );
}

/** ICU leaves out the codes that no one is paid in. */
function isCurrencyCode(value: unknown): boolean {
  const codes = [...Intl.supportedValuesOf('currency'), 'XAU', 'XAG', 'XPT', 'XPD', 'XDR', 'XSU', 'XUA', 'XCG', 'ZWG'];
  return typeof value === 'string' && codes.includes(value);
}

function isCustomer(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { id, name, email } = value as Readonly<Record<string, unknown>>;
  return isId(id) && isText(name, 1024) && (email === undefined || typeof email === 'string');
}

function isItem(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { sku, name, quantity, unitPriceCents } = value as Readonly<Record<string, unknown>>;
  return isId(sku) && isText(name, 1024) && isCount(quantity, 1) && isCount(unitPriceCents, 0);
}

function isListOf(value: unknown, test: (member: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(test);
}

function isId(value: unknown): boolean {
  return value !== '' && isText(value, 256);
}

function isText(value: unknown, maxCharacters: number): boolean {
  return typeof value === 'string' && [...value].length <= maxCharacters;
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7396, word for word. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map<string, unknown>(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name), value));
  }
  return Object.fromEntries(result);
}

/** What readers see of a state: contract §2, `projectedAt` aside. */
export function publicFields(state: State, version: number): { status: string } & Record<string, unknown> {
  const { placed, payments, refunds, ...shown } = state;
  if (placed === undefined) return { ...shown, version };
  const { customer, ...order } = placed;
  const paidCents = sum(payments);
  const refundedCents = sum(refunds);
  return {
    ...shown,
    ...order,
    customerId: customer.id,
    customerName: customer.name,
    ...(customer.email === undefined ? {} : { customerEmail: customer.email }),
    skus: distinct(order.items.map((item) => item.sku)),
    itemNames: distinct(order.items.map((item) => item.name)),
    paidCents,
    refundedCents,
    netCents: paidCents - refundedCents,
    payments,
    refunds,
    version,
  };
}

function sum(amounts: readonly { readonly amountCents: number }[]): number {
  return amounts.reduce((total, { amountCents }) => total + amountCents, 0);
}

function distinct<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
