import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { PLOTS_WITHOUT_HOLES, type Plot } from '../../src/sample/plots.ts';
import { createRandom, type Random } from '../../src/sample/random.ts';
import { Story } from '../../src/sample/story.ts';

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const PLACED_WITHIN_MS = 12 * DAY_MS;
const SELLERS_MOVED_TO = 8;
const SHUFFLE_WINDOW = 400;
const DUPLICATE_SHARE = 0.12;
const EVENTS_AN_ORDER = 5;

/** Every event that is made here is of one of these days. */
export const EVENT_DAYS = { from: '2026-01-01', to: '2026-03-31' };

/** Of a seller all of whose orders are alike: paid with so much on one day, and never touched again. */
export const STEADY = { sellerId: 'steady', currency: 'SEK', cents: 1_000 };

/** Of a seller whose orders are all told at once. */
export const FINISHED = { sellerId: 'finished', currency: 'NOK' };

function move(story: Story): Story {
  const sellerId = `moved-to-${story.random.integer(1, SELLERS_MOVED_TO)}`;
  return story.wait(20).tell('order.corrected.v1', { patch: { sellerId }, reason: 'sold by another one' });
}

function erase(story: Story): Story {
  return story.wait(30).tell('order.erased.v1', { reason: 'asked for' });
}

function renamed(story: Story): void {
  const [first, ...others] = story.placed.items;
  const items = [{ ...first, name: `${first?.name ?? ''}, new` }, ...others];
  story.place().pay().wait(5).tell('order.corrected.v1', { patch: { items }, reason: 'misspelt' }).ship();
}

/** What happens to an order that rows must not hold on to. */
const MOVING: readonly (readonly [weight: number, plot: Plot])[] = [
  [4, (story) => void move(story.place()).pay().ship()],
  [6, (story) => void move(story.place().pay()).ship().deliver()],
  [4, (story) => void move(story.place().pay().refund(100)).refund(200)],
  [3, (story) => void move(move(story.place().pay()).refund(100)).ship()],
  [3, (story) => void erase(move(story.place().pay().ship()))],
  [3, (story) => void erase(story.place().pay().refund(50)).tag()],
  [4, (story) => void story.place().pay().wait(40).pay().ship()],
  [3, renamed],
];

/**
 * About so many events in the order of their sending, shuffled and with duplicates: of orders that are paid, refunded, moved to other
 * sellers before and after that, and erased; among them {@link STEADY}'s. Pure: the same seed gives the same.
 */
export function aggregateEvents({ seed, events }: { readonly seed: string; readonly events: number }): CloudEvent[] {
  const orders = Math.ceil(events / EVENTS_AN_ORDER);
  const told = Array.from({ length: orders }, (_, number) => orderEvents(seed, number, orders)).flat();
  const timed = told.map((event) => ({ event, at: Date.parse(event.time) }));
  timed.sort((a, b) => a.at - b.at || a.event.sequence - b.event.sequence);
  return sendingOrder(
    timed.map(({ event }) => event),
    createRandom(seed, 'sending'),
  );
}

function orderEvents(seed: string, number: number, orders: number): CloudEvent[] {
  const random = createRandom(seed, number);
  const placedAtMs = START_MS + Math.floor((number / orders) * PLACED_WITHIN_MS);
  const story = new Story({ random, orderId: `${seed}-${number}`, placedAtMs, speed: 1 });
  if (number % 20 === 0) steady(story);
  else random.weighted(random.chance(0.4) ? MOVING : PLOTS_WITHOUT_HOLES)(story);
  return story.events;
}

function steady(story: Story): void {
  const { sellerId, currency, cents } = STEADY;
  const items = [{ sku: 'STEADY', name: 'Steady', quantity: 1, unitPriceCents: cents }];
  placeFor(story, { sellerId, currency, items, totalCents: cents }).tell('order.payment_captured.v1', {
    amountCents: cents,
  });
}

/** All that {@link FINISHED} ever sells: over some days, with refunds, and with orders that leave and that are erased. */
export function finishedEvents(): CloudEvent[] {
  const ends: readonly Plot[] = [
    () => undefined,
    (story) => void story.refund(70),
    (story) => void move(story),
    (story) => void erase(story),
    (story) => void story.wait(40).pay(),
  ];
  const orders = Array.from({ length: 25 }, (_, number) => {
    const random = createRandom('finished', number);
    const story = new Story({
      random,
      orderId: `finished-${number}`,
      placedAtMs: START_MS + number * (DAY_MS / 8),
      speed: 1,
    });
    placeFor(story, FINISHED).pay();
    ends[number % ends.length]?.(story);
    return story.events;
  });
  return orders.flat();
}

function placeFor(story: Story, changed: Readonly<Record<string, unknown>>): Story {
  return story.tell('order.placed.v2', { ...story.placed, ...changed });
}

/** By when they were told, and not far from it. */
function sendingOrder(events: readonly CloudEvent[], random: Random): CloudEvent[] {
  const sent = events.flatMap((event, index) => {
    const copies = random.chance(DUPLICATE_SHARE) ? [event, event] : [event];
    return copies.map((one) => ({ place: index + random.fraction() * SHUFFLE_WINDOW, event: one }));
  });
  return sent.sort((a, b) => a.place - b.place).map(({ event }) => event);
}
