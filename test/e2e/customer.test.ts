import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { orderEvents, tellForEachBackend } from '../support/page-stage.ts';

describe('a customer', function () {
  this.timeout(90_000);

  tellForEachBackend('finds an order, looks into it, and sees a new one arrive', async (page, shop) => {
    const paid = Array.from({ length: 3 }, (_, n) => `P-${n}`);
    await shop.publish([
      ...paid.flatMap((orderId) => orderEvents({ orderId, name: 'Zinc birdbath', status: 'paid' })),
      ...orderEvents({ orderId: 'P-8', name: 'Zinc birdbath', status: 'shipped' }),
    ]);
    const count = (text: string) => page.locator('#count', { hasText: new RegExp(`^${text}$`) }).waitFor();
    await page.goto(`${shop.url}/`);
    // What is not found yet is not suggested either.
    await eventually(async () => {
      const answer = await fetch(`${shop.url}/search?q=birdbath`);
      assert.equal(((await answer.json()) as { total: number }).total, 4);
    });
    const box = page.getByRole('combobox', { name: 'Search orders' });
    await box.pressSequentially('zinc b');
    await page.getByRole('option', { name: 'Zinc birdbath' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await box.inputValue(), 'Zinc birdbath');
    await count('4 orders');
    await box.fill('');
    await box.pressSequentially('birdbaht zinc');
    await page.waitForURL(/q=birdbaht\+zinc/);
    // Until it is put away, what is offered may lie over the filters. Where nothing is offered, as for half of a word, Escape empties the
    // box.
    await page.getByRole('option', { name: 'Zinc birdbath' }).waitFor();
    await page.keyboard.press('Escape');
    await count('4 orders');
    await page.getByRole('checkbox', { name: 'Shipped', exact: true }).check();
    await count('1 order');
    await page.getByRole('link', { name: 'P-8' }).click();
    const drawer = page.getByRole('dialog', { name: 'P-8' });
    await drawer.getByText('shipped', { exact: true }).first().waitFor();
    assert.equal(await drawer.locator('.timeline li').count(), 3);
    await drawer.getByRole('button', { name: /As of then ?: payment captured/ }).click();
    await drawer.locator('.status', { hasText: 'paid' }).waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'hidden' });
    await shop.publish(orderEvents({ orderId: 'P-9', name: 'Zinc birdbath', status: 'shipped' }));
    await count('2 orders');
    await page.getByRole('link', { name: 'P-9' }).waitFor();
    assert.equal(await box.inputValue(), 'birdbaht zinc');
  });
});
