import assert from 'node:assert/strict';
import { eventOf, orderEvents, tellForEachBackend } from '../support/page-stage.ts';

const ORDERS = 60;

describe('an operator', function () {
  this.timeout(120_000);

  tellForEachBackend('rebuilds under load, rolls back, and replays a dead letter', async (page, shop) => {
    const ids = Array.from({ length: ORDERS }, (_, n) => `P-${n}`);
    const events = (from: number, to: number) =>
      ids.slice(from, to).flatMap((orderId) => orderEvents({ orderId, name: 'Zinc birdbath', status: 'shipped' }));
    await shop.publish([
      ...events(0, ORDERS / 2),
      eventOf('P-bad', 1, 'order.placed.v2', { customer: 7 }),
      eventOf('P-gap', 3, 'order.shipped.v1', {}),
    ]);
    await page.goto(`${shop.url}/admin`);
    const [generations, letters] = [page.locator('#generations'), page.locator('#letters')];
    const done = page.locator('#done');
    await generations.getByText('live', { exact: true }).waitFor();
    await page.locator('#parked tr', { hasText: 'P-gap' }).waitFor();

    const load = shop.name === 'embedded' ? Promise.resolve() : shop.publish(events(ORDERS / 2, ORDERS));
    await page.getByRole('button', { name: 'Start' }).click();
    await page.locator('#rebuild[data-state=DONE]').waitFor({ timeout: 30_000 });
    await load;
    await generations.locator('tr', { hasText: '-000002' }).getByText('live', { exact: true }).waitFor();

    const standby = generations.locator('tr', { hasText: '-000001' });
    const name = (await standby.getByRole('rowheader').textContent()) ?? '';
    await standby.getByRole('button', { name: 'Activate' }).press('Enter');
    const dialog = page.getByRole('dialog');
    const yes = dialog.getByRole('button', { name: 'Activate' });
    await dialog.getByRole('textbox').fill('something else');
    assert.equal(await yes.isDisabled(), true);
    await dialog.getByRole('textbox').fill(name);
    await page.keyboard.press('Enter');
    await done.getByText(`Readers are at ${name}.`).waitFor();
    await standby.getByText('live', { exact: true }).waitFor();

    const letter = letters.locator('li', { hasText: 'P-bad' });
    await letter.getByText('Body').click();
    assert.match((await letter.locator('pre').textContent()) ?? '', /"customer": 7/);
    await letter.getByRole('button', { name: 'Replay' }).click();
    await done.getByText('It is published again.').waitFor();
    // It is as wrong as before, and comes back with another attempt.
    await letter.getByText(/failed 2 times/).waitFor({ timeout: 20_000 });
    await letter.getByRole('button', { name: 'Discard' }).click();
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await letters.getByText('None: no message was refused.').waitFor();

    await page.locator('#parked tr', { hasText: 'P-gap' }).getByRole('button', { name: 'Skip' }).click();
    await dialog.getByRole('button', { name: 'Skip' }).click();
    await page.getByText('None: no order waits for an event.').waitFor();
  });
});
