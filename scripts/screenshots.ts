/**
 * `npm run screenshots`: the pictures in docs/, of the real pages. Starts the embedded default with its sample orders in a folder of its
 * own, lets happen to it what an operator deals with, and takes each page on a desktop and a phone, light and dark. Names are in many
 * scripts: where no font has Chinese and Korean (Debian: fonts-wqy-microhei) they are boxes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createEmbeddedBroker } from '../src/broker/embedded/index.ts';
import { createLogger } from '../src/observability/logging.ts';
import { openChromium, type Screen } from '../test/support/chromium.ts';
import { eventually } from '../test/support/eventually.ts';
import { eventOf } from '../test/support/page-stage.ts';
import { operatorOf } from '../test/support/rebuild-operator.ts';
import { startService, untilReady, type RunningService } from '../test/support/running-service.ts';

const DOCS = new URL('../docs/', import.meta.url).pathname;
const SAMPLE_ORDERS = 200;
const LAG_MS = 90_000;
/** The same wherever they are taken; the browser's own fields for days are American where nobody has told it otherwise. */
const PLACE = { locale: 'en-US', timezoneId: 'UTC', reducedMotion: 'reduce' } as const;
const SCREENS: Readonly<Record<string, Screen>> = {
  '': { viewport: { width: 1_280, height: 860 } },
  '-phone': { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5, isMobile: true, hasTouch: true },
};
const SCHEMES = { '': 'light', '-dark': 'dark' } as const;

/** Each picture with the way to what it shows. */
const PICTURES: Readonly<Record<string, (page: Page, url: string) => Promise<void>>> = {
  async search(page, url) {
    await page.goto(`${url}/?q=lantren`);
    await page.locator('mark').first().waitFor();
    await page.locator('#freshness', { hasText: 'As of' }).waitFor();
  },
  async suggestions(page, url) {
    await page.goto(url);
    await page.locator('#results > li').first().waitFor();
    await page.getByRole('combobox', { name: 'Search orders' }).pressSequentially('ma');
    await page.getByRole('listbox').getByRole('option').nth(3).waitFor();
    await page.keyboard.press('ArrowDown');
  },
  async order(page, url) {
    await page.goto(`${url}/?status=delivered`);
    await page.locator('#results a').first().click();
    await page.locator('.timeline li').nth(3).waitFor();
  },
  async dashboard(page, url) {
    await page.goto(`${url}/dashboard`);
    await page.locator('#days tbody tr').nth(20).waitFor();
  },
  async console(page, url) {
    await page.goto(`${url}/admin`);
    await page.locator('#rebuild[data-state=DONE]').waitFor();
    await page.locator('#letters > li').first().waitFor();
    // The service remembers its lag since it was started: a minute of it is a line.
    const lag = page.getByRole('img', { name: /over the last ([6-9]\d s|1[01]\d s|\d+ min): / });
    await lag.waitFor({ timeout: LAG_MS });
  },
};

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'order-search-screenshots-'));
  try {
    await fill(dataDir);
    await withService(dataDir, async (service) => {
      await rebuild(service);
      for (const [screen, size] of Object.entries(SCREENS)) {
        for (const [scheme, colorScheme] of Object.entries(SCHEMES)) {
          await take(service.url, { ...PLACE, ...size, colorScheme }, `${screen}${scheme}.png`);
        }
      }
    });
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

/** The month of sample orders, and beside them what comes to the dead letters and what waits for an event. */
async function fill(dataDir: string): Promise<void> {
  await withService(dataDir, async (service) => {
    await eventually(async () => {
      const { body } = await service.get<{ total: number }>('/search?size=1');
      if (body.total < SAMPLE_ORDERS) throw new Error(`only ${body.total} orders`);
    });
  });
  const log = createLogger('silent');
  const broker = createEmbeddedBroker({ dataDir, prefix: 'orders', deliveryLimit: 50, log });
  await broker.open();
  await broker.publish([
    eventOf('A-7301', 1, 'order.placed.v2', { customer: 7 }),
    eventOf('A-7302', 2, 'order.payment_captured.v1', { amountCents: -1 }),
    eventOf('A-7303', 3, 'order.shipped.v1', { carrier: 'DHL' }),
  ]);
  await broker.close();
}

async function withService(dataDir: string, use: (service: RunningService) => Promise<void>): Promise<void> {
  const service = await startService({ DATA_DIR: dataDir, RATE_LIMIT_PER_MINUTE: '0', ROLLUP_INTERVAL_MS: '500' });
  try {
    await untilReady(service);
    await use(service);
  } finally {
    await service.stop();
  }
}

async function rebuild(service: RunningService): Promise<void> {
  const operator = operatorOf(service);
  const { id } = await operator.start();
  const { state, error } = await operator.over(id);
  if (state !== 'DONE') throw new Error(`the rebuild is ${state}: ${error}`);
}

async function take(url: string, screen: Screen, suffix: string): Promise<void> {
  const browser = await openChromium(screen);
  try {
    for (const [name, show] of Object.entries(PICTURES)) {
      const page = await browser.context.newPage();
      await show(page, url);
      await page.screenshot({
        path: join(DOCS, `${name}${suffix}`),
        caret: 'hide',
        fullPage: name === 'console' && !screen.isMobile,
      });
      await page.close();
    }
  } finally {
    await browser.close();
  }
}

await main();
