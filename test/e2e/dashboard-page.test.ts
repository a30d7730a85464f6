import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import type { HttpDependencies, SellerDashboard } from '../../src/http/dependencies.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { shownDependencies } from '../support/shown-service.ts';

/** Keeps what the line above the numbers has said, so that one which lasted for a moment is seen too. */
const RECORD_SCOPE = `
  window.recorded = [];
  const scope = document.querySelector('#scope');
  new MutationObserver(() => window.recorded.push(scope.textContent)).observe(scope, { childList: true });
`;

describe('the dashboard', function () {
  this.timeout(60_000);
  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;

  before(async () => {
    browser = await openChromium();
  });
  after(async () => {
    await browser.close();
  });
  afterEach(async () => {
    await page.close();
    await server.close(0);
  });

  async function open(path: string, replaced: Partial<HttpDependencies> = {}): Promise<void> {
    server = await listen(createHttpApp(shownDependencies(replaced)), { host: '127.0.0.1', port: 0 });
    page = await browser.context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}${path}`);
  }
  const days = () => page.locator('#days tbody tr');
  const shownDays = () => days().getByRole('rowheader').allTextContents();

  it('shows the days and the currency of an address, and marks those that may still change', async () => {
    await open('/dashboard?seller=S-1&from=2026-02-01&to=2026-02-04&currency=JPY');
    await days().nth(3).waitFor();
    assert.deepEqual(await shownDays(), ['2026-02-04', '2026-02-03', '2026-02-02', '2026-02-01']);
    assert.match((await days().first().textContent()) ?? '', /^2026-02-043¥0¥00–¥0provisional$/);
    assert.equal(await page.locator('#days .badge').count(), 1);
    assert.equal(await page.getByLabel('Seller', { exact: true }).inputValue(), 'S-1');
    await page.locator('#chart canvas').waitFor();
  });

  it('changes with what is chosen, and the way back undoes it', async () => {
    await open('/dashboard?from=2026-02-01&to=2026-02-04');
    await days().nth(3).waitFor();
    assert.equal(await page.locator('#products').isVisible(), false);
    await page.getByRole('textbox', { name: 'To', exact: true }).fill('2026-02-02');
    await days().nth(2).waitFor({ state: 'detached' });
    assert.deepEqual(await shownDays(), ['2026-02-02', '2026-02-01']);
    await page.getByRole('combobox', { name: 'Currency' }).selectOption('JPY');
    await days().first().getByText('¥', { exact: false }).first().waitFor();
    await page.getByLabel('Seller', { exact: true }).fill('S-1');
    await page.keyboard.press('Tab');
    await page.getByText('Brass Lantern').waitFor();
    assert.equal(new URL(page.url()).search, '?seller=S-1&from=2026-02-01&to=2026-02-02&currency=JPY');
    await page.goBack();
    await page.getByText('Brass Lantern').waitFor({ state: 'hidden' });
  });

  it('says what is under the pointer', async () => {
    await open('/dashboard?from=2026-02-01&to=2026-02-03');
    const box = await page.locator('#chart .u-over').boundingBox();
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) / 2, (box?.y ?? 0) + 50);
    await page.getByText('2026-02-02: revenue €107.30, refunds €0.00, rate 0%').waitFor();
  });

  it('keeps what a newer question answered when an older answer comes late', async () => {
    const late = Promise.withResolvers<SellerDashboard>();
    const { aggregates } = shownDependencies();
    const sellerDashboard: typeof aggregates.sellerDashboard = (query, signal) =>
      query.sellerId === 'slow' ? late.promise : aggregates.sellerDashboard(query, signal);
    await open('/dashboard?from=2026-02-01&to=2026-02-03', { aggregates: { ...aggregates, sellerDashboard } });
    const seller = page.getByLabel('Seller', { exact: true });
    const asked = page.waitForRequest((request) => request.url().includes('/sellers/slow/'));
    await seller.fill('slow');
    await page.keyboard.press('Tab');
    await asked;
    await seller.fill('quick');
    await page.keyboard.press('Tab');
    await page.getByText('Seller quick').waitFor();
    await page.evaluate(RECORD_SCOPE);
    late.resolve({ days: [], totals: [], topProducts: [], asOf: new Date().toISOString() });
    // By the time of the next refresh the late answer has long arrived.
    await page.waitForResponse((response) => response.url().includes('/sellers/quick/'));
    assert.equal(await days().count(), 3);
    assert.deepEqual(await page.evaluate("window.recorded.filter((text) => text.includes('nothing was paid'))"), []);
  });

  it('says how old the numbers are, in words and not by colour alone', async () => {
    const { aggregates } = shownDependencies();
    const asOf = () => new Date(Date.now() - 42_000).toISOString();
    const revenueDaily: typeof aggregates.revenueDaily = async (query, signal) => ({
      ...(await aggregates.revenueDaily(query, signal)),
      asOf: asOf(),
    });
    await open('/dashboard', { aggregates: { ...aggregates, revenueDaily } });
    await page.getByText(/^Lagging: as of 4\d s ago$/).waitFor();
  });

  it('is not for customers', async () => {
    await open('/dashboard', { authenticate: createAuthenticator({ kind: 'off' }) });
    await days().first().waitFor();
    await page.getByRole('combobox', { name: 'See it as' }).selectOption('Customer');
    await page.getByRole('alert').filter({ hasText: 'Dashboards are for sellers, support and admins.' }).waitFor();
    assert.equal(await days().first().isVisible(), false);
  });
});
