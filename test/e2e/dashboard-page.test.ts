import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import type { HttpDependencies, SellerDashboard } from '../../src/http/dependencies.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { IndexUnavailableError } from '../../src/order-index/port.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { pageComplaints } from '../support/page-complaints.ts';
import { shownDependencies } from '../support/shown-service.ts';

/** Keeps whether the numbers are hidden, whenever that changes, so that what lasts for a moment is seen too. */
const RECORD_HIDDEN = `
  window.recorded = [];
  const shown = document.querySelector('#shown');
  new MutationObserver(() => window.recorded.push(shown.hidden)).observe(shown, { attributeFilter: ['hidden'] });
`;

describe('the dashboard', function () {
  this.timeout(60_000);
  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  let complaints: readonly string[];

  before(async () => {
    browser = await openChromium();
  });
  after(async () => {
    await browser.close();
  });
  afterEach(async () => {
    await page.close();
    await server.close(0);
    assert.deepEqual(complaints, []);
  });

  /** `time`: what its clock shows at first. */
  async function open(path: string, replaced: Partial<HttpDependencies> = {}, time?: string): Promise<void> {
    server = await listen(createHttpApp(shownDependencies(replaced)), { host: '127.0.0.1', port: 0 });
    page = await browser.context.newPage();
    complaints = pageComplaints(page);
    if (time !== undefined) await page.clock.install({ time });
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

  it('goes back to the currency that there was at first', async () => {
    await open('/dashboard?from=2026-02-01&to=2026-02-02');
    const currency = page.getByRole('combobox', { name: 'Currency' });
    await days().first().waitFor();
    await currency.selectOption('JPY');
    await days().first().getByText('¥', { exact: false }).first().waitFor();
    await page.goBack();
    await days().first().getByText('€', { exact: false }).first().waitFor();
    assert.equal(await currency.inputValue(), 'EUR');
  });

  it('shows the products that brought the most in the currency that is chosen', async () => {
    const { aggregates } = shownDependencies();
    const sellerDashboard: typeof aggregates.sellerDashboard = async (query, signal) => {
      const [currency = 'HUF'] = query.currencies;
      const product = { name: `Sold for ${currency}`, currency, quantity: 1, revenueCents: 100 };
      const count = currency === 'HUF' ? 10 : 1;
      const topProducts = Array.from({ length: count }, (_, at) => ({ ...product, sku: `P-${at}` }));
      return { ...(await aggregates.sellerDashboard(query, signal)), topProducts };
    };
    await open('/dashboard?seller=S-1&from=2026-02-01&to=2026-02-02', {
      aggregates: { ...aggregates, sellerDashboard },
    });
    await page.getByText('Sold for EUR').waitFor();
    await page.getByRole('combobox', { name: 'Currency' }).selectOption('JPY');
    await page.getByText('Sold for JPY').waitFor();
    assert.equal(await page.getByText('Sold for HUF').count(), 0);
  });

  it('says in the address which currency is shown where there is none of the one that it named', async () => {
    const { aggregates } = shownDependencies();
    const sellerDashboard: typeof aggregates.sellerDashboard = async (query, signal) => {
      const answer = await aggregates.sellerDashboard(query, signal);
      const only = query.sellerId === 's-none' ? [] : ['EUR'];
      return { ...answer, days: answer.days.filter(({ currency }) => only.includes(currency)) };
    };
    await open('/dashboard?from=2026-02-01&to=2026-02-02&currency=JPY', {
      aggregates: { ...aggregates, sellerDashboard },
    });
    await days().first().getByText('¥', { exact: false }).first().waitFor();
    const before = await page.evaluate('history.length');
    await page.goto(`http://127.0.0.1:${server.port}/dashboard?seller=s-B&from=2026-02-01&to=2026-02-02&currency=JPY`);
    await days().first().getByText('€', { exact: false }).first().waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Currency' }).inputValue(), 'EUR');
    assert.equal(new URL(page.url()).search, '?seller=s-B&from=2026-02-01&to=2026-02-02&currency=EUR');
    await page.getByLabel('Seller', { exact: true }).fill('s-none');
    await page.keyboard.press('Tab');
    await page.getByText('Nothing was paid or refunded in these days').waitFor();
    assert.equal(new URL(page.url()).search, '?seller=s-none&from=2026-02-01&to=2026-02-02');
    // It is still the same entry each time: the way back leads to what was there before.
    assert.equal(await page.evaluate('history.length'), Number(before) + 2);
    await page.goBack();
    await page.goBack();
    await days().first().getByText('¥', { exact: false }).first().waitFor();
    assert.equal(new URL(page.url()).search, '?from=2026-02-01&to=2026-02-02&currency=JPY');
  });

  it('goes on to the new day where it is left open over midnight, unless a last day is chosen', async () => {
    await open('/dashboard', {}, '2026-03-01T23:59:50Z');
    const newest = (day: string) => days().first().getByRole('rowheader', { name: day }).waitFor();
    await newest('2026-03-01');
    await page.clock.fastForward('00:20');
    await newest('2026-03-02');
    assert.deepEqual([await days().count(), await page.getByLabel('From').inputValue()], [30, '2026-02-01']);
    await page.getByLabel('To', { exact: true }).fill('2026-03-01');
    await newest('2026-03-01');
    assert.equal(new URL(page.url()).search, '?from=2026-02-01&to=2026-03-01&currency=EUR');
  });

  describe('when a seller is to be chosen', () => {
    const SELLERS = ['s-1001', 's-1002', 'warszawskie-książki'];
    const box = () => page.getByRole('combobox', { name: 'Seller', exact: true });
    const list = () => page.getByRole('listbox', { name: 'Sellers' });
    const offered = () => list().getByRole('option');
    const marked = () => list().getByRole('option', { selected: true });
    const isOpen = async () => (await box().getAttribute('aria-expanded')) === 'true';
    const scope = (text: string) => page.locator('#scope', { hasText: new RegExp(`^${text}$`) }).waitFor();

    async function openWithSellers(path = '/dashboard?from=2026-02-01&to=2026-02-02'): Promise<void> {
      const shown = shownDependencies();
      const seller = SELLERS.map((value, at) => ({ value, count: 3 - at }));
      await open(path, {
        search: async (query, signal) => {
          const found = await shown.search(query, signal);
          return { ...found, facets: { ...found.facets, seller } };
        },
      });
      await days().first().waitFor();
      await page.locator('#sellers li').nth(2).waitFor({ state: 'attached' });
    }

    it('offers those that there are by keyboard, and those that fit what is typed', async () => {
      await openWithSellers();
      await box().focus();
      assert.equal(await isOpen(), false);
      await page.keyboard.press('ArrowDown');
      assert.deepEqual(await offered().allTextContents(), [
        's-1001 3 orders',
        's-1002 2 orders',
        'warszawskie-książki 1 order',
      ]);
      assert.equal(await box().getAttribute('aria-activedescendant'), await marked().getAttribute('id'));
      await page.keyboard.type('KSIAZ');
      await offered().nth(1).waitFor({ state: 'detached' });
      await page.getByRole('status').filter({ hasText: '1 suggestion' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await scope('Seller warszawskie-książki');
      assert.deepEqual([await box().inputValue(), await isOpen()], ['warszawskie-książki', false]);
      assert.equal(new URL(page.url()).searchParams.get('seller'), 'warszawskie-książki');
      // To change it for another one, all are offered again.
      await page.keyboard.press('ArrowUp');
      assert.equal(await offered().count(), 3);
      await page.goBack();
      await scope('All sellers');
      assert.equal(await box().inputValue(), '');
    });

    it('takes any id that is typed, with Enter or by leaving it, and all of them where there is none', async () => {
      await openWithSellers();
      await box().focus();
      await page.keyboard.type('s-77');
      await page.keyboard.press('Enter');
      await scope('Seller s-77');
      assert.equal(await isOpen(), false);
      await page.keyboard.press('Escape');
      assert.deepEqual([await box().inputValue(), await isOpen()], ['', false]);
      await page.keyboard.press('Tab');
      await scope('All sellers');
    });

    it('opens where it is clicked, and takes what is clicked', async () => {
      await openWithSellers('/dashboard?seller=s-1001&from=2026-02-01&to=2026-02-02');
      await box().click();
      await offered().nth(1).click();
      await scope('Seller s-1002');
      assert.deepEqual([await isOpen(), await page.locator(':focus').getAttribute('id')], [false, 'seller']);
      await page.getByRole('heading', { name: 'Totals' }).click();
      assert.equal(await box().inputValue(), 's-1002');
    });

    for (const [width, colorScheme] of [
      [1_280, 'light'],
      [360, 'dark'],
    ] as const) {
      it(`lies over the numbers without moving them, and axe-core finds no fault, ${width} px wide, ${colorScheme}`, async () => {
        await openWithSellers();
        await page.setViewportSize({ width, height: 740 });
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        const totals = page.locator('#totals');
        const before = await totals.boundingBox();
        await box().press('ArrowDown');
        await marked().waitFor();
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
        assert.deepEqual(
          violations.map(({ id, nodes }) => [id, ...nodes.map(({ failureSummary }) => failureSummary)]),
          [],
        );
        assert.deepEqual(await totals.boundingBox(), before);
        const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        assert.equal(await page.evaluate(overflow), 0);
      });
    }
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
    await page.evaluate(RECORD_HIDDEN);
    late.resolve({ days: [], totals: [], topProducts: [], asOf: new Date().toISOString() });
    // By the time of the next refresh the late answer has long arrived.
    await page.waitForResponse((response) => response.url().includes('/sellers/quick/'));
    assert.equal(await days().count(), 3);
    assert.deepEqual(await page.evaluate('window.recorded'), []);
  });

  it('shows no numbers of another seller where those that are asked for cannot be had', async () => {
    const { aggregates } = shownDependencies();
    let isAway = true;
    const sellerDashboard: typeof aggregates.sellerDashboard = (query, signal) =>
      query.sellerId === 'away' && isAway
        ? Promise.reject(new IndexUnavailableError('gone'))
        : aggregates.sellerDashboard(query, signal);
    await open('/dashboard?seller=here&from=2026-02-01&to=2026-02-03', {
      aggregates: { ...aggregates, sellerDashboard },
    });
    await page.locator('#scope', { hasText: 'Seller here' }).waitFor();
    await page.getByLabel('Seller', { exact: true }).fill('away');
    await page.keyboard.press('Tab');
    await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
    const csv = page.getByRole('button', { name: 'Download CSV' });
    assert.deepEqual(
      [await days().first().isVisible(), await csv.isEnabled(), (await page.locator('#scope').textContent())?.trim()],
      [false, false, ''],
    );
    isAway = false;
    await page.locator('#scope', { hasText: 'Seller away' }).waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), csv.click()]);
    assert.equal(download.suggestedFilename(), 'revenue-away-2026-02-01-2026-02-03.csv');
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

  it('says what to do where there is nothing to show', async () => {
    const { aggregates } = shownDependencies();
    const revenueDaily = () => Promise.resolve({ days: [], asOf: new Date().toISOString() });
    await open('/dashboard', { aggregates: { ...aggregates, revenueDaily } });
    await page.getByText('Nothing was paid or refunded in these days').waitFor();
    await page.getByText('Choose other days or another seller.').waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Totals' }).isVisible(), false);
    await page.getByLabel('Seller', { exact: true }).fill('S-1');
    await page.keyboard.press('Tab');
    await page.getByRole('heading', { name: 'Totals' }).waitFor();
    await page.getByText('Nothing was paid').waitFor({ state: 'hidden' });
  });

  it('says that it is asking where an answer takes long, and what is wrong where there is none', async () => {
    const late = Promise.withResolvers<SellerDashboard>();
    const { aggregates } = shownDependencies();
    await open('/dashboard', { aggregates: { ...aggregates, revenueDaily: () => late.promise } });
    await page.getByText('Adding up …').waitFor();
    late.reject(new IndexUnavailableError('gone'));
    await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
    await page.getByText('Adding up …').waitFor({ state: 'hidden' });
  });

  it('says that this computer is offline, keeps what is shown, and goes on by itself', async () => {
    await open('/dashboard');
    await days().first().waitFor();
    await browser.context.setOffline(true);
    await page.getByRole('alert').filter({ hasText: 'This computer is offline.' }).waitFor();
    assert.ok(await days().first().isVisible());
    await browser.context.setOffline(false);
    await page.getByRole('alert').waitFor({ state: 'hidden' });
  });

  it('says nothing any more of trying again once somebody has to sign in', async () => {
    const { aggregates, authenticate } = shownDependencies();
    let isExpired = false;
    await open('/dashboard', {
      authenticate: (authorization) =>
        isExpired
          ? Promise.resolve({ kind: 'refused', reason: 'The token has expired.' })
          : authenticate(authorization),
      aggregates: { ...aggregates, revenueDaily: () => Promise.reject(new IndexUnavailableError('gone')) },
    });
    await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
    isExpired = true;
    await page.getByLabel('Access token').waitFor();
    assert.equal(await page.getByRole('alert').isVisible(), false);
  });

  it('is not for customers, who are not told of sellers either', async () => {
    await open('/dashboard', { authenticate: createAuthenticator({ kind: 'off' }) }, new Date().toISOString());
    await days().first().waitFor();
    await page.locator('#sellers li').first().waitFor({ state: 'attached' });
    await page.getByRole('combobox', { name: 'See it as' }).selectOption('Customer');
    await page.getByRole('alert').filter({ hasText: 'Dashboards are for sellers, support and admins.' }).waitFor();
    assert.equal(await days().first().isVisible(), false);
    await page.locator('#sellers li').first().waitFor({ state: 'detached' });
    // Nothing is asked for them, so nothing lags.
    await page.clock.runFor(30_000);
    assert.equal((await page.locator('#freshness').textContent())?.trim(), '');
  });
});
