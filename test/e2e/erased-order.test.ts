import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { eventOf, orderEvents, SHOPS, type Shop } from '../support/page-stage.ts';

const SELLER = 'seller-of-erased';
const GONE = orderEvents({ orderId: 'E-1', sellerId: SELLER, name: 'Quillwort kettle', status: 'paid' });
const KEPT = orderEvents({ orderId: 'K-1', sellerId: SELLER, name: 'Quillwort lamp', status: 'paid' });
const ERASED = eventOf('E-1', 3, 'order.erased.v1', {});
/** Of a system that never heard of the erasure: what came before it, and what it has in its place and after it. */
const BACKFILL = [
  ...GONE,
  eventOf('E-1', 3, 'order.shipped.v1', { carrier: 'DHL' }),
  eventOf('E-1', 4, 'order.delivered.v1', {}),
];

interface Found {
  readonly total: number;
  readonly hits: readonly { readonly order: { readonly orderId: string } }[];
  readonly facets: { readonly seller: readonly { readonly value: string; readonly count: number }[] };
}

interface Dashboard {
  readonly totals: readonly { readonly orders: number; readonly revenueCents: number }[];
  readonly topProducts: readonly { readonly name: string }[];
}

for (const [name, open] of SHOPS) {
  describe(`an order that is erased (${name})`, function () {
    this.timeout(300_000);
    let importDir: string;
    let shop: Shop;
    before(async () => {
      importDir = await mkdtemp(join(tmpdir(), 'order-search-import-'));
      await writeFile(join(importDir, 'backfill.ndjson'), BACKFILL.map(({ body }) => `${String(body)}\n`).join(''));
      shop = await open({ IMPORT_DIR: importDir });
      await shop.publish([...GONE, ...KEPT]);
      await eventually(async () => assert.equal((await get('/orders/E-1')).status, 200));
      await shop.publish([ERASED]);
      await eventually(async () => assert.equal((await get('/orders/E-1')).status, 404));
    });
    after(async () => {
      await shop.remove();
      await rm(importDir, { recursive: true });
    });

    async function get(path: string): Promise<{ status: number; body: unknown }> {
      const response = await fetch(`${shop.url}${path}`);
      return { status: response.status, body: await response.json() };
    }

    async function rebuilt(request: object): Promise<void> {
      const headers = { 'Content-Type': 'application/json' };
      const body = JSON.stringify(request);
      const started = await fetch(`${shop.url}/admin/rebuilds`, { method: 'POST', headers, body });
      assert.equal(started.status, 202, await started.clone().text());
      const { id } = (await started.json()) as { id: string };
      await eventually(async () => {
        const { state, error } = (await get(`/admin/rebuilds/${id}`)).body as { state: string; error: string | null };
        assert.equal(state, 'DONE', error ?? '');
      }, 150_000);
    }

    async function assertGone(): Promise<void> {
      for (const path of ['/orders/E-1', '/orders/E-1/history']) assert.equal((await get(path)).status, 404, path);
      const { total, hits, facets } = (await get('/search?q=quillwort')).body as Found;
      assert.deepEqual([total, hits.map(({ order }) => order.orderId)], [1, ['K-1']]);
      assert.deepEqual(facets.seller, [{ value: SELLER, count: 1 }]);
      assert.equal(((await get('/search?q=E-1')).body as Found).total, 0);
      const { completions } = (await get('/suggest?q=quillw')).body as { completions: { text: string }[] };
      assert.deepEqual(completions.map(({ text }) => text), ['Quillwort lamp']); // prettier-ignore
      const { items } = (await get('/customers/c-page/orders')).body as { items: { orderId: string }[] };
      assert.deepEqual(items.map(({ orderId }) => orderId), ['K-1']); // prettier-ignore
    }

    /** Once the aggregates are built of the generation that is live now. */
    async function assertNotCounted(): Promise<void> {
      const day = (time: number) => new Date(time).toISOString().slice(0, 'YYYY-MM-DD'.length);
      const range = `from=${day(Date.now() - 86_400_000)}&to=${day(Date.now())}`;
      await eventually(async () => {
        const { totals, topProducts } = (await get(`/sellers/${SELLER}/dashboard?${range}`)).body as Dashboard;
        assert.deepEqual(totals.map(({ orders, revenueCents }) => [orders, revenueCents]), [[1, 2_500]]); // prettier-ignore
        assert.deepEqual(topProducts.map((product) => product.name), ['Quillwort lamp']); // prettier-ignore
      });
    }

    it('is found nowhere', async () => {
      await assertGone();
      await assertNotCounted();
    });

    for (const request of [{ source: 'history' }, { source: 'file', path: 'backfill.ndjson' }]) {
      it(`is not brought back by a rebuild from ${request.source} that has its events`, async () => {
        await rebuilt(request);
        await assertGone();
        await assertNotCounted();
      });
    }
  });
}
