import assert from 'node:assert/strict';
import type {
  AggregateDefinition,
  AggregateRow,
  DocumentWrite,
  Generations,
  OrderIndex,
} from '../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../src/rollups/seller-daily.ts';
import { verify, type Verified, type VerifyDependencies } from '../../src/rollups/verify.ts';
import { corrected, erased, orderOf, paid, placed, refunded } from '../support/aggregate-stage.ts';
import { describeForEachBackend, type IndexPlace } from '../support/backends.ts';
import { startAggregates, type RunningAggregates } from '../support/running-aggregates.ts';

const item = (sku: string, quantity: number) => ({ sku, name: `${sku}!`, quantity, unitPriceCents: 100 });
/** Over three days: one that moved to another seller, one that was erased, one that is not paid. */
const ORDERS: readonly DocumentWrite[] = [
  orderOf('A', placed('2026-03-01', { items: [item('LAN', 2), item('TEA', 1)] }), paid('2026-03-01', 300), refunded('2026-03-02', 50)),
  orderOf('B', placed('2026-03-02'), paid('2026-03-02', 100), paid('2026-03-03', 100)),
  orderOf('C', placed('2026-03-02', { currency: 'JPY' }), paid('2026-03-03', 900), corrected('2026-03-03', { sellerId: 'S-2' })),
  orderOf('D', placed('2026-03-02', { currency: 'USD' }), paid('2026-03-02', 100), erased('2026-03-03')),
  orderOf('E', placed('2026-03-02', { currency: 'GBP' })),
]; // prettier-ignore
/** Newer than any that the service writes. */
const TAMPERED_FROM = 1_000_000;
const signal = new AbortController().signal;

describeForEachBackend('the verification of the aggregates', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let running: RunningAggregates;

  let version = TAMPERED_FROM;
  /** What tests have changed, as it was. */
  const untouched = new Map<AggregateRow, AggregateDefinition>();

  before(async function () {
    this.timeout(60_000);
    place = backend.index();
    index = place.instance();
    await index.open();
    await write(...ORDERS);
    running = await startAggregates(index);
  });
  afterEach(async () => {
    for (const [row, aggregate] of untouched) await put(aggregate, row);
    untouched.clear();
  });
  after(async () => {
    await running.stop();
    await place.remove();
  });

  async function write(...orders: readonly DocumentWrite[]): Promise<void> {
    await index.write((await index.registry()).live, orders, 'live');
  }

  async function verified(changed: Partial<VerifyDependencies> = {}): Promise<Verified[]> {
    return await toldBy(verify({ ...running.verifying, ...changed }, signal));
  }

  async function differences(): Promise<string[]> {
    const told = await verified();
    const named = told.flatMap((one) =>
      one.kind === 'difference' ? [`${one.aggregate} ${one.key} ${one.field} ${one.expected} ${one.found}`] : [],
    );
    const end = told.at(-1);
    assert.ok(end?.kind === 'end' && end.differences === named.length, JSON.stringify(end));
    return named;
  }

  async function liveOf(aggregate: AggregateDefinition): Promise<string> {
    const live = (await index.aggregates.store(aggregate).list()).find(({ isLive }) => isLive);
    assert.ok(live);
    return live.name;
  }

  /** Behind the service's back. */
  async function put(aggregate: AggregateDefinition, row: AggregateRow): Promise<void> {
    const store = index.aggregates.store(aggregate);
    const live = await liveOf(aggregate);
    version += 1;
    await store.write(live, [row], version);
    await store.refresh(live);
  }

  /** Until the test is over. */
  async function tamper(
    aggregate: AggregateDefinition,
    row: AggregateRow,
    changes: Partial<AggregateRow>,
  ): Promise<void> {
    untouched.set(row, aggregate);
    await put(aggregate, { ...row, ...changes });
  }

  async function rowOf(aggregate: AggregateDefinition, wanted: string): Promise<AggregateRow> {
    const rows = await index.aggregates.store(aggregate).wholeRows({ after: undefined, size: 100 });
    const row = rows.find(({ key }) => key === wanted);
    assert.ok(row, wanted);
    return row;
  }

  it('finds no difference where nobody has changed anything', async () => {
    // One of zeros each for the order that was erased, and one for the seller that an order has left.
    assert.deepEqual(await verified(), [{ kind: 'end', orders: 5, rows: 11, differences: 0, unsettled: 0 }]);
    await write(orderOf('F', placed('2026-03-05'), paid('2026-03-05', 100)));
    assert.deepEqual(await verified(), [{ kind: 'end', orders: 6, rows: 13, differences: 0, unsettled: 0 }]);
  });

  it('names a row that was changed, with what it should be', async () => {
    const row = await rowOf(REVENUE_DAILY, '2026-03-02|EUR');
    await tamper(REVENUE_DAILY, row, { revenueCents: row.revenueCents + 1, refundCount: 0 });
    assert.deepEqual(await differences(), [
      'revenue-daily 2026-03-02|EUR revenueCents 100 101',
      'revenue-daily 2026-03-02|EUR refundCount 1 0',
    ]);
  });

  it('names a row that is missing', async () => {
    untouched.set(await rowOf(REVENUE_DAILY, '2026-03-01|EUR'), REVENUE_DAILY);
    await index.aggregates.store(REVENUE_DAILY).expire(await liveOf(REVENUE_DAILY), '2026-03-02');
    await index.aggregates.store(REVENUE_DAILY).refresh(await liveOf(REVENUE_DAILY));
    assert.deepEqual(await differences(), [
      'revenue-daily 2026-03-01|EUR orders 1 0',
      'revenue-daily 2026-03-01|EUR revenueCents 300 0',
    ]);
  });

  it('names a row that no order contributes to', async () => {
    const key = '2026-03-04|EUR|S-9';
    const of = {
      key,
      day: '2026-03-04',
      currency: 'EUR',
      sellerId: 'S-9',
      refundedCents: 0,
      refundCount: 0,
      products: [],
    };
    await tamper(SELLER_DAILY, { ...of, orders: 0, revenueCents: 0 }, { orders: 1, revenueCents: 100 });
    assert.deepEqual(await differences(), [`seller-daily ${key} orders 0 1`, `seller-daily ${key} revenueCents 0 100`]);
  });

  it('names the product whose sales are wrong, or that nobody sold', async () => {
    const row = await rowOf(SELLER_DAILY, '2026-03-01|EUR|S-1');
    const [lantern, tea] = row.products ?? [];
    assert.ok(lantern && tea);
    const products = [
      { ...lantern, quantity: 3 },
      { ...tea, sku: 'TEA-2' },
    ];
    await tamper(SELLER_DAILY, row, { products });
    assert.deepEqual(await differences(), [
      `seller-daily ${row.key} products.LAN.quantity 2 3`,
      `seller-daily ${row.key} products.TEA.name TEA! `,
      `seller-daily ${row.key} products.TEA.quantity 1 0`,
      `seller-daily ${row.key} products.TEA.revenueCents 100 0`,
      `seller-daily ${row.key} products.TEA-2.name  TEA!`,
      `seller-daily ${row.key} products.TEA-2.quantity 0 1`,
      `seller-daily ${row.key} products.TEA-2.revenueCents 0 100`,
    ]);
  });

  it('says nothing of days that are not kept', async () => {
    await tamper(REVENUE_DAILY, await rowOf(REVENUE_DAILY, '2026-03-01|EUR'), { orders: 9 });
    assert.equal((await differences()).length, 1);
    const [whole, kept] = [(await verified()).at(-1), ...(await verified({ keptFrom: () => '2026-03-02' }))];
    assert.ok(whole?.kind === 'end' && kept?.kind === 'end');
    assert.deepEqual(kept, { ...whole, rows: whole.rows - 2, differences: 0 });
  });

  it('says nothing of days that were not kept once, until the aggregates have them again', async () => {
    await tamper(REVENUE_DAILY, await rowOf(REVENUE_DAILY, '2026-03-01|EUR'), { orders: 9 });
    const whole = (await verified()).at(-1);
    assert.ok(whole?.kind === 'end');
    for (const until of [Infinity, 1]) {
      const narrowed = await verified({ records: lackingDaysBefore('2026-03-02', until) });
      assert.deepEqual(narrowed, [{ ...whole, rows: whole.rows - 2, differences: 0 }]);
    }
  });

  /**
   * As an instance that keeps less has left them; another generation that has all days takes their place once a reader has looked so often.
   */
  function lackingDaysBefore(wholeFrom: string, looks: number): VerifyDependencies['records'] {
    const { records } = running.verifying;
    const looked = new Map<string, number>();
    const read: typeof records.read = async (name) => {
      const kept = await records.read(name);
      const { live } = kept.state;
      // The first look is whether all is counted.
      const before = looked.get(name) ?? -1;
      looked.set(name, before + 1);
      return live && before < looks ? { ...kept, state: { ...kept.state, live: { ...live, wholeFrom } } } : kept;
    };
    return { ...records, read };
  }

  it('leaves out, and counts, the rows of orders that are written to meanwhile', async () => {
    await tamper(REVENUE_DAILY, await rowOf(REVENUE_DAILY, '2026-03-01|EUR'), { orders: 9 });
    const order = orderOf('G', placed('2026-03-01'), paid('2026-03-01', 100), paid('2026-03-09', 100));
    const [end, ...others] = await verified({ index: writingMeanwhile(order) });
    // Of each aggregate the day that was there and the one that was not.
    assert.ok(end?.kind === 'end' && others.length === 0);
    assert.deepEqual([end.differences, end.unsettled], [0, 4]);
  });

  it('is refused where orders of every row are written to meanwhile', async () => {
    const order = orderOf('I', placed('2026-03-10'), paid('2026-03-10', 100));
    const index = writingMeanwhile(order);
    assert.deepEqual(await verified({ index, keptFrom: () => '2026-03-10' }), [
      { kind: 'refused', reason: 'orders of every row (2) were being written: verify again when less is' },
    ]);
    const settled = await verified({ keptFrom: () => '2026-03-10' });
    assert.deepEqual(settled, [{ kind: 'end', orders: 8, rows: 2, differences: 0, unsettled: 0 }]);
  });

  /** The order is written once the orders to be added up are chosen, and it is counted before the rows are read. */
  function writingMeanwhile(order: DocumentWrite): VerifyDependencies['index'] {
    const generations = Object.create(index.generations, {
      openSnapshot: {
        value: async (name: string) => {
          const snapshot = await index.generations.openSnapshot(name);
          await write(order);
          await running.caughtUp();
          return snapshot;
        },
      },
    }) as Generations;
    return { registry: () => index.registry(), aggregates: index.aggregates, generations };
  }

  describe('when the aggregates do not catch up', () => {
    before(async () => {
      await running.stop();
      await write(orderOf('H', placed('2026-03-02'), paid('2026-03-02', 100)));
    });

    it('is refused after a while', async () => {
      const [refused, ...others] = await verified({ patienceMs: 100 });
      assert.ok(refused?.kind === 'refused' && others.length === 0);
      assert.match(refused.reason, /have not caught up with .*: see the part "aggregates" of \/health$/);
    });

    it('tells an outage as its end', async () => {
      const { index } = running.verifying;
      const registry = () => Promise.reject(new IndexUnavailableError('no connection'));
      assert.deepEqual(await verified({ index: { ...index, registry } }), [
        { kind: 'refused', reason: 'it could not be told: no connection' },
      ]);
    });

    it('ends with its signal', async () => {
      const ending = new AbortController();
      const reason = new Error('hung up');
      const wake = () => ending.abort(reason);
      await assert.rejects(toldBy(verify({ ...running.verifying, wake }, ending.signal)), reason);
    });
  });
});

async function toldBy(events: AsyncIterable<Verified>): Promise<Verified[]> {
  const told: Verified[] = [];
  for await (const one of events) told.push(one);
  return told;
}
