import assert from 'node:assert/strict';
import { createClient, OrderSearchProblem } from '../../src/client/index.ts';
import type { OrderSearchClient } from '../../src/client/index.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { deriveAggregates } from '../support/derived-aggregates.ts';
import { serveIndex } from '../support/served-index.ts';
import type { ServedIndex } from '../support/served-index.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const MANY = 205;

describeForEachBackend('the client', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let served: ServedIndex;
  let client: OrderSearchClient;

  before(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    const many = Array.from({ length: MANY }, (_, n): SampleOrder => ({ orderId: `many-${n}`, tags: ['many'] }));
    await put(
      { orderId: 'A/1 ä', items: ['Metal lantern'], then: [PAID] },
      { orderId: 'B&2', tags: ['x', 'y'] },
      ...many,
    );
    const aggregates = await deriveAggregates(index, { asOf: '2026-03-02T00:00:00.000Z' });
    served = await serveIndex(index, { aggregates });
    client = createClient({ url: served.url });
  });
  after(async () => {
    await served.close();
    await place.remove();
  });

  async function put(...orders: readonly SampleOrder[]): Promise<void> {
    await index.write((await index.registry()).live, orders.map(sampleWrite), 'live');
    await index.refresh();
  }

  it('searches, with filters once or repeated', async () => {
    const answer = await client.search({ q: 'lantren', status: 'paid', size: 5, minTotalCents: 0 });
    assert.deepEqual(answer.hits.map(({ order }) => order.orderId), ['A/1 ä']); // prettier-ignore
    assert.match(answer.hits[0]?.highlights['itemNames']?.[0] ?? '', /<mark>lantern<\/mark>/);
    assert.equal((await client.search({ tag: ['x', 'z'] })).total, 1);
  });

  it('goes through every hit, page by page, each once', async () => {
    const ids: string[] = [];
    for await (const { order } of client.hits({ tag: 'many' })) ids.push(order.orderId);
    assert.equal(ids.length, MANY);
    assert.equal(new Set(ids).size, MANY);
    const first: string[] = [];
    for await (const { order } of client.hits({ tag: 'many', size: 2 })) {
      if (first.push(order.orderId) === 3) break;
    }
    assert.deepEqual(first, ids.slice(0, 3));
  });

  it('suggests', async () => {
    assert.deepEqual((await client.suggest('metal')).completions, [{ text: 'Metal lantern', kind: 'item' }]);
    assert.equal((await client.suggest('lantren')).didYouMean, 'lantern');
  });

  it('reads an order whatever its id, its history, and what it was', async () => {
    const answer = await client.order('A/1 ä');
    assert.deepEqual([answer?.order.status, answer?.order.version], ['paid', 2]);
    assert.deepEqual((await client.history('A/1 ä'))?.events.map(({ sequence }) => sequence), [1, 2]); // prettier-ignore
    assert.equal(await client.order('A/1 ä', { at: '2020-01-01T00:00:00Z' }), undefined);
    assert.deepEqual([await client.order('none'), await client.history('none')], [undefined, undefined]);
  });

  it('takes a wrong address for an error, and for no order that is not there', async () => {
    const lost = createClient({ url: `${served.url}/wrong` });
    const asked = [lost.order('B&2'), lost.history('B&2'), lost.customerOrders('C-1'), lost.waitForVersion('B&2', 1)];
    for (const answer of asked) await assert.rejects(answer, { status: 404, type: 'about:blank' });
  });

  it("sums up a customer's orders", async () => {
    const answer = await client.customerOrders('C-1', { size: 1 });
    assert.equal(answer?.items.length, 1);
    assert.equal(answer.totals[0]?.orders, MANY + 2);
    const next = await client.customerOrders('C-1', { size: 1, cursor: answer.nextCursor ?? '' });
    assert.notEqual(next?.items[0]?.orderId, answer.items[0]?.orderId);
  });

  it("tells revenue by day, and a seller's dashboard", async () => {
    const days = { from: '2026-03-01', to: '2026-03-02' };
    const revenue = await client.revenueDaily({ ...days, currency: 'EUR' });
    assert.deepEqual(revenue.days.map(({ day, revenueCents }) => [day, revenueCents]), [['2026-03-01', 1_000], ['2026-03-02', 0]]);
    assert.equal(revenue.asOf, '2026-03-02T00:00:00.000Z');
    const dashboard = await client.sellerDashboard('S-1', days);
    assert.deepEqual(dashboard?.days, revenue.days);
    assert.deepEqual([dashboard.totals[0]?.netCents, dashboard.topProducts[0]?.name], [1_000, 'Metal lantern']);
    assert.deepEqual((await client.sellerDashboard('nobody', days))?.days, []);
    await assert.rejects(client.revenueDaily({ from: '2020-01-01' }), { status: 400 });
  }); // prettier-ignore

  it('waits for a version that arrives meanwhile', async () => {
    const waiting = client.waitForVersion('late', 2, { waitMs: 5_000 });
    await put({ orderId: 'late', then: [PAID] });
    assert.equal((await waiting)?.order.version, 2);
  });

  it('waits no longer than it is told', async () => {
    const startedMs = performance.now();
    assert.equal(await client.waitForVersion('B&2', 99, { waitMs: 50 }), undefined);
    assert.ok(performance.now() - startedMs < 3_000);
  });

  it('tells what is wrong with the input', async () => {
    await assert.rejects(client.search({ size: 0 }), (error) => {
      assert.ok(error instanceof OrderSearchProblem);
      assert.deepEqual([error.status, error.errors[0]?.path], [400, 'size']);
      return true;
    });
  });

  it('gives up when it is told to', async () => {
    await assert.rejects(client.search({}, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });
});
