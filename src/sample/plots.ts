import type { PlacedPatch } from '../order/event.ts';
import type { Story } from './story.ts';

/** How an order's life goes. */
export type Plot = (story: Story) => void;

const fulfilled: Plot = (story) => void story.place().pay().ship().deliver();
const cancelled: Plot = (story) => void story.place().cancel();
const cancelledOncePaid: Plot = (story) => void story.place().pay().cancel().refund(story.totalCents);
const returned: Plot = (story) => void story.place().pay().ship().deliver().refund(story.totalCents);

const partlyReturned: Plot = (story) => {
  const [{ sku, unitPriceCents } = { sku: '', unitPriceCents: 0 }] = story.placed.items;
  story
    .place()
    .pay()
    .ship()
    .deliver()
    .refund(unitPriceCents, [{ sku, quantity: 1 }]);
};

const refundedTwice: Plot = (story) => {
  const half = Math.floor(story.totalCents / 2);
  story
    .place()
    .pay()
    .ship()
    .refund(half)
    .refund(story.totalCents - half);
};

const tagged: Plot = (story) => void story.place().tag().pay().tag(story.placed.tags).ship();

/** Someone mistyped the address, or one more of the first thing was wanted. */
const corrected: Plot = (story) => {
  const { customer, items, totalCents } = story.placed;
  const [first, ...others] = items;
  const patch: PlacedPatch =
    first && story.random.chance(0.5)
      ? {
          items: [{ ...first, quantity: first.quantity + 1 }, ...others],
          totalCents: totalCents + first.unitPriceCents,
        }
      : { customer: { email: story.random.chance(0.2) ? null : `${customer.id}@mail.example` } };
  story.place().wait(1).tell('order.corrected.v1', { patch, reason: 'asked for by the customer' });
  story.totalCents = patch.totalCents ?? totalCents;
  story.pay().ship();
};

/** A producer's newer event, that nobody here knows yet. */
const giftWrapped: Plot = (story) => {
  story
    .place()
    .pay()
    .wait(3)
    .tell('order.gift_wrapped.v1', { paper: 'stars', card: '¡Feliz cumpleaños!' })
    .ship()
    .deliver();
};

/** An event was lost; what came after it waits until an operator declares it missing. */
const skippedAfterHole: Plot = (story) => {
  story.place().pay();
  const hole = story.leaveOut(1);
  story.ship().wait(6).tellAt(hole, 'order.skipped.v1', { reason: 'lost by the warehouse system' }).deliver();
};

/** Taken over from another system, which tells its state and not its history. */
const importedAfterHole: Plot = (story) => {
  story.leaveOut(story.random.integer(2, 5));
  snapshot(story);
  story.ship().deliver();
};

const snapshotted: Plot = (story) => {
  story.place().pay().wait(1);
  snapshot(story);
  story.ship();
};

function snapshot(story: Story): void {
  const at = story.events.at(-1)?.time ?? story.now;
  const placedAt = story.events[0]?.time ?? story.now;
  story.tell('order.snapshot.v1', {
    ...story.placed,
    status: 'paid',
    paidCents: story.totalCents,
    refundedCents: 0,
    placedAt,
    paidAt: at,
    payments: [{ at, amountCents: story.totalCents, method: 'card' }],
    refunds: [],
  });
}

const erased: Plot = (story) => {
  story.place().pay().ship().deliver().wait(48).tell('order.erased.v1', { reason: 'request under GDPR article 17' });
};

/** Each of them has every sequence from 1, in order. */
export const PLOTS_WITHOUT_HOLES: readonly (readonly [weight: number, plot: Plot])[] = [
  [36, fulfilled],
  [6, cancelled],
  [4, cancelledOncePaid],
  [4, returned],
  [8, partlyReturned],
  [3, refundedTwice],
  [8, tagged],
  [8, corrected],
  [3, giftWrapped],
  [2, snapshotted],
  [2, erased],
];

/** What happens in a shop, holes included: each of them is filled in the end. */
export const PLOTS: readonly (readonly [weight: number, plot: Plot])[] = [
  ...PLOTS_WITHOUT_HOLES,
  [2, skippedAfterHole],
  [2, importedAfterHole],
];
