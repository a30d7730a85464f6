import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { pageComplaints } from '../support/page-complaints.ts';
import { SHOWN_PAGES, shownDependencies } from '../support/shown-service.ts';

/** What is asked of the service all the same: no limit counts it. */
const UNLIMITED = /\/(health|page-settings\.json)$/;
const TOO_MANY = {
  status: 429,
  headers: { 'content-type': 'application/problem+json', 'retry-after': '30' },
  body: JSON.stringify({
    title: 'Too Many Requests',
    status: 429,
    detail: 'At most 60 requests a minute are answered.',
  }),
};

describe('a page whose caller has asked too much', function () {
  this.timeout(60_000);
  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  let complaints: readonly string[];
  let isLimited: boolean;
  /** Since the service has had enough. */
  let refused: string[];

  before(async () => {
    browser = await openChromium();
    server = await listen(createHttpApp(shownDependencies()), { host: '127.0.0.1', port: 0 });
  });
  after(async () => {
    await browser.close();
    await server.close(0);
  });
  beforeEach(async () => {
    [isLimited, refused] = [false, []];
    page = await browser.context.newPage();
    complaints = pageComplaints(page);
    await page.clock.install();
    await page.route('**', async (route) => {
      const request = route.request();
      const isCounted = request.resourceType() === 'fetch' && !UNLIMITED.test(request.url());
      if (!isLimited || !isCounted) return route.fallback();
      refused.push(request.url());
      return route.fulfill(TOO_MANY);
    });
  });
  afterEach(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
  });

  async function openUntilRefused([path, sign]: readonly [string, string]): Promise<void> {
    await page.goto(`http://127.0.0.1:${server.port}${path}`);
    await page.locator(sign).first().waitFor();
    isLimited = true;
    await page.clock.runFor(4_000);
    const alert = page.getByRole('alert').filter({ hasText: 'requests a minute are answered.' });
    await alert.filter({ hasText: 'Trying again by itself after 30 s.' }).first().waitFor();
    await seenAll();
    refused = [];
  }

  /** Resolves when whatever the page has asked so far has been seen. */
  async function seenAll(): Promise<void> {
    await page.evaluate("fetch('page-settings.json').then((response) => response.text())");
  }

  for (const shown of SHOWN_PAGES) {
    describe(`when it is ${shown[0]}`, () => {
      it('asks nothing by itself before the time that it was told, and goes on then', async () => {
        await openUntilRefused(shown);
        await page.clock.runFor(20_000);
        await seenAll();
        assert.deepEqual(refused, []);
        // The page waits, and the service does not lag.
        assert.doesNotMatch((await page.locator('#freshness').textContent()) ?? '', /Lagging/);
        isLimited = false;
        await page.clock.runFor(15_000);
        await page.getByRole('alert').filter({ hasText: 'requests a minute' }).first().waitFor({ state: 'hidden' });
      });

      if (shown[0].includes('order=')) return;
      it('asks when it is told to', async () => {
        await openUntilRefused(shown);
        await page.getByRole('button', { name: 'Try again' }).click();
        await eventually(() => assert.notDeepEqual(refused, []));
      });
    });
  }
});
