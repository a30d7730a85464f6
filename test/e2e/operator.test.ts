import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { eventually } from '../support/eventually.ts';
import { eventOf, orderEvents, tellForEachBackend, type Shop } from '../support/page-stage.ts';

const ORDERS = 3_000;
/** On a machine that has much else to do. */
const PATIENCE = { timeout: 90_000 };
/** The embedded default has sample orders of its own. */
const OURS = '?sellerId=page-seller';
/** The rebuild holds amid its copying for so long, or it would be over before anybody could have looked at it. */
const HELD_ONCE = { ORDER_SEARCH_FAULT_POINT: 'rebuild page#5:stall=8000' };
/** An order of many things is too large for it. */
const NARROW = { MAX_MESSAGE_BYTES: '4096' };
const WIDE = { MAX_MESSAGE_BYTES: '65536' };

describe('an operator', function () {
  this.timeout(240_000);

  tellForEachBackend('rebuilds under load, rolls back, and replays dead letters', tell, { ...HELD_ONCE, ...NARROW });
});

async function tell(page: Page, shop: Shop): Promise<void> {
  await fill(shop);
  await page.goto(`${shop.url}/admin`);
  await page.locator('#generations').getByText('live', { exact: true }).waitFor();
  await page.locator('#parked tr', { hasText: 'P-gap' }).waitFor();

  const load = await shop.load();
  await watchRebuild(page);
  await rollBack(page);
  const loaded = await load.stop();
  await lagWasRemembered(page);
  await replayInVain(page);
  await skip(page);
  await allIsThere(page, shop, ORDERS + loaded);
  await replayOnceItFits(page, shop);
}

async function fill(shop: Shop): Promise<void> {
  const ids = Array.from({ length: ORDERS }, (_, n) => `P-${n}`);
  await shop.publish([
    ...ids.flatMap((orderId) => orderEvents({ orderId, name: 'Zinc birdbath', status: 'paid' })),
    eventOf('P-bad', 1, 'order.placed.v2', { customer: 7 }),
    tooLarge('P-large'),
    eventOf('P-gap', 3, 'order.shipped.v1', {}),
  ]);
  await eventually(async () => assert.equal(await countOf(shop), ORDERS), PATIENCE.timeout);
}

/** One of many things, the last of which is called as no other. */
function tooLarge(orderId: string): OutgoingEvent {
  const names = [...Array.from({ length: 60 }, (_, n) => `Cedar plank no. ${n}`), 'Walnut astrolabe'];
  return eventOf(orderId, 1, 'order.placed.v2', {
    customer: { id: 'c-page', name: 'Ada Reader' },
    ...{ sellerId: 'page-seller', currency: 'EUR', totalCents: 6_100, tags: [] },
    items: names.map((name, n) => ({ sku: `LARGE-${n}`, name, quantity: 1, unitPriceCents: 100 })),
  });
}

async function countOf(shop: Shop): Promise<number> {
  const response = await fetch(`${shop.url}/search${OURS}&size=1`);
  return ((await response.json()) as { readonly total: number }).total;
}

/** Starts it, sees how fast it is and how long it takes, pauses it, resumes it, and sees it end. */
async function watchRebuild(page: Page): Promise<void> {
  const panel = page.locator('#rebuild');
  const done = page.locator('#done');
  await page.getByRole('button', { name: 'Start', exact: true }).press('Enter');
  await done.getByText('The rebuild has started.').waitFor();
  await panel.getByText(/^[\d,]+ of [\d,]+ · [\d,]+ a second · \d+ (s|min) left$/).waitFor(PATIENCE);
  await panel.getByRole('button', { name: 'Pause' }).press('Enter');
  await done.getByText('It is paused; live writes go on.').waitFor();
  await panel.getByText(/^[A-Z_]+, paused$/).waitFor();
  await panel.getByRole('button', { name: 'Resume' }).press('Enter');
  await done.getByText('It goes on.').waitFor();
  await page.locator('#rebuild[data-state=DONE]').waitFor(PATIENCE);
  await panel.getByText(/^[\d,]+ of [\d,]+ · took \d+ s · ended /).waitFor();
  await page.locator('#generations tr', { hasText: '-000002' }).getByText('live', { exact: true }).waitFor();
}

async function rollBack(page: Page): Promise<void> {
  const standby = page.locator('#generations tr', { hasText: '-000001' });
  const name = (await standby.getByRole('rowheader').textContent()) ?? '';
  await standby.getByRole('button', { name: 'Activate' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('something else');
  assert.equal(await dialog.getByRole('button', { name: 'Activate' }).isDisabled(), true);
  await dialog.getByRole('textbox').fill(name);
  await page.keyboard.press('Enter');
  await eventually(
    async () => assert.equal(await page.locator('#done').textContent(), `Readers are at ${name}.`),
    PATIENCE.timeout,
  );
  await standby.getByText('live', { exact: true }).waitFor();
}

/** A page that has just been opened begins with what the service has seen before: the rebuild alone was held for eight seconds. */
async function lagWasRemembered(page: Page): Promise<void> {
  await page.reload();
  const chart = page.getByRole('img', { name: /^How far answers were behind over the last / });
  await chart.locator('canvas').waitFor();
  const label = (await chart.getAttribute('aria-label')) ?? '';
  assert.match(label, /over the last (([89]|\d\d+) s|\d+ min): now \d+ s, at most \d+/);
}

/** It is as wrong as before, and comes back with another attempt; then it is discarded. */
async function replayInVain(page: Page): Promise<void> {
  const letter = page.locator('#letters li', { hasText: 'P-bad' });
  await letter.getByText('Body').click();
  assert.match((await letter.locator('pre').textContent()) ?? '', /"customer": 7/);
  await letter.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#done').getByText('It is published again.').waitFor();
  await letter.getByText(/failed 2 times/).waitFor(PATIENCE);
  await letter.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await letter.waitFor({ state: 'detached' });
}

/** What was refused is right once the service takes messages of that size: replayed then, it is found. */
async function replayOnceItFits(page: Page, shop: Shop): Promise<void> {
  await page.getByRole('link', { name: 'Console' }).click();
  const letter = page.locator('#letters li', { hasText: 'P-large' });
  await letter.getByText('too_large', { exact: true }).waitFor();
  await shop.restart(WIDE);
  await page.getByRole('alert').waitFor({ state: 'hidden' });
  await letter.getByRole('button', { name: 'Replay' }).click();
  await page.getByText('None: no message was refused.').waitFor(PATIENCE);
  await page.getByRole('link', { name: 'Search' }).click();
  await page.getByRole('combobox', { name: 'Search orders' }).fill('walnut astrolabe');
  await page.getByRole('link', { name: 'P-large' }).waitFor(PATIENCE);
  await page.locator('mark', { hasText: 'astrolabe' }).waitFor();
}

async function skip(page: Page): Promise<void> {
  await page.locator('#parked tr', { hasText: 'P-gap' }).getByRole('button', { name: 'Skip' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Skip' }).click();
  await page.getByText('None: no order waits for an event.').waitFor();
}

/** Nothing that came in while readers were moved twice is missing where they are now. */
async function allIsThere(page: Page, shop: Shop, orders: number): Promise<void> {
  await eventually(async () => assert.equal(await countOf(shop), orders), PATIENCE.timeout);
  await page.goto(`${shop.url}/${OURS}`);
  await page.locator('#count', { hasText: `${orders.toLocaleString('en')} orders` }).waitFor();
}
