import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page, Route } from 'playwright-core';
import { createAuthenticator } from '../../src/http/auth.ts';
import { createHttpApp } from '../../src/http/app.ts';
import type { HttpDependencies } from '../../src/http/dependencies.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { IndexUnavailableError } from '../../src/order-index/port.ts';
import type { OrderDocument } from '../../src/order/document.ts';
import type { SearchPage, Suggestions } from '../../src/order-index/port.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { authenticate, bearer } from '../support/tokens.ts';
import { FakeOrders, fakeDependencies, orderDocument } from '../unit/http/fake-orders.ts';
import { pageComplaints } from '../support/page-complaints.ts';

/** Keeps every change of the list from now on, so that one which lasted for a moment is seen too. */
const RECORD_RESULTS = `
  window.recorded = [];
  const results = document.querySelector('#results');
  new MutationObserver(() => window.recorded.push(results.innerText)).observe(results, { childList: true });
`;

/** Likewise of what the box offers. */
const RECORD_SUGGESTIONS = `
  window.recorded = [];
  const offered = document.querySelector('#completions');
  new MutationObserver(() => window.recorded.push(offered.textContent)).observe(offered, { childList: true });
`;

/** Likewise of what is wrong: each time that it would be read out. */
const recordProblem = (selector: string) => `
  window.recorded = [];
  const problem = document.querySelector('${selector}');
  new MutationObserver(() => window.recorded.push(problem.textContent)).observe(problem, { childList: true });
`;

/** Refusals, and what the browser says where it is offline. */
const EXPECTED = /^Failed to load resource: (the server responded|net::ERR_INTERNET_DISCONNECTED)/;

describe('the search page', function () {
  this.timeout(60_000);

  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  let orders: FakeOrders;
  /** What the browser complained about, of each page that was opened. */
  let complaints: (readonly string[])[];

  before(async () => {
    browser = await openChromium();
  });

  after(async () => {
    await browser.close();
  });

  beforeEach(() => {
    orders = new FakeOrders();
    complaints = [];
  });

  afterEach(async () => {
    await page.close();
    await server.close(0);
    assert.deepEqual(complaints.flat(), []);
  });

  /** Serves the page over the orders and opens it. */
  async function open(address = '/', replaced: Partial<HttpDependencies> = {}): Promise<void> {
    server = await listen(createHttpApp(fakeDependencies(orders, replaced)), { host: '127.0.0.1', port: 0 });
    page = await browser.context.newPage();
    complaints.push(pageComplaints(page, EXPECTED));
    await page.goto(`http://127.0.0.1:${server.port}${address}`);
  }

  const box = () => page.getByRole('combobox', { name: 'Search orders' });
  const cards = () => page.getByRole('list', { name: 'Orders' }).locator('> li');
  const shown = (text: string) => page.getByText(text, { exact: true }).first().waitFor();
  const shownIds = () => cards().getByRole('heading').allTextContents();

  /** Waits until nothing that was asked is still open, and this is the count. What is typed is asked once it is in the address. */
  async function countIs(text: string): Promise<void> {
    const answered = page.locator('body:has(#results[aria-busy=false])');
    await answered.locator('#count', { hasText: new RegExp(`^${text}$`) }).waitFor();
  }

  /** Waits until the page has asked for what it shows once more, and has the answer. */
  async function refreshed(): Promise<void> {
    const asked = await page.waitForRequest((request) => new URL(request.url()).pathname === '/search');
    await (await asked.response())?.finished();
  }

  describe('when a product is mistyped', () => {
    it('finds and marks it while typing, and keeps the text in the address', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2', { itemNames: ['Coat Hanger'] }));
      await open();
      await countIs('2 orders');
      await box().pressSequentially('lantren');
      // What it begins with finds the same order.
      await page.waitForURL(/q=lantren$/);
      await countIs('1 order');
      assert.equal(await page.locator('mark').textContent(), 'Lantern');
      assert.equal(new URL(page.url()).searchParams.get('q'), 'lantren');
    });
  });

  describe('when somebody types before the page has loaded', () => {
    it('searches for that', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2', { itemNames: ['Coat Hanger'] }));
      await open();
      await countIs('2 orders');
      const typed = Promise.withResolvers<undefined>();
      await page.route('**/search-page.js', async (route) => {
        await typed.promise;
        await route.continue();
      });
      await page.reload({ waitUntil: 'commit' });
      await box().fill('coat');
      typed.resolve(undefined);
      await countIs('1 order');
      assert.equal(await box().inputValue(), 'coat');
      assert.equal(new URL(page.url()).searchParams.get('q'), 'coat');
    });
  });

  describe('when a text is begun', () => {
    const list = () => page.getByRole('listbox', { name: 'Suggestions' });
    const offered = () => list().getByRole('option');
    const marked = () => list().getByRole('option', { selected: true });
    const isOpen = async () => (await box().getAttribute('aria-expanded')) === 'true';
    /** Waits until so many are offered: a single one may be left of what was offered before. */
    const offeredAre = (count: string) => page.getByRole('status').filter({ hasText: count }).waitFor();

    beforeEach(() => {
      orders.add(
        orderDocument('A-1'),
        orderDocument('A-2', { itemNames: ['Teapot'] }),
        orderDocument('A-3', { itemNames: ['White Teapot'] }),
        orderDocument('A-4', { itemNames: ['White Vase'] }),
      );
    });

    it('offers what it may become, and says what a mistyped one was meant to be', async () => {
      await open();
      await box().pressSequentially('white m');
      await offeredAre('1 suggestion');
      assert.deepEqual(await offered().allTextContents(), ['White Metal Lantern item']);
      await box().fill('lantren ');
      await page.getByText('Did you mean').getByRole('button', { name: 'lantern' }).click();
      await page.waitForURL(/q=lantern/);
      assert.match(await box().inputValue(), /^lantern/);
      await page.getByText('Did you mean').waitFor({ state: 'hidden' });
      assert.equal(await page.locator('#results > li').count(), 1);
      assert.equal(await isOpen(), false);
    });

    it('is gone through and taken by keyboard, while the focus stays in the box', async () => {
      await open();
      await box().pressSequentially('white');
      await offered().nth(2).waitFor();
      assert.equal(await marked().count(), 0);
      assert.equal(await box().getAttribute('aria-controls'), await list().getAttribute('id'));
      const texts = await offered().allTextContents();
      for (const [key, at] of [
        ['ArrowDown', 0],
        ['ArrowDown', 1],
        ['ArrowUp', 0],
        ['ArrowUp', 2],
        ['ArrowDown', 0],
      ] as const) {
        await page.keyboard.press(key);
        assert.equal(await marked().textContent(), texts[at], key);
        assert.equal(await box().getAttribute('aria-activedescendant'), await marked().getAttribute('id'));
      }
      await page.keyboard.press('End');
      assert.deepEqual([await marked().count(), await isOpen()], [0, true]);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Home');
      await page.keyboard.type('a ');
      assert.equal(await box().inputValue(), 'a white');
      await box().fill('white v');
      await offeredAre('1 suggestion');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('a');
      assert.equal(await marked().count(), 0);
      await page.waitForURL(/q=white\+va/);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.waitForURL(/q=White\+Vase/);
      await countIs('1 order');
      assert.deepEqual([await box().inputValue(), await isOpen()], ['White Vase', false]);
      await page.goBack();
      assert.equal(await box().inputValue(), 'white va');
    });

    it('is closed by Escape, which then empties the box, and opened again by an arrow', async () => {
      await open();
      await box().pressSequentially('white');
      await offered().first().waitFor();
      await page.keyboard.press('Escape');
      assert.deepEqual([await isOpen(), await box().inputValue()], [false, 'white']);
      await page.keyboard.press('Alt+ArrowDown');
      assert.deepEqual([await isOpen(), await marked().count()], [true, 0]);
      await page.keyboard.press('Alt+ArrowUp');
      assert.equal(await isOpen(), false);
      await page.keyboard.press('ArrowUp');
      assert.equal(await marked().textContent(), await offered().last().textContent());
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      assert.equal(await box().inputValue(), '');
      await countIs('4 orders');
    });

    it('offers nothing of before once the box is empty, however soon something else is typed', async () => {
      await open();
      await box().pressSequentially('white');
      await offeredAre('3 suggestions');
      const typed = ['', 't'].map((text) => `box.value = '${text}'; box.dispatchEvent(new InputEvent('input'));`);
      await page.evaluate(`const box = document.querySelector('#q'); ${typed.join('')}`);
      assert.deepEqual([await isOpen(), await offered().count()], [false, 0]);
    });

    it('lets Enter search for what was typed where nothing was chosen, and Tab go on', async () => {
      await open();
      await box().pressSequentially('white');
      await offered().first().waitFor();
      await page.keyboard.press('Enter');
      assert.deepEqual([await isOpen(), await box().inputValue()], [false, 'white']);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Tab');
      assert.deepEqual([await isOpen(), await box().inputValue()], [false, 'white']);
      assert.equal(await page.locator(':focus').getAttribute('aria-label'), 'Clear the search');
      await page.keyboard.press('Enter');
      assert.equal(await box().inputValue(), '');
      await countIs('4 orders');
    });

    it('takes what is clicked or touched, and the box keeps the focus', async () => {
      await open();
      await box().fill('white');
      await offeredAre('3 suggestions');
      await list().getByText('White Vase').click();
      await page.waitForURL(/q=White\+Vase/);
      await countIs('1 order');
      assert.deepEqual([await box().inputValue(), await isOpen()], ['White Vase', false]);
      assert.equal(await page.locator(':focus').getAttribute('id'), 'q');
      await box().fill('white t');
      await offeredAre('1 suggestion');
      const { x, y, height } = (await list().getByText('White Teapot').boundingBox()) ?? { x: 0, y: 0, height: 0 };
      const session = await page.context().newCDPSession(page);
      await session.send('Emulation.setTouchEmulationEnabled', { enabled: true });
      await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y: y + height / 2 }] });
      await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      await page.waitForURL(/q=White\+Teapot/);
      assert.deepEqual([await box().inputValue(), await isOpen()], ['White Teapot', false]);
      assert.equal(await page.locator(':focus').getAttribute('id'), 'q');
    });

    it('keeps what a newer text offers when the answer to an older one comes late', async () => {
      const late = Promise.withResolvers<Suggestions>();
      await open('/', { suggest: (query) => (query.q === 'tea' ? late.promise : orders.suggest(query)) });
      const asked = page.waitForRequest((request) => request.url().includes('suggest?q=tea'));
      await box().fill('tea');
      await asked;
      await box().fill('white v');
      await list().getByText('White Vase').waitFor();
      await countIs('1 order');
      await page.evaluate(RECORD_SUGGESTIONS);
      late.resolve({ completions: [{ text: 'Too late', kind: 'item' }], didYouMean: 'too late' });
      // By the time of the next refresh the late answer has long arrived.
      await refreshed();
      assert.deepEqual(await offered().allTextContents(), ['White Vase item']);
      assert.deepEqual(await page.evaluate('window.recorded'), []);
    });

    it('offers nothing of another text for longer than an answer takes', async () => {
      const never = new Promise<Suggestions>(() => undefined);
      await open('/', { suggest: (query) => (query.q === 'tea' ? never : orders.suggest(query)) });
      await box().fill('white v');
      await list().getByText('White Vase').waitFor();
      await box().fill('tea');
      await offered().first().waitFor({ state: 'detached' });
    });

    it('does not open by itself: neither on a shared address nor after its answer came too late', async () => {
      const late = Promise.withResolvers<Suggestions>();
      await open('/?q=white', { suggest: (query) => (query.q === 'tea' ? late.promise : orders.suggest(query)) });
      await countIs('3 orders');
      await refreshed();
      assert.equal(await isOpen(), false);
      const asked = page.waitForRequest((request) => request.url().includes('suggest?q=tea'));
      await box().fill('tea');
      await asked;
      await page.keyboard.press('Escape');
      const answered = page.waitForResponse((response) => response.url().includes('suggest?q=tea'));
      late.resolve({ completions: [{ text: 'Teapot', kind: 'item' }], didYouMean: null });
      await answered;
      await page.locator('#completions li', { hasText: 'Teapot' }).waitFor({ state: 'attached' });
      assert.equal(await isOpen(), false);
    });

    for (const [width, colorScheme] of [
      [1_280, 'light'],
      [1_280, 'dark'],
      [360, 'light'],
      [360, 'dark'],
    ] as const) {
      it(`lies over the orders without moving them, and axe-core finds no fault, ${width} px wide, ${colorScheme}`, async () => {
        orders.add(orderDocument('A-5', { itemNames: [`White ${'x'.repeat(250)}`], tags: ['white'] }));
        await open();
        await page.setViewportSize({ width, height: 740 });
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await countIs('5 orders');
        await box().fill('white');
        await offered().nth(3).waitFor();
        await page.keyboard.press('ArrowDown');
        await page.locator('.tags mark').waitFor();
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
        assert.deepEqual(
          violations.map(({ id, nodes }) => [id, ...nodes.map(({ failureSummary }) => failureSummary)]),
          [],
        );
        const [first] = await cards().all();
        const before = await first?.boundingBox();
        await page.keyboard.press('Escape');
        assert.deepEqual(await first?.boundingBox(), before);
        const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
        assert.equal(await page.evaluate(overflow), 0);
      });
    }
  });

  describe('when what was meant is known late', () => {
    for (const width of [360, 1_280]) {
      it(`moves nothing when it is said, ${width} px wide`, async () => {
        const late = Promise.withResolvers<Suggestions>();
        orders.add(orderDocument('A-1'));
        await open('/?q=lantren', { suggest: () => late.promise });
        await page.setViewportSize({ width, height: 740 });
        await countIs('1 order');
        const before = await cards().first().boundingBox();
        late.resolve({ completions: [], didYouMean: 'lantern' });
        await page.getByText('Did you mean').waitFor();
        assert.deepEqual(await cards().first().boundingBox(), before);
      });
    }
  });

  describe('when one text was searched after the other', () => {
    const searches = () => new URL(page.url()).searchParams.get('q');

    it('leads back from one to the other, not by letters', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2', { itemNames: ['Teapot'] }));
      await open();
      await countIs('2 orders');
      for (const text of ['lantern', 'teapot']) {
        await box().fill('');
        await box().pressSequentially(text, { delay: 150 });
        await page.keyboard.press('Enter');
        await page.waitForURL(new RegExp(`q=${text}$`));
      }
      for (const text of ['lantern', null]) {
        await page.goBack();
        await page.waitForURL((url) => url.searchParams.get('q') === text);
        assert.equal(await box().inputValue(), text ?? '');
      }
      await page.goForward();
      await countIs('1 order');
      assert.equal(searches(), 'lantern');
    });
  });

  describe('when nothing is said about sorting', () => {
    it('says what it is then, with a text and without', async () => {
      orders.add(orderDocument('A-1'));
      await open();
      const sort = page.getByRole('combobox', { name: 'Sort by' });
      const chosen = () => sort.locator('option:checked').textContent();
      await countIs('1 order');
      assert.equal(await chosen(), 'Newest first');
      await box().fill('lantern');
      await page.waitForURL(/q=lantern/);
      assert.equal(await chosen(), 'Best match');
      await sort.selectOption('-placedAt');
      await page.waitForURL(/sort=-placedAt/);
      assert.equal(await chosen(), 'Newest first');
    });
  });

  describe('when it is opened with an address that was shared', () => {
    it('shows the same text, filters and orders', async () => {
      orders.add(
        orderDocument('A-1'),
        orderDocument('A-2', { status: 'paid' }),
        orderDocument('A-3', { status: 'paid' }),
      );
      await open('/?q=A-2&status=paid');
      await countIs('1 order');
      assert.equal(await box().inputValue(), 'A-2');
      assert.equal(await page.getByRole('checkbox', { name: 'Paid', exact: true }).isChecked(), true);
    });
  });

  describe('when a status is chosen', () => {
    it('narrows the orders by keyboard, and the way back undoes it', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2', { status: 'paid' }));
      await open();
      await countIs('2 orders');
      await box().focus();
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await countIs('1 order');
      assert.deepEqual(await shownIds(), ['A-2']);
      await page.goBack();
      await countIs('2 orders');
      assert.equal(await page.getByRole('checkbox', { name: 'Paid', exact: true }).isChecked(), false);
    });
  });

  describe('when other filters are opened', () => {
    const choice = (name: string) => page.getByRole('checkbox', { name, exact: true });
    const ordersOf = async (name: string) => choice(name).getAttribute('aria-description');

    beforeEach(() => {
      orders.add(
        orderDocument('A-1', { tags: ['gift', 'red'] }),
        orderDocument('A-2', { tags: ['red'], status: 'paid' }),
      );
      orders.add(orderDocument('A-3', { tags: [], sellerId: 'S-2', currency: 'JPY', status: 'paid' }));
    });

    it('says how many orders each choice would find, and narrows by them', async () => {
      await open();
      await countIs('3 orders');
      await page.getByText('More filters').click();
      assert.deepEqual([await ordersOf('Paid'), await ordersOf('Shipped')], ['2 orders', '0 orders']);
      assert.deepEqual([await ordersOf('red'), await ordersOf('gift')], ['2 orders', '1 order']);
      await choice('red').check();
      await countIs('2 orders');
      assert.deepEqual([await ordersOf('Paid'), await ordersOf('gift')], ['1 order', '1 order']);
      await choice('gift').check();
      await choice('Paid').check();
      await countIs('1 order');
      assert.deepEqual(await shownIds(), ['A-2']);
      const { searchParams } = new URL(page.url());
      assert.deepEqual([searchParams.getAll('tag'), searchParams.getAll('status')], [['red', 'gift'], ['paid']]);
    });

    it('keeps the focus on the choice, and takes it back by the way back', async () => {
      await open();
      await countIs('3 orders');
      await page.getByText('More filters').click();
      await choice('S-2').focus();
      await page.keyboard.press('Space');
      await countIs('1 order');
      assert.equal(await page.locator('input:focus').getAttribute('value'), 'S-2');
      await page.goBack();
      await countIs('3 orders');
      assert.equal(await choice('S-2').isChecked(), false);
    });

    it('shows those of a shared address, also what no order has', async () => {
      await open('/?currency=JPY&currency=USD&tag=none');
      await shown('No orders');
      for (const name of ['JPY', 'USD', 'none']) assert.equal(await choice(name).isChecked(), true, name);
      await choice('none').uncheck();
      await countIs('1 order');
    });

    it('has none where there is nothing to choose', async () => {
      orders.documents.length = 0;
      orders.add(orderDocument('A-1', { tags: [] }));
      await open();
      await countIs('1 order');
      await page.getByText('More filters').click();
      await page.getByLabel('Placed from').waitFor();
      for (const name of ['Tag', 'Seller', 'Currency']) {
        assert.equal(await page.getByRole('group', { name, exact: true }).isVisible(), false, name);
      }
    });
  });

  describe('when days and totals are narrowed', () => {
    beforeEach(() => {
      orders.add(
        orderDocument('A-1', { placedAt: '2026-02-01T23:59:59.999Z', totalCents: 999 }),
        orderDocument('A-2', { placedAt: '2026-02-02T00:00:00.000Z', totalCents: 1_250 }),
        orderDocument('A-3', { placedAt: '2026-02-28T12:00:00.000Z', totalCents: 1_250, currency: 'JPY' }),
        orderDocument('A-4', { placedAt: '2026-03-01T00:00:00.000Z', totalCents: 5_000 }),
      );
    });

    it('narrows by keyboard, keeps them in the address, and the way back undoes it', async () => {
      await open();
      await countIs('4 orders');
      await page.getByText('More filters').focus();
      await page.keyboard.press('Enter');
      await page.getByLabel('Placed from').focus();
      // The same day, whether the browser's language has the month first or the day.
      await page.keyboard.type('02022026');
      await countIs('3 orders');
      await page.getByLabel('Placed to').fill('2026-02-28');
      await countIs('2 orders');
      await page.goBack();
      await countIs('3 orders');
      await page.getByLabel('Total from').focus();
      await page.keyboard.type('12.50');
      await page.keyboard.press('Tab');
      await page.keyboard.type('12.50');
      await page.keyboard.press('Enter');
      await countIs('2 orders');
      assert.equal(new URL(page.url()).search, '?placedFrom=2026-02-02&minTotalCents=1250&maxTotalCents=1250');
    });

    it('shows those of a shared address, in the units of the currency that is chosen', async () => {
      await open('/?currency=JPY&minTotalCents=1250&placedTo=2026-02-28');
      await countIs('1 order');
      assert.equal(await page.getByLabel('Total from').inputValue(), '1250');
      assert.equal(await page.getByLabel('Placed to').inputValue(), '2026-02-28');
      await page.getByRole('group', { name: 'Total in JPY' }).waitFor();
    });

    it('takes no bound from what is no amount, and says what the service refuses', async () => {
      await open();
      await page.getByText('More filters').click();
      await page.getByLabel('Total from').fill('-1');
      await page.getByLabel('Total to').fill('10');
      await page.keyboard.press('Tab');
      await countIs('1 order');
      await page.getByLabel('Total from').fill('11');
      await page.keyboard.press('Tab');
      await page.getByRole('alert').filter({ hasText: 'Total to: must not be less than Total from' }).waitFor();
      // Not the answer to the question before.
      assert.equal(await cards().count(), 0);
    });
  });

  describe('when an order arrives or changes', () => {
    it('shows it by itself, and leaves alone what is being read', async () => {
      orders.add(orderDocument('A-1'));
      await open();
      await countIs('1 order');
      await page.getByText('Details').click();
      await box().hover();
      orders.add(orderDocument('A-2', { customerName: 'Ann Newcomer' }));
      await shown('Ann Newcomer');
      await countIs('2 orders');
      assert.equal(await page.locator('details[open]').count(), 1);
      orders.documents[1] = orderDocument('A-1', { status: 'shipped', version: 2 });
      await shown('shipped');
      assert.equal(await page.locator('details[open]').count(), 1);
    });

    it('moves nothing under a pointer, says what waits for it to leave, and shows what has changed in its place', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2'));
      await open();
      await countIs('2 orders');
      await cards().nth(1).hover();
      const before = await cards().nth(1).boundingBox();
      orders.add(orderDocument('A-3'));
      orders.documents[1] = orderDocument('A-1', { status: 'shipped', version: 2 });
      await shown('shipped');
      await page.getByText('3 orders, 1 new once the pointer has left the list').waitFor();
      assert.deepEqual(await shownIds(), ['A-1', 'A-2']);
      assert.deepEqual(await cards().nth(1).boundingBox(), before);
      await box().hover();
      await cards().nth(2).waitFor();
      assert.deepEqual(await shownIds(), ['A-3', 'A-1', 'A-2']);
      await countIs('3 orders');
    });

    it('leaves one that is found no more under a pointer, and says so', async () => {
      orders.add(orderDocument('A-1'), orderDocument('A-2'));
      await open('/?status=placed');
      await countIs('2 orders');
      await cards().nth(1).hover();
      orders.documents[0] = orderDocument('A-1', { status: 'paid', version: 2 });
      await page.getByText('1 order, changes once the pointer has left the list').waitFor();
      assert.deepEqual(await shownIds(), ['A-1', 'A-2']);
      await box().hover();
      await countIs('1 order');
      assert.deepEqual(await shownIds(), ['A-2']);
    });
  });

  describe('when there are more orders than a page', () => {
    const more = () => page.getByRole('button', { name: 'Show more' });

    it('shows more by cursor while one reads on, each once, to the last', async () => {
      for (let n = 1; n <= 45; n++) orders.add(orderDocument(`A-${n}`));
      await open();
      await countIs('45 orders');
      await box().focus();
      await cards().nth(19).scrollIntoViewIfNeeded();
      await cards().nth(39).scrollIntoViewIfNeeded();
      await cards().nth(44).waitFor();
      await more().waitFor({ state: 'hidden' });
      assert.deepEqual(
        await shownIds(),
        Array.from({ length: 45 }, (_, at) => `A-${45 - at}`),
      );
      // Nobody had left it, though there is nothing more to show.
      assert.equal(await page.locator(':focus').getAttribute('id'), 'q');
    });

    it('goes on with the first of those that came where the button had the focus and there are no more', async () => {
      for (let n = 1; n <= 25; n++) orders.add(orderDocument(`A-${n}`));
      await open();
      await countIs('25 orders');
      await more().focus();
      await more().waitFor({ state: 'hidden' });
      await cards().nth(20).locator('summary:focus').waitFor();
    });

    it('goes on by itself after a page that failed, also where more is shown than is brought up to date', async () => {
      for (let n = 1; n <= 130; n++) orders.add(orderDocument(`A-${n}`));
      let pages = 0;
      await open('/?sort=placedAt', {
        search: (query) => {
          if (query.cursor !== undefined) pages += 1;
          if (query.cursor !== undefined && pages === 6) return Promise.reject(new IndexUnavailableError('gone'));
          return Promise.resolve(orders.search(query));
        },
      });
      for (const last of [19, 39, 59, 79, 99, 119]) await cards().nth(last).scrollIntoViewIfNeeded();
      await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
      assert.equal(await cards().count(), 120);
      await cards().nth(129).waitFor();
      await page.getByRole('alert').waitFor({ state: 'hidden' });
    });

    it('asks for no more than is read', async () => {
      for (let n = 1; n <= 45; n++) orders.add(orderDocument(`A-${n}`));
      await open();
      await countIs('45 orders');
      await refreshed();
      assert.equal(await cards().count(), 20);
      assert.ok(orders.queries.every(({ cursor }) => cursor === undefined));
    });
  });

  describe('when an order is opened', () => {
    const AT = '2025-03-01T10:00:00.000Z';
    const drawer = () => page.getByRole('dialog', { name: 'A-1' });

    beforeEach(() => {
      const order = orderDocument('A-1', {
        status: 'paid',
        version: 2,
        paidCents: 2500,
        paidAt: '2025-03-02T09:00:00.000Z',
      });
      const paid = {
        id: 'A-1-2',
        source: '/shop',
        type: 'order.payment_captured.v1',
        time: '2025-03-02T09:00:00.000Z',
      };
      const events = [...(order.events ?? []), { ...paid, sequence: 2, data: { amountCents: 2500 } }];
      orders.add(orderDocument('A-2'), { ...order, events });
    });

    it('shows its items and what happened, how it was then, and keeps that in the address', async () => {
      await open('/?q=lantern');
      await page.getByRole('link', { name: 'A-1' }).press('Enter');
      await drawer().getByText('payment captured', { exact: true }).waitFor();
      assert.equal(await drawer().getByText('White Metal Lantern').count(), 1);
      await drawer()
        .getByRole('button', { name: /As of then ?: placed/ })
        .click();
      await drawer().locator('.status', { hasText: 'placed' }).waitFor();
      await drawer().getByText('version 1').waitFor();
      const { searchParams } = new URL(page.url());
      assert.deepEqual(
        [searchParams.get('q'), searchParams.get('order'), searchParams.get('at')],
        ['lantern', 'A-1', AT],
      );
      await page.reload();
      await drawer().getByText('version 1').waitFor();
      await page.goBack();
      await drawer().getByText('version 2').waitFor();
      await page.goBack();
      await drawer().waitFor({ state: 'hidden' });
      assert.equal(new URL(page.url()).search, '?q=lantern');
    });

    it('tells what an event says beside what it changes', async () => {
      const order = orders.get('A-1')!;
      const data = { carrier: 'Correos', trackingNumber: 'TR1', parts: { of: 2 }, note: '' };
      const shipped = { id: 'A-1-3', source: '/shop', type: 'order.shipped.v1', time: '2025-03-03T09:00:00.000Z' };
      orders.documents[1] = { ...order, events: [...order.events, { ...shipped, sequence: 3, data }] };
      await open('/?order=A-1');
      await drawer().getByText('carrier: Correos · tracking number: TR1', { exact: true }).waitFor();
    });

    it('offers how it was then only where that is how the event left it', async () => {
      const order = orders.get('A-1')!;
      const [placed, paid] = order.events;
      const later = (sequence: number, time: string) => ({ ...paid!, sequence, id: `A-1-${sequence}`, time });
      const events = [
        placed!,
        later(2, '2025-03-02T09:00:00.000Z'),
        later(3, '2025-03-02T09:00:00.000Z'),
        later(4, '2025-03-02T08:00:00.000Z'),
        later(5, '2025-03-03T09:00:00.000Z'),
      ];
      orders.documents[1] = { ...order, version: 5, events };
      await open('/?order=A-1');
      const looks = drawer().getByRole('button', { name: /As of then/ });
      await looks.last().waitFor();
      assert.deepEqual(await Promise.all((await looks.all()).map((look) => look.getAttribute('data-sequence'))), [
        '1',
        '4',
        '5',
      ]);
      await looks.nth(1).click();
      await drawer().getByText('version 4').waitFor();
    });

    it('stays in its place when the order comes late', async () => {
      const late = Promise.withResolvers<OrderDocument | undefined>();
      await open('/?order=A-1', { getOrder: () => late.promise });
      const body = drawer().locator('#drawer-body');
      await body.getByText('…', { exact: true }).waitFor();
      const before = await body.boundingBox();
      late.resolve(orders.get('A-1'));
      await drawer().getByText('version 2').waitFor();
      assert.equal((await body.boundingBox())?.y, before?.y);
    });

    it('shows how it was at a time that is typed, and again as it is', async () => {
      await open('/?order=A-1');
      await drawer().getByText('version 2').waitFor();
      const at = drawer().getByLabel('As it was on');
      // Of this computer, whatever its time zone: between the two events.
      await at.fill('2025-03-02T00:00:00');
      await drawer().getByText('version 1').waitFor();
      assert.equal(await drawer().locator('.timeline .later').count(), 1);
      await at.fill('2025-02-01T00:00:00');
      await drawer().getByText('It was not placed yet.').waitFor();
      await drawer()
        .getByText(/paid: €0.00 → €25.00/)
        .waitFor();
      await drawer().getByRole('button', { name: 'As it is' }).press('Enter');
      await drawer().getByText('version 2').waitFor();
      assert.equal(await at.inputValue(), '');
    });

    it('is closed by a click beside it, not by one in it or by marking text to beyond its edge', async () => {
      await open('/?order=A-1');
      await drawer().getByText('version 2').waitFor();
      const { x, y, height } = (await drawer().boundingBox()) ?? { x: 0, y: 0, height: 0 };
      await page.mouse.click(x + 4, y + height - 4);
      await page.mouse.move(x + 40, y + 200);
      await page.mouse.down();
      await page.mouse.move(x - 40, y + 200);
      await page.mouse.up();
      assert.equal(await drawer().isVisible(), true);
      await page.mouse.click(x - 40, y + 200);
      await drawer().waitFor({ state: 'hidden' });
    });

    it('is closed by Escape, and the focus is where it was', async () => {
      await open();
      await page.getByRole('link', { name: 'A-1' }).press('Enter');
      await drawer().getByText('payment captured', { exact: true }).waitFor();
      // Its card is made anew.
      orders.documents[1] = { ...orderDocument('A-1'), status: 'shipped', version: 3 };
      await page.locator('#results .status', { hasText: 'shipped' }).waitFor();
      await page.keyboard.press('Escape');
      await drawer().waitFor({ state: 'hidden' });
      await page.locator('a.open:focus', { hasText: 'A-1' }).waitFor();
      await page.waitForURL((url) => url.search === '');
      await page.getByRole('link', { name: 'A-1' }).press('Enter');
      await drawer()
        .getByRole('button', { name: /As of then ?: placed/ })
        .click();
      await page.waitForURL(/at=/);
      const before = await page.evaluate('history.length');
      await drawer().getByRole('button', { name: 'Close' }).click();
      await page.waitForURL((url) => url.search === '');
      assert.equal(await page.evaluate('history.length'), before);
    });

    it('keeps what is shown while the index is lost, and says so once', async () => {
      let lost = false;
      await open('/?order=A-1', {
        getOrder: (orderId) =>
          lost ? Promise.reject(new IndexUnavailableError('gone')) : Promise.resolve(orders.get(orderId)),
      });
      await drawer().getByText('version 2').waitFor();
      await page.evaluate(recordProblem('#drawer [role=alert]'));
      lost = true;
      const alert = drawer().getByRole('alert').filter({ hasText: 'does not answer at the moment' });
      await alert.waitFor();
      const text = await alert.textContent();
      // The next one fails too; the one after it is asked only then.
      for (let time = 1; time <= 2; time++) await page.waitForRequest(/\/orders\/A-1$/);
      assert.deepEqual(await page.evaluate('window.recorded'), [text]);
      assert.equal(await drawer().getByText('version 2').count(), 1);
      lost = false;
      await alert.waitFor({ state: 'hidden' });
    });

    it('says that there is none where an address names one that cannot be seen', async () => {
      await open('/?order=A-9');
      await page.getByRole('alert').filter({ hasText: 'There is no such order that you may see.' }).waitFor();
    });
  });

  describe('when an older answer comes after a newer one', () => {
    it('keeps the newer one', async () => {
      const late = Promise.withResolvers<SearchPage>();
      orders.add(orderDocument('A-1'), orderDocument('A-2', { itemNames: ['Coat Hanger'] }));
      await open('/', {
        search: (query) => (query.q === 'coat' ? late.promise : Promise.resolve(orders.search(query))),
      });
      await countIs('2 orders');
      const asked = page.waitForRequest((request) => request.url().includes('q=coat'));
      await box().fill('coat');
      await asked;
      await box().fill('lantern');
      await countIs('1 order');
      await page.evaluate(RECORD_RESULTS);
      late.resolve(orders.search({ q: 'coat', sort: 'relevance', size: 20 }));
      // By the time of the next refresh the late answer has long arrived.
      await refreshed();
      assert.deepEqual(await shownIds(), ['A-1']);
      assert.deepEqual(await page.evaluate('window.recorded'), []);
    });
  });

  describe('when a currency has other decimals than a browser shows', () => {
    it('shows amounts by the ISO 4217 decimals that they are counted in', async () => {
      const totals = { HUF: 1_250_000, IQD: 1_250_000, JPY: 1_250 };
      for (const [currency, totalCents] of Object.entries(totals)) {
        orders.add(orderDocument(currency, { currency, totalCents }));
      }
      await open();
      await countIs('3 orders');
      const amounts = await page.locator('.total').allTextContents();
      assert.deepEqual(
        amounts.map((amount) => amount.replaceAll(/[^\d.,]/g, '')),
        ['1,250', '1,250.000', '12,500.00'],
      );
    });
  });

  describe('when texts look like HTML', () => {
    it('shows them as they are', async () => {
      const name = '<img src=x onerror="alert(1)"> & <b>Lantern</b>';
      orders.add(orderDocument(`<i>`, { itemNames: [name], customerName: "O'Neil &lt;", tags: ['<u>'] }));
      await open('/?q=lantern');
      await countIs('1 order');
      assert.equal(await page.locator('.items li').textContent(), name);
      assert.equal(await page.locator('.items mark').textContent(), 'Lantern');
      assert.equal(await page.locator('.name').textContent(), "O'Neil &lt;");
      assert.equal(await page.locator('#results').locator('img, b, i, u').count(), 0);
    });
  });

  describe('when an answer takes long', () => {
    it('says that it is searching, until it is there', async () => {
      const late = Promise.withResolvers<SearchPage>();
      orders.add(orderDocument('A-1'));
      await open('/', { search: () => late.promise });
      await page.getByRole('status').filter({ hasText: 'Searching …' }).waitFor();
      await page.locator('#count', { hasText: 'Searching …' }).waitFor();
      late.resolve(orders.search({ sort: '-placedAt', size: 20 }));
      await countIs('1 order');
    });
  });

  describe('when only the keyboard is used', () => {
    it('skips what stands before the orders, opens one, and gets back to where it was', async () => {
      for (let n = 1; n <= 3; n++) orders.add(orderDocument(`A-${n}`));
      await open();
      await countIs('3 orders');
      await page.getByRole('link', { name: 'Skip to the orders' }).focus();
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'A-3');
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'A-3' }).getByText('What happened').waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'A-3');
      orders.documents[0] = orderDocument('A-3', { status: 'shipped', version: 2 });
      await shown('shipped');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'A-3');
    });
  });

  describe('when nothing is found', () => {
    it('says so and what to do', async () => {
      orders.add(orderDocument('A-1'));
      await open('/?q=zebra');
      await shown('Nothing found for “zebra”');
      await shown('Try fewer or other words, or take a filter away.');
    });
  });

  describe('when the index is lost and comes back', () => {
    it('says so, keeps what is shown, and goes on by itself', async () => {
      let lost = false;
      orders.add(orderDocument('A-1'));
      await open('/', {
        search: (query) =>
          lost ? Promise.reject(new IndexUnavailableError('gone')) : Promise.resolve(orders.search(query)),
      });
      await countIs('1 order');
      lost = true;
      await page.getByRole('alert').waitFor();
      assert.match((await page.getByRole('alert').textContent()) ?? '', /does not answer at the moment/);
      assert.equal(await cards().count(), 1);
      lost = false;
      orders.add(orderDocument('A-2'));
      await countIs('2 orders');
      await page.getByRole('alert').waitFor({ state: 'hidden' });
    });

    it('gives no numbers that it does not know, and says what was found once it is', async () => {
      let lost = true;
      orders.add(orderDocument('A-1'), orderDocument('A-2', { itemNames: ['Coat Hanger'] }));
      await open('/', {
        search: (query) =>
          // A refresh of what is shown leaves its numbers where they are.
          lost && query.q === 'coat'
            ? Promise.reject(new IndexUnavailableError('gone'))
            : Promise.resolve(orders.search(query)),
      });
      const placed = page.getByRole('checkbox', { name: 'Placed' });
      const counts = page.locator('fieldset[data-facet=status] small');
      const said = page.locator('#announcement');
      await said.filter({ hasText: /^2 orders found$/ }).waitFor();
      assert.equal(await placed.getAttribute('aria-description'), '2 orders');
      await box().fill('coat');
      await page.getByRole('alert').waitFor();
      assert.deepEqual(new Set(await counts.allTextContents()), new Set(['']));
      assert.equal(await placed.getAttribute('aria-description'), null);
      assert.equal(await said.textContent(), '');
      lost = false;
      await said.filter({ hasText: /^1 order found$/ }).waitFor();
      assert.equal(await placed.getAttribute('aria-description'), '1 order');
    });
  });

  describe('when the index lags behind', () => {
    it('says how old the answer is, in words and not by colour alone', async () => {
      let lagSeconds = 0.4;
      await open('/', { freshness: () => Promise.resolve({ asOf: new Date().toISOString(), lagSeconds }) });
      await page.getByText(/^As of \d s ago$/).waitFor();
      lagSeconds = 42;
      await page.getByText(/^Lagging: as of 4\d s ago$/).waitFor();
    });

    it('is said to where the service does not answer any more, not where it is asked nothing', async () => {
      let now: 'well' | 'away' | 'expired' = 'well';
      orders.add(orderDocument('A-1'));
      await open('/', {
        authenticate: () =>
          Promise.resolve(
            now === 'expired'
              ? { kind: 'refused', reason: 'The token has expired.' }
              : { kind: 'caller', caller: { role: 'admin', sub: 'me' } },
          ),
        search: (query) =>
          now === 'away' ? Promise.reject(new IndexUnavailableError('gone')) : Promise.resolve(orders.search(query)),
      });
      const line = page.locator('#freshness');
      await page.clock.install();
      await page.reload();
      await line.filter({ hasText: /^As of \d s ago$/ }).waitFor();
      now = 'away';
      await page.clock.runFor(12_000);
      await line.filter({ hasText: /^Lagging: as of 1\d s ago$/ }).waitFor();
      now = 'well';
      await line.filter({ hasText: /^As of \d s ago$/ }).waitFor();
      now = 'expired';
      await page.getByLabel('Access token').waitFor();
      await page.clock.runFor(30_000);
      await line.filter({ hasText: /^As of 3\d s ago$/ }).waitFor();
      assert.equal(await line.getAttribute('class'), '');
      await page.getByLabel('Access token').fill('another');
      await page.keyboard.press('Enter');
      // Who has come may not see what was shown, and is shown nothing yet.
      await line.filter({ hasText: /^\s*$/ }).waitFor();
    });

    it('is not said to where only the list is old, since it is too long to be brought up to date', async () => {
      for (let n = 1; n <= 130; n++) orders.add(orderDocument(`A-${n}`));
      let lagSeconds = 30;
      await open('/', { freshness: () => Promise.resolve({ asOf: new Date().toISOString(), lagSeconds }) });
      const line = page.locator('#freshness');
      await line.filter({ hasText: /^Lagging: as of 3\d s ago$/ }).waitFor();
      for (const last of [19, 39, 59, 79, 99]) await cards().nth(last).scrollIntoViewIfNeeded();
      await cards().nth(110).waitFor();
      lagSeconds = 0.4;
      await line
        .filter({ hasText: /^This list is as of [34]\d s ago: it is too long to be kept up to date$/ })
        .waitFor();
      assert.equal(await line.getAttribute('class'), '');
      lagSeconds = 20;
      await line.filter({ hasText: /^Lagging; this list is as of [345]\d s ago$/ }).waitFor();
      assert.equal(await line.getAttribute('class'), 'lagging');
      lagSeconds = 0.4;
      await box().fill('A-7');
      await line.filter({ hasText: /^As of \d s ago$/ }).waitFor();
    });
  });

  describe('when questions are left unanswered', () => {
    /** From now on the page's time passes only as the test says. */
    async function reloadPaused(): Promise<void> {
      await page.clock.install();
      await page.clock.pauseAt(Date.now() + 60_000);
      await page.reload();
      await page
        .locator('#freshness')
        .filter({ hasText: /^As of \d s ago$/ })
        .waitFor();
    }

    // The pages of a browser have one clock.
    afterEach(() => page.clock.resume());

    for (const [what, refuse] of [
      ['is taken back', () => new Promise<never>(() => undefined)],
      ['fails', () => Promise.reject(new IndexUnavailableError('gone'))],
    ] as const) {
      it(`does not say that the service lags where a refresh ${what} and more is answered, page after page`, async () => {
        for (let n = 1; n <= 400; n++) orders.add(orderDocument(`A-${n}`));
        let isAway = false;
        let refreshes = 0;
        await open('/', {
          search: (query) => {
            if (query.cursor !== undefined || !isAway) return Promise.resolve(orders.search(query));
            refreshes += 1;
            return refuse();
          },
        });
        await reloadPaused();
        isAway = true;
        for (let time = 1; time <= 4; time++) {
          const before = { refreshes, cards: await cards().count() };
          await eventually(async () => {
            await page.clock.runFor(500);
            assert.ok(refreshes > before.refreshes);
          });
          await page.getByRole('button', { name: 'Show more' }).press('Enter');
          await cards().nth(before.cards).waitFor();
        }
        assert.match((await page.locator('#freshness').textContent()) ?? '', /^As of \d+ s ago$/);
      });
    }

    it('says that the service lags where the newest is not answered, not where each is taken back for the next', async () => {
      let isAway = false;
      await open('/', {
        search: (query) => (isAway ? new Promise<never>(() => undefined) : Promise.resolve(orders.search(query))),
      });
      await reloadPaused();
      isAway = true;
      for (const q of ['l', 'la', 'lan', 'lant']) {
        const asked = page.waitForRequest((request) => new RegExp(`/search\\?(.*&)?q=${q}(&|$)`).test(request.url()));
        await box().fill(q);
        await page.clock.runFor(2_000);
        await asked;
      }
      const line = page.locator('#freshness');
      await line.filter({ hasText: /^As of \d+ s ago$/ }).waitFor();
      await page.clock.runFor(4_000);
      await line.filter({ hasText: /^Lagging: as of \d+ s ago$/ }).waitFor();
    });
  });

  describe('when the service asks who is calling', () => {
    it('takes a token, and shows orders with it', async () => {
      orders.add(orderDocument('A-1'));
      await open('/', {
        authenticate: (authorization) =>
          Promise.resolve(
            authorization === 'Bearer good-token'
              ? { kind: 'caller', caller: { role: 'support', sub: 'me' } }
              : { kind: 'refused', reason: 'A bearer token is needed.' },
          ),
      });
      // No header can carry it: the browser would refuse each request from then on.
      await page.getByLabel('Access token').fill('gööd–token');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('That is no access token').waitFor();
      await page.getByLabel('Access token').fill('good-token');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await countIs('1 order');
      assert.equal(await page.getByLabel('Access token').isVisible(), false);
    });

    it('lets one sign in at the address of an order, and shows it then', async () => {
      orders.add(orderDocument('A-1'));
      await open('/?order=A-1', { authenticate });
      await page.getByText('A bearer token is needed').waitFor();
      await page.getByLabel('Access token').fill((await bearer('support', 'me')).slice('Bearer '.length));
      await page.keyboard.press('Enter');
      await page.getByRole('dialog', { name: 'A-1' }).getByText('version 1').waitFor();
      assert.equal(new URL(page.url()).search, '?order=A-1');
    });

    it('says who is signed in, for this tab, and asks again once the token has expired', async () => {
      orders.add(orderDocument('A-1', { sellerId: 'S-1' }), orderDocument('A-2', { sellerId: 'S-2' }));
      await open('/', { authenticate });
      const signIn = async (authorization: string) => {
        await page.getByLabel('Access token').fill(authorization.slice('Bearer '.length));
        await page.getByRole('button', { name: 'Sign in' }).click();
      };
      await signIn(await bearer('seller', 'S-2'));
      await countIs('1 order');
      await page.getByText('Seller S-2').waitFor();
      await page.reload();
      await countIs('1 order');
      await page.getByText('More filters').click();
      await page.getByRole('checkbox', { name: 'gift' }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Access token').waitFor();
      assert.equal(await page.getByRole('checkbox', { name: 'gift' }).count(), 0);
      await signIn(await bearer('support', 'me', '7s'));
      await countIs('2 orders');
      // The service says it: this computer's clock may be wrong.
      await page.getByText('The token is not valid, or no longer.').waitFor({ timeout: 15_000 });
    });
  });

  describe('when the service does not ask who is calling', () => {
    it('shows what another role sees', async () => {
      orders.add(orderDocument('A-1', { sellerId: 'S-1', customerId: 'C-1' }));
      orders.add(
        orderDocument('A-2', { sellerId: 'S-2', customerId: 'C-2' }),
        orderDocument('A-3', { sellerId: 'S-2' }),
      );
      await open('/', { authenticate: createAuthenticator({ kind: 'off' }) });
      await countIs('3 orders');
      const role = page.getByRole('combobox', { name: 'See it as' });
      await role.selectOption('Seller');
      await countIs('2 orders');
      await page.getByLabel('Id of whom to see it as').fill('S-1');
      await page.keyboard.press('Tab');
      await countIs('1 order');
      await role.selectOption('Admin');
      await countIs('3 orders');
    });

    describe('but whom to see it as takes long to find', () => {
      const role = () => page.getByRole('combobox', { name: 'See it as' });
      const LOOKED_FOR = /\/search\?size=1$/;
      /** What is asked for to find somebody, held up. */
      let held: Route[];
      beforeEach(async () => {
        held = [];
        orders.add(orderDocument('A-1', { sellerId: 'S-1', customerId: 'C-1' }));
        orders.add(orderDocument('A-2', { sellerId: 'S-2', customerId: 'C-2' }));
        await open('/', { authenticate: createAuthenticator({ kind: 'off' }) });
        await page.route(LOOKED_FOR, (route) => void held.push(route));
        await countIs('2 orders');
      });
      const choose = async (name: string) => {
        const before = held.length;
        await role().selectOption(name);
        await eventually(() => assert.equal(held.length, before + 1));
      };
      /** Who the next of the page's own questions comes from. */
      const asker = async () => {
        const asked = await page.waitForRequest(/\/search\?.*size=20/);
        return asked.headers()['authorization'];
      };

      it('takes the newest choice, whichever is found first', async () => {
        await choose('Seller');
        await choose('Customer');
        await held[1]?.fallback();
        await countIs('1 order');
        const answered = page.waitForResponse(LOOKED_FOR);
        await held[0]?.fallback();
        await (await answered).finished();
        assert.equal(await asker(), 'Act-As customer C-2');
        assert.deepEqual(
          [await role().inputValue(), await page.getByLabel('Id of whom to see it as').inputValue()],
          ['customer', 'C-2'],
        );
      });

      it('goes on as the one before until somebody is found, and where nobody is, without a promise', async () => {
        await choose('Customer');
        await held[0]?.fallback();
        await countIs('1 order');
        await choose('Seller');
        assert.equal(await asker(), 'Act-As customer C-2');
        await page.evaluate(recordProblem('#problem p'));
        const body = JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'The index is away.' });
        await held[1]?.fulfill({ status: 503, headers: { 'content-type': 'application/problem+json' }, body });
        await eventually(async () => assert.deepEqual(await page.evaluate('window.recorded'), ['The index is away.']));
        assert.equal(await role().inputValue(), 'customer');
        assert.equal(await asker(), 'Act-As customer C-2');
      });
    });
  });

  describe('when this computer is offline', () => {
    it('says so, keeps what is shown, and goes on by itself', async () => {
      orders.add(orderDocument('A-1'));
      await open();
      await countIs('1 order');
      await browser.context.setOffline(true);
      await page.getByRole('alert').filter({ hasText: 'This computer is offline.' }).waitFor();
      assert.equal(await cards().count(), 1);
      await browser.context.setOffline(false);
      await page.getByRole('alert').waitFor({ state: 'hidden' });
    });
  });

  describe('when the window is as narrow as a phone', () => {
    it('needs no scrolling sideways, whatever the texts', async () => {
      const long = 'x'.repeat(256);
      orders.add(
        orderDocument(long, { customerName: long, customerId: long, itemNames: [long], tags: [long], skus: [long] }),
      );
      await open();
      await page.setViewportSize({ width: 360, height: 700 });
      await countIs('1 order');
      await page.getByText('Details').click();
      await page.getByText('More filters').click();
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      assert.equal(overflow, 0);
    });
  });
});
