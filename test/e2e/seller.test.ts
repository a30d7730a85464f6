import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { eventOf, orderEvents, tellForEachBackend } from '../support/page-stage.ts';

describe('a seller', function () {
  this.timeout(90_000);

  tellForEachBackend("sees today's revenue change after a refund, and takes it away as CSV", async (page, shop) => {
    const [placed, paid] = orderEvents({ orderId: 'P-1', name: 'Zinc birdbath', status: 'paid' });
    assert.ok(placed && paid);
    await shop.publish([
      ...[placed, paid],
      ...orderEvents({ orderId: 'P-2', name: 'Zinc birdbath', status: 'paid' }),
      ...orderEvents({ orderId: 'P-3', name: 'Oak stool', status: 'paid', sellerId: 'another' }),
    ]);
    await page.goto(`${shop.url}/dashboard`);
    await page.getByLabel('Seller', { exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'See it as' }).selectOption('Seller');
    await page.getByLabel('Id of whom to see it as').fill('page-seller');
    await page.keyboard.press('Tab');
    await page.locator('#scope', { hasText: 'Seller page-seller' }).waitFor();
    assert.equal(await page.getByLabel('Seller', { exact: true }).isVisible(), false);
    const totals = page.locator('#totals');
    await totals.getByText('€50.00 revenue').waitFor();
    // The range has other days too.
    const today = page.locator('#days tr', { hasText: '€50.00' });
    assert.match((await today.textContent()) ?? '', /2€50\.00€0\.000.*provisional/);
    assert.match((await page.locator('#products').textContent()) ?? '', /Zinc birdbath.*PAGE-1.*2.*€50\.00/s);
    assert.equal(await page.getByText('Oak stool').count(), 0);
    // At midnight UTC a refund of now would be on another day.
    await shop.publish([eventOf('P-1', 3, 'order.refunded.v1', { refundId: 'R-1', amountCents: 1_000 }, paid.time)]);
    await totals.getByText('€40.00').waitFor({ timeout: 30_000 });
    await totals.getByText('€10.00 refunded').waitFor();
    await totals.getByText('1 refund, 20%').waitFor();
    assert.match((await today.textContent()) ?? '', /€50\.00€10\.00120%€40\.00/);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download CSV' }).click(),
    ]);
    assert.match(download.suggestedFilename(), /^revenue-page-seller-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv$/);
    const csv = await readFile(await download.path(), 'utf8');
    assert.match(csv, /^day,currency,orders,revenueCents,refundedCents,refundCount,netCents,final,refundRate\r\n/);
    assert.match(csv, /,EUR,2,5000,1000,1,4000,false,0\.2\r\n/);
  });
});
