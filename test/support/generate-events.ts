import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { PLOTS_WITHOUT_HOLES } from '../../src/sample/plots.ts';
import { createRandom } from '../../src/sample/random.ts';
import type { Random } from '../../src/sample/random.ts';
import { Story } from '../../src/sample/story.ts';

export interface GenerateOptions {
  readonly seed: string | number;
  readonly orders: number;
  /** How many events an order has at least and at most; default: as its story goes. The same twice: exactly as many. */
  readonly eventsPerOrder?: { readonly min: number; readonly max: number };
  /** How many places an event may be away from its own in the order of time; default: 1 (none). */
  readonly shuffleWindow?: number;
  /** The share of events that are sent a second time, 0–1; default: 0. */
  readonly duplicateShare?: number;
  /** Of the first order; default: 2026-01-01. */
  readonly startAt?: Date;
  /** In front of each order id: keeps runs apart. */
  readonly idPrefix?: string;
}

const ORDER_EVERY_MS = 60_000;
const DEFAULT_START = new Date('2026-01-01T00:00:00Z');

/**
 * Events of many orders for load and fault tests, in the order in which they are to be sent. Each order's sequences are 1, 2, 3 …
 * without holes (only the shuffle lets one come early), all valid by contract §1. Pure: the same options give the same events.
 */
export function generateEvents(options: GenerateOptions): CloudEvent[] {
  const events: CloudEvent[] = [];
  for (let index = 0; index < options.orders; index++) events.push(...orderEvents(options, index));
  const timed = events.map((event) => ({ event, at: Date.parse(event.time) }));
  timed.sort((a, b) => a.at - b.at || a.event.sequence - b.event.sequence);
  const inTime = timed.map(({ event }) => event);
  return sendingOrder(
    inTime,
    options.shuffleWindow ?? 1,
    options.duplicateShare ?? 0,
    createRandom(options.seed, 'sending'),
  );
}

function orderEvents(
  { seed, eventsPerOrder, startAt = DEFAULT_START, idPrefix = 'G' }: GenerateOptions,
  index: number,
): CloudEvent[] {
  const random = createRandom(seed, 'order', index);
  const orderId = `${idPrefix}-${String(index + 1).padStart(6, '0')}`;
  const story = new Story({ random, orderId, placedAtMs: startAt.getTime() + index * ORDER_EVERY_MS, speed: 1 });
  random.weighted(PLOTS_WITHOUT_HOLES)(story);
  if (!eventsPerOrder) return story.events;
  const length = Math.min(Math.max(story.events.length, eventsPerOrder.min), eventsPerOrder.max);
  while (story.events.length < length) story.tag();
  return story.events.slice(0, length);
}

/** A second sending comes after the first one's own place, within the window (or right behind it). */
function sendingOrder(
  events: readonly CloudEvent[],
  window: number,
  duplicateShare: number,
  random: Random,
): CloudEvent[] {
  const sent: { readonly place: number; readonly event: CloudEvent }[] = [];
  const reach = Math.max(0, window - 1);
  events.forEach((event, index) => {
    sent.push({ place: index + random.fraction() * reach, event });
    if (random.chance(duplicateShare)) sent.push({ place: index + 0.5 + random.fraction() * reach, event });
  });
  return sent.sort((a, b) => a.place - b.place).map(({ event }) => event);
}
