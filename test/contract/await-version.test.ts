import assert from 'node:assert/strict';
import { createVersionAwaiter } from '../../src/order-index/await-version.ts';
import type { AwaitedVersion, OrderIndex } from '../../src/order-index/port.ts';
import { createVersionWaits } from '../../src/order-index/version-waits.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

const PAID = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
const ERASED = { type: 'order.erased.v1', data: {} } as const;
const LONG_MS = 10_000;
/** What createVersionAwaiter promises: no more than one refresh in so long, however many wait. */
const REFRESH_SPACING_MS = 100;

describeForEachBackend('waiting for a write', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  const waits = createVersionWaits();

  before(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
  });
  after(() => place.remove());

  async function write(order: SampleOrder): Promise<void> {
    await index.write((await index.registry()).live, [sampleWrite(order)], 'live');
  }

  /** Counts what is read and refreshed for it. */
  function awaiting(
    asked: Partial<AwaitedVersion> & Pick<AwaitedVersion, 'orderId' | 'version'>,
    stopping = new AbortController(),
  ) {
    const counted = { looks: 0, refreshes: 0 };
    const awaitVersion = createVersionAwaiter(
      {
        getAny: (orderId, signal) => {
          counted.looks += 1;
          return index.getAny(orderId, signal);
        },
        refresh: () => {
          counted.refreshes += 1;
          return index.refresh();
        },
      },
      waits,
      stopping.signal,
    );
    const defaults = { waitMs: LONG_MS, counts: () => true, signal: new AbortController().signal };
    return { counted, awaitVersion, arrived: awaitVersion({ ...defaults, ...asked }) };
  }

  it('takes what is there at once, also without any time to wait', async () => {
    await write({ orderId: 'there', then: [PAID] });
    await index.refresh();
    assert.equal(await awaiting({ orderId: 'there', version: 2, waitMs: 0 }).arrived, 'visible');
    assert.equal(await awaiting({ orderId: 'there', version: 1 }).arrived, 'visible');
    assert.equal(await awaiting({ orderId: 'there', version: 3, waitMs: 0 }).arrived, 'late');
    assert.equal(await awaiting({ orderId: 'unknown', version: 1, waitMs: 0 }).arrived, 'late');
  });

  it('is woken by the write, of an order not known yet too, and readers see it then', async () => {
    const { arrived } = awaiting({ orderId: 'new', version: 1 });
    await write({ orderId: 'new' });
    waits.wrote('new', 1);
    assert.equal(await arrived, 'visible');
    assert.equal((await index.get('new'))?.version, 1);
  });

  it('sees the write of another process, of which nobody tells', async () => {
    const { arrived } = awaiting({ orderId: 'elsewhere', version: 1 });
    await write({ orderId: 'elsewhere' });
    await index.refresh();
    assert.equal(await arrived, 'visible');
  });

  it('gives up in time', async () => {
    const startedMs = performance.now();
    assert.equal(await awaiting({ orderId: 'late', version: 1, waitMs: 150 }).arrived, 'late');
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= 149 && tookMs < 2_000, `${tookMs} ms`);
  });

  it('gives up when nobody waits any more', async () => {
    const client = new AbortController();
    const { arrived } = awaiting({ orderId: 'late', version: 1, signal: client.signal });
    client.abort();
    await assert.rejects(arrived, { name: 'AbortError' });
    const looked = awaiting({ orderId: 'late', version: 1, signal: AbortSignal.abort() });
    await assert.rejects(looked.arrived, { name: 'AbortError' });
  });

  it('says that nobody waits on when the service stops, and finishes the look under way', async () => {
    const stopping = new AbortController();
    const { arrived } = awaiting({ orderId: 'late', version: 1 }, stopping);
    stopping.abort();
    assert.equal(await arrived, 'stopping');
    assert.equal(await awaiting({ orderId: 'there', version: 1 }, stopping).arrived, 'visible');
  });

  it('knows that an erasure has arrived', async () => {
    await write({ orderId: 'gone', then: [ERASED] });
    await index.refresh();
    assert.equal(await awaiting({ orderId: 'gone', version: 2 }).arrived, 'visible');
    assert.equal(await index.get('gone'), undefined);
    assert.equal((await index.getAny('gone'))?.status, 'erased');
  });

  it('waits on where the document does not count', async () => {
    await write({ orderId: 'foreign' });
    await index.refresh();
    const { arrived, counted } = awaiting({ orderId: 'foreign', version: 1, waitMs: 200, counts: () => false });
    assert.equal(await arrived, 'late');
    assert.ok(counted.looks > 1);
  });

  it('refreshes once for all who wait, and looks seldom', async () => {
    const { awaitVersion, arrived, counted } = awaiting({ orderId: 'many', version: 1 });
    const one = {
      orderId: 'many',
      version: 1,
      waitMs: LONG_MS,
      counts: () => true,
      signal: new AbortController().signal,
    };
    const others = Array.from({ length: 30 }, () => awaitVersion(one));
    await write({ orderId: 'many' });
    const startedMs = performance.now();
    waits.wrote('many', 1);
    assert.deepEqual(new Set(await Promise.all([arrived, ...others])), new Set(['visible']));
    // Whoever was still looking when the first refresh began shares the next one.
    const allowed = 1 + Math.ceil((performance.now() - startedMs) / REFRESH_SPACING_MS);
    assert.ok(counted.refreshes <= allowed, `${counted.refreshes} refreshes, no more than ${allowed} expected`);
  });
});
