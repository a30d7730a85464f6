import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually.ts';
import { eventOf, orderEvents, tellForEachBackend, type Shop } from '../support/page-stage.ts';

const ORDERS = 2_000;
/** On a machine that has much else to do. */
const PATIENCE = { timeout: 90_000 };
/** The embedded default has sample orders of its own. */
const OURS = '?sellerId=page-seller';
/** The rebuild holds amid its copying for so long, or it would be over before anybody could have looked at it. */
const HELD_ONCE = { ORDER_SEARCH_FAULT_POINT: 'rebuild page#4:stall=8000' };

describe('an operator', function () {
  this.timeout(240_000);

  tellForEachBackend('rebuilds under load, rolls back, and replays a dead letter', tell, HELD_ONCE);
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
  await replay(page);
  await skip(page);
  await allIsThere(page, shop, ORDERS + loaded);
}

async function fill(shop: Shop): Promise<void> {
  const ids = Array.from({ length: ORDERS }, (_, n) => `P-${n}`);
  await shop.publish([
    ...ids.flatMap((orderId) => orderEvents({ orderId, name: 'Zinc birdbath', status: 'paid' })),
    eventOf('P-bad', 1, 'order.placed.v2', { customer: 7 }),
    eventOf('P-gap', 3, 'order.shipped.v1', {}),
  ]);
  await eventually(async () => assert.equal(await countOf(shop), ORDERS), PATIENCE.timeout);
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

/** It is as wrong as before, and comes back with another attempt; then it is discarded. */
async function replay(page: Page): Promise<void> {
  const letter = page.locator('#letters li', { hasText: 'P-bad' });
  await letter.getByText('Body').click();
  assert.match((await letter.locator('pre').textContent()) ?? '', /"customer": 7/);
  await letter.getByRole('button', { name: 'Replay' }).click();
  await page.locator('#done').getByText('It is published again.').waitFor();
  await letter.getByText(/failed 2 times/).waitFor(PATIENCE);
  await letter.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
  await page.getByText('None: no message was refused.').waitFor();
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
