import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { pageComplaints } from '../support/page-complaints.ts';
import { SHOWN_PAGES, shownDependencies } from '../support/shown-service.ts';

const PAGES = [...SHOWN_PAGES, ['/docs', '.operation:last-child']] as const;
/** A service that is down says so by 503, which is an answer too. */
const EXPECTED = /status of 503/;
const MOST_BYTES = 150_000;
/** Above 0.1 a page counts as unsteady (Core Web Vitals). */
const MOST_SHIFT = 0.02;

const RECORD_SHIFTS = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries())
      if (!hadRecentInput) window.shifts.push([value, ...sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]);
  }).observe({ type: 'layout-shift', buffered: true });
`;

/** What can be reached and is not by Tab. */
const REACHABLE = `[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
  .filter((node) => node.checkVisibility() && !node.disabled && !(document.querySelector('dialog[open]') && !node.closest('dialog')))
  .map((node, at) => (node.dataset.reach = String(at)))`;

describe('every page', function () {
  this.timeout(60_000);
  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  let complaints: readonly string[];

  before(async () => {
    browser = await openChromium();
    server = await listen(createHttpApp(shownDependencies()), { host: '127.0.0.1', port: 0 });
  });
  after(async () => {
    await browser.close();
    await server.close(0);
  });
  beforeEach(async () => {
    page = await browser.context.newPage();
    complaints = pageComplaints(page, EXPECTED);
  });
  afterEach(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
  });

  async function open([path, sign]: readonly [string, string]): Promise<void> {
    await page.goto(`http://127.0.0.1:${server.port}${path}`);
    await page.locator(sign).first().waitFor();
    await page.locator('#who select, #sign-in-docs').waitFor();
  }

  for (const shown of PAGES) {
    const [path] = shown;
    describe(`when it is ${path}`, () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        it(`has nothing that axe-core finds fault with, ${colorScheme}`, async () => {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await open(shown);
          await page.evaluate(axe.source);
          const { violations } = await page.evaluate<axe.AxeResults>('axe.run()');
          const faults = violations.map(({ id, nodes }) => [
            id,
            ...nodes.map(({ html, failureSummary }) => [html, failureSummary]),
          ]);
          assert.deepEqual(faults, []);
        });
      }

      for (const width of [320, 390, 1_280]) {
        it(`needs no scrolling sideways and does not jump while it fills, ${width} px wide`, async () => {
          await page.setViewportSize({ width, height: 800 });
          await page.addInitScript(RECORD_SHIFTS);
          await open(shown);
          const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
          assert.equal(await page.evaluate(overflow), 0);
          const shifts = await page.evaluate<[number, ...string[]][]>('window.shifts');
          assert.ok(shifts.reduce((sum, [value]) => sum + value, 0) <= MOST_SHIFT, JSON.stringify(shifts));
        });
      }

      it('takes less than 150 kB to load for the first time', async () => {
        const session = await page.context().newCDPSession(page);
        await session.send('Network.enable');
        await session.send('Network.clearBrowserCache');
        let bytes = 0;
        session.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
        await open(shown);
        assert.ok(bytes > 5_000 && bytes < MOST_BYTES, `${bytes} bytes`);
      });

      it('lets everything be reached by Tab', async () => {
        await open(shown);
        const wanted = new Set(await page.evaluate<string[]>(REACHABLE));
        assert.ok(wanted.size > 3, `${wanted.size} to reach`);
        const missing = new Set(wanted);
        // A field for a day takes some of them.
        for (let presses = 0; presses < 6 * wanted.size && missing.size > 0; presses++) {
          await page.keyboard.press('Tab');
          missing.delete(String(await page.evaluate('document.activeElement?.dataset.reach')));
        }
        const html = await page.evaluate(
          `${JSON.stringify([...missing])}.map((at) => document.querySelector('[data-reach="' + at + '"]')?.outerHTML)`,
        );
        assert.deepEqual(html, []);
      });
    });
  }
});
