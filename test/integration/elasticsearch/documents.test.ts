import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { OrderDocument } from '../../../src/order/document.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import type { DocumentWrite, WriteTarget } from '../../../src/order-index/port.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleDocument, sampleWrite } from './sample-orders.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';
import type { UnreliableElasticsearch } from './unreliable-elasticsearch.ts';

describe('order documents in Elasticsearch', () => {
  let under: IndexUnderTest;
  let index: OrderIndex;
  let live: WriteTarget;
  beforeEach(async () => {
    under = indexUnderTest();
    index = under.instance();
    await index.open();
    ({ live } = await index.registry());
  });
  afterEach(() => under.remove());

  const paid = { type: 'order.payment_captured.v1', data: { amountCents: 1_000 } } as const;
  const loaded = async (...ids: string[]): Promise<ReadonlyMap<string, OrderDocument>> => {
    const result = await index.load(live, ids);
    assert.equal(result.kind, 'loaded');
    return result.kind === 'loaded' ? result.documents : new Map<string, OrderDocument>();
  };

  describe('when a document is written', () => {
    it('is loaded at once, whole, and read after a refresh', async () => {
      const write = sampleWrite({ orderId: 'O-1', then: [paid] });
      assert.deepEqual(await index.write(live, [write], 'live'), [{ kind: 'written' }]);
      assert.deepEqual([...(await loaded('O-1', 'O-2', 'O-1'))], [['O-1', write.document]]);
      assert.equal(await index.get('O-1'), undefined);
      await index.refresh();
      assert.deepEqual(await index.get('O-1'), write.document);
    });

    it('never replaces its version or a newer one', async () => {
      const older = sampleWrite({ orderId: 'O-1' });
      const newer = sampleWrite({ orderId: 'O-1', then: [paid] });
      assert.deepEqual(await index.write(live, [newer], 'live'), [{ kind: 'written' }]);
      assert.deepEqual(await index.write(live, [older, newer], 'live'), [{ kind: 'present' }, { kind: 'present' }]);
      assert.deepEqual((await loaded('O-1')).get('O-1'), newer.document);
    });

    it('answers in the order of the writes, however they end', async () => {
      const good = sampleWrite({ orderId: 'O-1' });
      const broken = brokenWrite('O-2', { totalCents: 'a lot' });
      const outcomes = await index.write(live, [good, broken, good, sampleWrite({ orderId: 'O-3' })], 'live');
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['written', 'refused', 'present', 'written'],
      );
      const [, refused] = outcomes;
      assert.ok(refused?.kind === 'refused');
      assert.equal(refused.path, 'totalCents');
      assert.match(refused.reason, /failed to parse field \[totalCents\] of type \[long\]/);
    });

    it('writes nothing for nothing', async () => {
      assert.deepEqual(await index.write(live, [], 'live'), []);
      assert.deepEqual([...(await loaded())], []);
    });

    it('keeps ids that look like paths, and ids of 512 bytes', async () => {
      const ids = ['..', '.', 'a/b?c=d#e', '%2e', 'ö'.repeat(256), '"', ' ', '*', '_all'];
      const writes = ids.map((orderId) => sampleWrite({ orderId }));
      assert.deepEqual(
        new Set((await index.write(live, writes, 'live')).map(({ kind }) => kind)),
        new Set(['written']),
      );
      await index.refresh();
      assert.deepEqual([...(await loaded(...ids)).keys()], ids);
      for (const orderId of ids) assert.equal((await index.get(orderId))?.orderId, orderId);
      const found = await index.search({ sort: '-placedAt', size: 100 });
      assert.equal(found.total, ids.length);
    });
  });

  describe('when one document fails the whole request', () => {
    it('refuses it alone, and writes the others', async () => {
      const writes = Array.from({ length: 9 }, (_, n) =>
        sampleWrite({ orderId: n === 5 ? 'x'.repeat(513) : `O-${n}` }),
      );
      const outcomes = await index.write(live, writes, 'live');
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        writes.map((_, n) => (n === 5 ? 'refused' : 'written')),
      );
      assert.ok(outcomes[5]?.kind === 'refused');
      assert.match(outcomes[5].reason, /512 bytes/);
    });
  });

  describe('when the documents are more than one request takes', () => {
    it('splits them by bytes', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        const small = under.instance({ nodes: [proxy.url], maxBulkBytes: 20_000 });
        const writes = Array.from({ length: 40 }, (_, n) => sampleWrite({ orderId: `O-${n}` }));
        const outcomes = await small.write(live, writes, 'live');
        assert.deepEqual(
          outcomes,
          writes.map(() => ({ kind: 'written' })),
        );
        const sizes = proxy.seen.map(({ body }) => Buffer.byteLength(body));
        assert.ok(sizes.length > 1 && sizes.every((bytes) => bytes <= 20_000), sizes.join(' '));
      } finally {
        await proxy.close();
      }
    });

    it('halves a request that the server finds too large, and refuses one document that is', async () => {
      const tooLarge = brokenWrite('O-2', { customerEmail: 'x'.repeat(105 * 1024 * 1024) });
      const patient = under.instance({ maxBulkBytes: 500 * 1024 * 1024, requestTimeoutMs: 30_000 });
      const outcomes = await patient.write(
        live,
        [sampleWrite({ orderId: 'O-1' }), tooLarge, sampleWrite({ orderId: 'O-3' })],
        'live',
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['written', 'refused', 'written'],
      );
      assert.match(outcomes[1]?.kind === 'refused' ? outcomes[1].reason : '', /too large/);
    });
  });

  describe('when a document is hidden', () => {
    it('is loaded and never read', async () => {
      const events = [{ type: 'order.erased.v1', data: {} }] as const;
      const erased = sampleWrite({ orderId: 'O-1', then: events });
      const { document } = sampleWrite({ orderId: 'O-2' });
      const { orderId, version, updatedAt, projectedAt, events: stored } = document;
      const incomplete = { orderId, version, updatedAt, projectedAt, events: stored, status: 'incomplete' } as const;
      await index.write(live, [erased, { orderId, version, document: incomplete }], 'live');
      await index.refresh();
      assert.equal((await loaded('O-1')).get('O-1')?.status, 'erased');
      assert.equal(await index.get('O-1'), undefined);
      assert.equal(await index.get('O-2'), undefined);
      for (const q of [undefined, 'O-1', 'lantern']) {
        assert.equal((await index.search({ ...(q !== undefined && { q }), sort: '-placedAt', size: 10 })).total, 0);
      }
    });
  });

  describe('when the target is gone', () => {
    it('says that it moved, creates nothing, and knows of no order that it is new', async () => {
      const gone = { generation: under.names.generation(9), address: `${under.names.generation(9)}-w1` };
      const [outcome] = await index.write(gone, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(outcome?.kind, 'moved');
      assert.equal((await index.load(gone, ['O-1'])).kind, 'moved');
      assert.equal(await under.elasticsearch.indices.exists({ index: gone.generation }), false);
      assert.equal(await under.elasticsearch.indices.exists({ index: gone.address }), false);
    });

    it('refuses to write to a concrete index under its own name', async () => {
      const direct = { ...live, address: live.generation };
      const [outcome] = await index.write(direct, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(outcome?.kind, 'moved');
    });
  });

  describe('when Elasticsearch holds writes back', () => {
    const outcomeUnder = async (settings: Record<string, unknown>) => {
      await under.elasticsearch.indices.putSettings({ index: live.generation, settings });
      const [outcome] = await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      return outcome;
    };

    it('is unavailable behind the disk watermark, and not the document to blame', async () => {
      const outcome = await outcomeUnder({ 'index.blocks.read_only_allow_delete': true });
      assert.ok(outcome?.kind === 'unavailable');
      assert.match(outcome.reason, /flood-stage watermark/);
      await outcomeUnder({ 'index.blocks.read_only_allow_delete': null });
    });

    it("is unavailable behind an operator's read-only block", async () => {
      assert.equal((await outcomeUnder({ 'index.blocks.read_only': true }))?.kind, 'unavailable');
      await outcomeUnder({ 'index.blocks.read_only': null });
    });

    it('has moved behind a write block', async () => {
      assert.equal((await outcomeUnder({ 'index.blocks.write': true }))?.kind, 'moved');
    });

    it('is unavailable while the index is closed, for loads too', async () => {
      await under.elasticsearch.indices.close({ index: live.generation });
      const [outcome] = await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.ok(outcome?.kind === 'unavailable');
      assert.match(outcome.reason, /index_closed_exception/);
      assert.equal((await index.load(live, ['O-1'])).kind, 'unavailable');
      await assert.rejects(index.get('O-1'), IndexUnavailableError);
      await under.elasticsearch.indices.open({ index: live.generation });
    });
  });

  describe('when Elasticsearch is not well', () => {
    let proxy: UnreliableElasticsearch;
    beforeEach(async () => {
      proxy = await unreliableElasticsearch();
    });
    afterEach(() => proxy.close());

    const error = { error: { type: 'some_exception', reason: 'because' }, status: 0 };
    const faults = [
      ['a reset', 'reset', /no connection/],
      ['no answer in time', 'hang', /did not answer in time/],
      ['429', { status: 429, body: error }, /some_exception: because/],
      ['503 of a proxy', { status: 503 }, /503/],
      ['400 of a proxy', { status: 400 }, /400/],
      ['404 of a proxy', { status: 404, body: { message: 'no such app' } }, /404/],
      ['401', { status: 401, body: { error: { type: 'security_exception', reason: 'missing' } } }, /credentials/],
      [
        '403',
        { status: 403, body: { error: { type: 'security_exception', reason: 'role' } } },
        /credentials or privileges/,
      ],
      ['an answer that is no bulk answer', { status: 200, body: { items: [] } }, /0 items for 1 operations/],
    ] as const;
    for (const [name, treatment, reason] of faults) {
      it(`writes nothing and blames no document: ${name}`, async () => {
        const behind = under.instance({ nodes: [proxy.url], requestTimeoutMs: 300 });
        proxy.intercept(() => treatment);
        const [outcome] = await behind.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
        assert.ok(outcome?.kind === 'unavailable', JSON.stringify(outcome));
        assert.match(outcome.reason, reason);
        assert.equal(proxy.seen.length, 1);
      });
    }

    it('tells apart the documents of which half were rejected', async () => {
      const behind = under.instance({ nodes: [proxy.url] });
      const rejected = { status: 429, error: { type: 'es_rejected_execution_exception', reason: 'queue full' } };
      const items = [{ index: { status: 201 } }, { index: rejected }, { index: { status: 201 } }];
      proxy.intercept(() => ({ status: 200, body: { errors: true, took: 1, items } }));
      const outcomes = await behind.write(
        live,
        ['O-1', 'O-2', 'O-3'].map((orderId) => sampleWrite({ orderId })),
        'live',
      );
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['written', 'unavailable', 'written'],
      );
    });

    it('is benign to repeat after a lost answer', async () => {
      const behind = under.instance({ nodes: [proxy.url] });
      proxy.intercept(() => 'lose the answer');
      const write = sampleWrite({ orderId: 'O-1' });
      assert.equal((await behind.write(live, [write], 'live'))[0]?.kind, 'unavailable');
      proxy.intercept(() => 'forward');
      assert.deepEqual(await behind.write(live, [write], 'live'), [{ kind: 'present' }]);
    });

    it('loads nothing, and does not take an order for a new one', async () => {
      const behind = under.instance({ nodes: [proxy.url] });
      proxy.intercept(() => ({ status: 503, body: error }));
      assert.equal((await behind.load(live, ['O-1'])).kind, 'unavailable');
    });

    it('opens the breaker after outages in a row, answers at once, and closes it again when a write gets through', async () => {
      const states: string[] = [];
      const onBreakerState = (name: string, state: string) => states.push(`${name} ${state}`);
      const behind = under.instance({ nodes: [proxy.url], onBreakerState, breakerResetMs: 150 });
      proxy.intercept(() => ({ status: 503, body: error }));
      const write = sampleWrite({ orderId: 'O-1' });
      for (let n = 0; n < 3; n++) await behind.write(live, [write], 'live');
      const tried = proxy.seen.length;
      const [held] = await behind.write(live, [write], 'live');
      assert.ok(held?.kind === 'unavailable');
      assert.match(held.reason, /not tried: the circuit breaker elasticsearch-writes is open after .*some_exception/);
      assert.equal(proxy.seen.length, tried);
      // Nothing was read yet, so it is tried; and once that has failed nothing more is.
      assert.equal((await behind.load(live, ['O-1'])).kind, 'unavailable');
      const looked = proxy.seen.length;
      await assert.rejects(behind.registry(), /not tried/);
      assert.equal(proxy.seen.length, looked);
      const health = await behind.health();
      assert.equal(health.state, 'down');
      assert.match(health.reason ?? '', /writes are held back by their circuit breaker/);
      proxy.intercept(() => 'forward');
      const outcomes = await until(
        () => behind.write(live, [write], 'live'),
        ([outcome]) => outcome?.kind !== 'unavailable',
      );
      assert.deepEqual(outcomes, [{ kind: 'written' }]);
      const writesStates = states.filter((state) => state.startsWith('elasticsearch-writes'));
      assert.deepEqual(
        writesStates,
        ['closed', 'open', 'halfOpen', 'closed'].map((state) => `elasticsearch-writes ${state}`),
      );
    });

    it('opens the breaker on failing reads of the projector too, though writes never got their turn', async () => {
      const behind = under.instance({ nodes: [proxy.url] });
      proxy.intercept(() => 'reset');
      for (let n = 0; n < 3; n++) await assert.rejects(behind.registry(), /no connection/);
      await assert.rejects(behind.registry(), /not tried/);
    });

    it('keeps the breaker closed over refusals, conflicts and moves', async () => {
      const states: string[] = [];
      const calm = under.instance({ onBreakerState: (_, state) => states.push(state) });
      const gone = { ...live, address: `${live.generation}-w9` };
      for (let n = 0; n < 12; n++) {
        await calm.write(live, [brokenWrite('O-1', { totalCents: 'x' })], 'live');
        await calm.write(live, [brokenWrite('x'.repeat(513), {})], 'live');
        await calm.write(gone, [sampleWrite({ orderId: 'O-2' })], 'live');
        await calm.write(live, [sampleWrite({ orderId: 'O-3' })], 'live');
      }
      assert.deepEqual(states, ['closed', 'closed']);
    });

    it('keeps searching while writes fail, and throws for a search that fails', async () => {
      const behind = under.instance({ nodes: [proxy.url] });
      proxy.intercept(({ path }) => (path.startsWith('/_bulk') ? 'reset' : 'forward'));
      for (let n = 0; n < 4; n++) await behind.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal((await behind.search({ sort: '-placedAt', size: 1 })).total, 0);
      proxy.intercept(() => ({ status: 503, body: error }));
      for (let n = 0; n < 3; n++)
        await assert.rejects(behind.search({ sort: '-placedAt', size: 1 }), IndexUnavailableError);
      await assert.rejects(behind.get('O-1'), /not tried/);
    });
  });

  describe('when documents of several kinds wait for the lane', () => {
    it('sends live ones before those of a rebuild', async () => {
      const proxy = await unreliableElasticsearch();
      try {
        const single = under.instance({ nodes: [proxy.url], bulkConcurrency: 1 });
        const write = (orderId: string, priority: 'live' | 'repair' | 'rebuild' | 'rollups') =>
          single.write(live, [sampleWrite({ orderId })], priority);
        await Promise.all([
          write('first', 'rollups'),
          write('rollups', 'rollups'),
          write('rebuild', 'rebuild'),
          write('repair', 'repair'),
          write('live', 'live'),
        ]);
        const order = proxy.seen.map(({ body }) => /"_id":"(\w+)"/.exec(body)?.[1]);
        assert.deepEqual(order, ['first', 'live', 'repair', 'rebuild', 'rollups']);
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when it is closed', () => {
    it('lets what is under way end, and answers unavailable afterwards', async () => {
      const closing = under.instance();
      const writes = Array.from({ length: 20 }, (_, n) => sampleWrite({ orderId: `O-${n}` }));
      const underWay = closing.write(live, writes, 'live');
      await closing.close();
      assert.deepEqual(
        await underWay,
        writes.map(() => ({ kind: 'written' })),
      );
      assert.equal((await closing.write(live, writes.slice(0, 1), 'live'))[0]?.kind, 'unavailable');
    });
  });
});

/** What the projector never writes: a field of a wrong type. */
function brokenWrite(orderId: string, fields: Record<string, unknown>): DocumentWrite {
  const document = { ...sampleDocument({ orderId }), ...fields };
  return { orderId, version: 1, document };
}

async function until<T>(attempt: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  for (let value = await attempt(); ; value = await attempt()) {
    if (isDone(value)) return value;
    await pause(20);
  }
}
