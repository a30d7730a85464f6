import { isCurrency } from './currency.ts';
import { isObject } from './decode-json.ts';
import { MAX_ID, MAX_ITEMS, MAX_NAME } from './event-schemas.ts';
import type { Customer, Item, OrderEvent, PlacedData } from './event.ts';
import { parseInstant } from './instant.ts';

/**
 * The plain form that nearly every message has, read without the schemas of `event-schemas.ts` and `parse-event.ts`, which cost several
 * times as much. What is read here they would take with the very same result (a property test holds that). Undefined says nothing but
 * that they must be asked.
 */

const SCHEME = /[A-Za-z][A-Za-z\d+.-]*:/.source;
const ADDRESS = /\[[\da-fA-F:.]+\]/.source;
const CHARACTERS = /[^\s<>"{}|\\^`%[\]]*/.source;

/**
 * RFC 3986 leaves none of these characters in a URI reference, a `%` only before two hex digits, brackets only round the address of a host,
 * and a colon before the first slash only behind a scheme.
 */
export const SOURCE = new RegExp(
  `^(?!$)(?=${SCHEME}|[^:/?#]*(?:[/?#]|$))(?:(?:${SCHEME})?//${ADDRESS})?${CHARACTERS}(?:%[\\da-fA-F]{2}${CHARACTERS})*$`,
);
export const MAX_SOURCE = 2_048;
/** Of an order id that has 512 bytes at most in whatever script. */
const MAX_PLAIN_ORDER_ID = 170;

type Json = Readonly<Record<string, unknown>>;
type PlainData = (data: Json) => object | undefined;

const DATA: ReadonlyMap<unknown, PlainData> = new Map<string, PlainData>([
  ['order.placed.v2', placedData],
  ['order.payment_captured.v1', capturedData],
  ['order.shipped.v1', shippedData],
  ['order.delivered.v1', () => ({})],
  ['order.cancelled.v1', cancelledData],
  ['order.refunded.v1', refundedData],
]);

export function readPlainEvent(message: object): { readonly orderId: string; readonly event: OrderEvent } | undefined {
  const { specversion, id, source, type, subject, time, sequence, partitionkey, data } = message as Json;
  const readData = DATA.get(type);
  if (specversion !== '1.0' || !readData || !isObject(data)) return undefined;
  if (!isId(id) || !isText(source, MAX_SOURCE) || !SOURCE.test(source)) return undefined;
  if (!isText(subject, MAX_PLAIN_ORDER_ID) || subject === '') return undefined;
  if (partitionkey !== undefined && partitionkey !== subject) return undefined;
  if (!isWhole(sequence, 1) || typeof time !== 'string') return undefined;
  const instant = parseInstant(time);
  const read = readData(data);
  if (instant === undefined || !read) return undefined;
  return { orderId: subject, event: { id, source, type, time: instant, sequence, data: read } as OrderEvent };
}

function placedData({ customer, sellerId, currency, items, totalCents, tags }: Json): PlacedData | undefined {
  if (!isObject(customer) || !isId(sellerId) || typeof currency !== 'string' || !isCurrency(currency)) return undefined;
  if (!isWhole(totalCents, 0) || !Array.isArray(tags) || !tags.every(isId)) return undefined;
  const who = readCustomer(customer);
  const what = readItems(items);
  return who && what && { customer: who, sellerId, currency, items: what, totalCents, tags };
}

function readCustomer({ id, name, email }: Json): Customer | undefined {
  if (!isId(id) || !isText(name, MAX_NAME)) return undefined;
  if (email === undefined || email === null) return { id, name };
  return isText(email, MAX_NAME) ? { id, name, email } : undefined;
}

function readItems(items: unknown): Item[] | undefined {
  if (!Array.isArray(items) || items.length < 1 || items.length > MAX_ITEMS) return undefined;
  const read: Item[] = [];
  for (const item of items as unknown[]) {
    if (!isObject(item)) return undefined;
    const { sku, name, quantity, unitPriceCents } = item;
    if (!isId(sku) || !isText(name, MAX_NAME) || !isWhole(quantity, 1) || !isWhole(unitPriceCents, 0)) return undefined;
    read.push({ sku, name, quantity, unitPriceCents });
  }
  return read;
}

function capturedData({ amountCents, method }: Json): object | undefined {
  if (!isWhole(amountCents, 0) || !isTextOrNone(method)) return undefined;
  return isNone(method) ? { amountCents } : { amountCents, method };
}

function shippedData({ carrier, trackingNumber }: Json): object | undefined {
  if (!isTextOrNone(carrier) || !isTextOrNone(trackingNumber)) return undefined;
  return { ...(!isNone(carrier) && { carrier }), ...(!isNone(trackingNumber) && { trackingNumber }) };
}

function cancelledData({ reason }: Json): object | undefined {
  if (isNone(reason)) return {};
  return typeof reason === 'string' ? { reason } : undefined;
}

/** With items it is for the schemas. */
function refundedData({ refundId, amountCents, reason, items }: Json): object | undefined {
  if (!isId(refundId) || !isWhole(amountCents, 0) || !isNone(items)) return undefined;
  if (isNone(reason)) return { refundId, amountCents };
  return typeof reason === 'string' ? { refundId, amountCents, reason } : undefined;
}

/** Code units are never fewer than characters: of a longer one the schemas count them. */
function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max;
}

function isTextOrNone(value: unknown): boolean {
  return isNone(value) || isText(value, MAX_NAME);
}

function isId(value: unknown): value is string {
  return isText(value, MAX_ID) && value !== '';
}

function isNone(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isWhole(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min;
}
