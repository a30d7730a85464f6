import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';

interface SearchAnswer {
  readonly total: number;
  readonly asOf: string;
  readonly lagSeconds: number;
  readonly hits: readonly { readonly order: { readonly orderId: string; readonly version: number } }[];
}

describe('the service without any configuration', function () {
  this.timeout(60_000);
  let dataDir: string;
  let service: RunningService;
  let browser: TestBrowser;
  let page: Page;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'order-search-newcomer-'));
    service = await startService({ DATA_DIR: dataDir });
    await untilReady(service);
    browser = await openChromium();
    page = await browser.context.newPage();
  });

  after(async () => {
    await browser.close();
    await service.stop();
    await rm(dataDir, { recursive: true });
  });

  async function shownCount(): Promise<number> {
    return Number.parseInt((await page.locator('#count').textContent()) ?? '', 10);
  }

  it('shows sample orders, and new ones as they arrive', async () => {
    await page.goto(service.url);
    const before = await eventually(async () => {
      const count = await shownCount();
      assert.ok(count > 100, `${count} orders`);
      return count;
    });
    await eventually(async () => assert.ok((await shownCount()) > before), 30_000);
  });

  it('finds a product that is mistyped', async () => {
    await page.getByRole('combobox', { name: 'Search orders' }).fill('lantren');
    await page.locator('mark').first().waitFor();
    assert.match((await page.locator('mark').first().textContent()) ?? '', /lantern/i);
  });

  it('says how fresh every answer is', async () => {
    const { body } = await service.get<SearchAnswer>('/search');
    assert.ok(Math.abs(Date.now() - Date.parse(body.asOf) - body.lagSeconds * 1_000) < 1_000);
    assert.ok(body.lagSeconds < 10, `${body.lagSeconds} s`);
  });

  it('keeps its orders over a SIGKILL', async () => {
    const { body } = await service.get<SearchAnswer>('/search?sort=placedAt&size=50');
    await service.kill();
    service = await startService({ DATA_DIR: dataDir });
    await untilReady(service);
    const after = await service.get<SearchAnswer>('/search?sort=placedAt&size=50');
    const ids = ({ hits }: SearchAnswer) => hits.map(({ order }) => order.orderId);
    assert.deepEqual(ids(after.body), ids(body));
    assert.ok(after.body.total >= body.total);
  });
});

describe('the line that says where the embedded service is', function () {
  this.timeout(60_000);
  let dataDir: string;

  beforeEach(async () => (dataDir = await mkdtemp(join(tmpdir(), 'order-search-banner-'))));
  afterEach(() => rm(dataDir, { recursive: true }));

  for (const { when, env, announcesOrders } of [
    { when: 'when sample orders arrive', env: {}, announcesOrders: true },
    { when: 'when BINDING_KEYS keep them out', env: { BINDING_KEYS: 'order.placed' }, announcesOrders: false },
    { when: 'when no projector runs', env: { ROLE: 'api' }, announcesOrders: false },
  ]) {
    it(`${announcesOrders ? 'announces' : 'does not announce'} sample orders ${when}`, async () => {
      const service = await startService({ DATA_DIR: dataDir, ...env });
      try {
        const line = await eventually(() => {
          const found = /Order Search is at .*/.exec(service.log())?.[0];
          assert.ok(found !== undefined, service.log());
          return found;
        });
        assert.equal(line.includes('with sample orders arriving'), announcesOrders, line);
        assert.ok(line.includes(dataDir), line);
      } finally {
        await service.stop();
      }
    });
  }
});
