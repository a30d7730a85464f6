import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import { createClient } from '../../src/client/index.ts';
import type { DailyRevenue } from '../../src/client/index.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { eventually } from '../support/eventually.ts';
import { expectedDocuments } from '../support/oracle.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend } from '../support/test-backend.ts';

const FILE = new URL('../../../shared/data/online-retail.events.ndjson.gz', import.meta.url).pathname;
const CLI = new URL('../../bin/order-search.js', import.meta.url).pathname;
const RANGE = { from: '2010-12-01', to: '2010-12-06' };
const SELLER = 'online-retail';
const TOP = 10;
const ENVIRONMENT = { ROLLUP_INTERVAL_MS: '200' };

/** What the data's own README says must come out: day, orders, revenueCents, refundedCents; the other days have nothing. */
const EXPECTED = [
  ['2010-12-01', 136, 5_731_177, 2_550],
  ['2010-12-02', 143, 4_774_838, 3_125],
  ['2010-12-03', 73, 4_617_450, 7_935],
  ['2010-12-04', 0, 0, 0],
  ['2010-12-05', 87, 3_058_695, 4_790],
  ['2010-12-06', 0, 0, 0],
] as const;
const TOTAL = [439, 18_182_160, 18_400] as const;

/** The service, and its way to events. */
interface Shop {
  service(): RunningService;
  /** Every event of the file. */
  publish(): Promise<void>;
  remove(): Promise<void>;
}

async function embeddedShop(): Promise<Shop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'order-search-revenue-'));
  const start = () => startService({ ...ENVIRONMENT, DATA_DIR: dataDir });
  let service = await start();
  return {
    service: () => service,
    // One process at a time has the folder.
    async publish() {
      await service.stop();
      const options = { dataDir, prefix: 'orders', deliveryLimit: 50, log: createLogger('silent') };
      const broker = createEmbeddedBroker(options);
      await broker.open();
      await broker.publish(events().map(outgoingOf));
      await broker.close();
      service = await start();
    },
    async remove() {
      await service.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}

async function servicesShop(): Promise<Shop> {
  const backend = await testBackend();
  const service = await startService({ ...ENVIRONMENT, ...backend.environment });
  await untilReady(service);
  return {
    service: () => service,
    async publish() {
      const env = { ...process.env, ...backend.environment };
      await promisify(execFile)(process.execPath, [CLI, 'publish', FILE], { env });
    },
    async remove() {
      await service.stop();
      await backend.remove();
    },
  };
}

function events(): CloudEvent[] {
  const lines = gunzipSync(readFileSync(FILE)).toString().trim().split('\n');
  return lines.map((line) => JSON.parse(line) as CloudEvent);
}

for (const [name, open] of [
  ['embedded', embeddedShop],
  ['RabbitMQ and Elasticsearch', servicesShop],
] as const) {
  describe(`the revenue of the real orders (${name})`, function () {
    this.timeout(120_000);
    let shop: Shop | undefined;
    let published: number;

    before(async function () {
      if (!existsSync(FILE)) {
        console.log(`      (not run: ${FILE.split('/').slice(-3).join('/')} is absent)`);
        this.skip();
      }
      shop = await open();
      await publish();
    });
    after(() => shop?.remove());

    async function publish(): Promise<void> {
      await shop?.publish();
      published = Date.now();
    }

    /** As of a moment at which everything was published: what \`asOf\` promises, and nothing but that is waited for. */
    async function sinceThen<T extends { readonly asOf: string }>(read: (url: string) => Promise<T | undefined>): Promise<T> {
      return await eventually(async () => {
        const answer = await read(shop?.service().url ?? '');
        assert.ok(answer && Date.parse(answer.asOf) >= published, `as of ${answer?.asOf ?? 'never'}`);
        return answer;
      }, 90_000);
    } // prettier-ignore

    const revenue = () => sinceThen((url) => createClient({ url }).revenueDaily(RANGE));
    const dashboard = () => sinceThen((url) => createClient({ url }).sellerDashboard(SELLER, RANGE));
    const told = (days: readonly DailyRevenue[]) =>
      days.map(({ day, orders, revenueCents, refundedCents }) => [day, orders, revenueCents, refundedCents]);

    it('is to the cent what their data says, day by day', async () => {
      const { days } = await revenue();
      assert.deepEqual(told(days), EXPECTED);
      for (const { currency, netCents, revenueCents, refundedCents } of days) {
        assert.deepEqual([currency, netCents], ['GBP', revenueCents - refundedCents]);
      }
      assert.equal(days.reduce((count, { refundCount }) => count + refundCount, 0), 9); // prettier-ignore
      assert.ok(days.slice(0, 4).every(({ final }) => final));
    });

    it("is the seller's, with its totals and the products that brought the most", async () => {
      const { days, totals, topProducts } = await dashboard();
      assert.deepEqual(told(days), EXPECTED);
      const [orders, revenueCents, refundedCents] = TOTAL;
      assert.deepEqual(totals, [
        {
          ...{ currency: 'GBP', orders, revenueCents, refundedCents, netCents: revenueCents - refundedCents },
          ...{ refundCount: 9, refundRate: refundedCents / revenueCents },
        },
      ]);
      assert.deepEqual(
        topProducts.map(({ sku, quantity, revenueCents: cents }) => [sku, quantity, cents]),
        expectedProducts(),
      );
    });

    it('is the same when everything is published again', async () => {
      await publish();
      assert.deepEqual(told((await revenue()).days), EXPECTED);
      assert.deepEqual(told((await dashboard()).days), EXPECTED);
    });
  });
}

interface Item {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPriceCents: number;
}

/** SKU, quantity and revenue of those of the most revenue, over all orders: every one of them is paid within the range. */
function expectedProducts() {
  const documents = [...expectedDocuments(events().map((event) => ({ ...event }))).values()];
  const items = documents.flatMap(({ fields }) => fields['items'] as readonly Item[]);
  const products = [...Map.groupBy(items, ({ sku }) => sku)].map(([sku, same]) => ({
    sku,
    quantity: same.reduce((sum, { quantity }) => sum + quantity, 0),
    cents: same.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0),
  }));
  products.sort((a, b) => b.cents - a.cents || (a.sku < b.sku ? -1 : 1));
  return products.slice(0, TOP).map(({ sku, quantity, cents }) => [sku, quantity, cents]);
}
