import { generateEvents } from '../../test/support/generate-events.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { plusDays } from '../../src/order/day.ts';
import type { PlacedData } from '../../src/order/event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { Story } from '../../src/sample/story.ts';
import type { Dataset } from '../drain/events.ts';

/** So many orders are in flight at once: their events alternate. */
const NEIGHBOURS = 50;
const PLACED_AT_MS = Date.UTC(2026, 0, 5);
const ORDER_EVERY_MS = 60_000;

export interface Shape {
  readonly events: number;
  readonly eventsPerOrder: number;
  readonly itemsPerOrder: number;
}

/** Orders of one shape, whose events stand near each other in the queue. */
export function datasetOfShape({ events, eventsPerOrder, itemsPerOrder }: Shape): Dataset {
  const orders = Math.max(1, Math.floor(events / eventsPerOrder));
  const inOrder: CloudEvent[] = [];
  for (let from = 0; from < orders; from += NEIGHBOURS) {
    const count = Math.min(NEIGHBOURS, orders - from);
    const histories = Array.from({ length: count }, (_, place) => historyOf(from + place, itemsPerOrder));
    for (let place = 0; place < eventsPerOrder; place++) inOrder.push(...histories.flatMap((one) => one[place] ?? []));
  }
  return datasetFrom(inOrder);
}

/** Placed, paid, shipped, delivered. */
function historyOf(number: number, items: number): readonly CloudEvent[] {
  const random = createRandom('scale', number);
  const placedAtMs = PLACED_AT_MS + number * ORDER_EVERY_MS;
  const story = new Story({ random, orderId: `S-${String(number).padStart(8, '0')}`, placedAtMs, speed: 1 });
  const placed = withItems(story.placed, items);
  story.totalCents = placed.totalCents;
  return story
    .tell('order.placed.v2', { ...placed })
    .pay()
    .ship()
    .deliver().events;
}

/** The order's own items, over and over, each time other products of like names. */
function withItems(placed: PlacedData, count: number): PlacedData {
  const own = placed.items.length;
  const items = Array.from({ length: count }, (_, place) => {
    const item = placed.items[place % own] ?? { sku: '', name: '', quantity: 1, unitPriceCents: 0 };
    const time = Math.floor(place / own);
    return time === 0 ? item : { ...item, sku: `${item.sku}-${time}`, name: `${item.name} ${time}` };
  });
  const totalCents = items.reduce((cents, { quantity, unitPriceCents }) => cents + quantity * unitPriceCents, 0);
  return { ...placed, items, totalCents };
}

/** Orders that are in the index, by parts of so many. */
export const PART = 1_000;
const FIRST_DAY = '2026-01-01';
const DAYS = 180;
/** Of an order that is in the index. */
const EVENTS_THERE = 3;
/** The drain brings each of its orders so many further ones. */
const EVENTS_MORE = 2;

/** The histories of a part, which is of another day than the one before. */
export function partOf(part: number): CloudEvent[] {
  return eventsOf(part, PART, EVENTS_THERE);
}

/** The next events of some orders of the parts from `from` to before `to`, evenly spread, in the order of their times; about so many. */
export function nextEvents(from: number, to: number, events: number): Dataset {
  const ordersAPart = Math.min(PART, Math.max(1, Math.round(events / EVENTS_MORE / (to - from))));
  const all: CloudEvent[] = [];
  for (let part = from; part < to && all.length < events; part++)
    all.push(
      ...eventsOf(part, ordersAPart, EVENTS_THERE + EVENTS_MORE).filter(({ sequence }) => sequence > EVENTS_THERE),
    );
  const timed = all.map((event) => ({ event, at: Date.parse(event.time) }));
  timed.sort((a, b) => a.at - b.at || a.event.sequence - b.event.sequence);
  return datasetFrom(timed.map(({ event }) => event));
}

/** The first orders of a part are the same ones, however many there are; and so are their first events. */
function eventsOf(part: number, orders: number, eventsPerOrder: number): CloudEvent[] {
  const startAt = new Date(plusDays(FIRST_DAY, (part * 67) % DAYS));
  const length = { min: eventsPerOrder, max: eventsPerOrder };
  return generateEvents({ seed: `scale ${part}`, orders, idPrefix: `P${part}`, startAt, eventsPerOrder: length });
}

function datasetFrom(events: readonly CloudEvent[]): Dataset {
  const versions = new Map<string, number>();
  const places = new Map<string, number>();
  for (const [place, { subject, sequence }] of events.entries()) {
    versions.set(subject, Math.max(sequence, versions.get(subject) ?? 0));
    places.set(subject, place + 1);
  }
  return { lines: events.map((event) => JSON.stringify(event)), versions, places };
}
