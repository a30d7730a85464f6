import assert from 'node:assert/strict';
import type { OrderIndex, WriteTarget } from '../../../src/order-index/port.ts';
import { eventually } from '../../support/eventually.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleWrite } from './sample-orders.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';
import type { UnreliableElasticsearch } from './unreliable-elasticsearch.ts';

const RESET_MS = 200;
const FULL = { type: 'cluster_block_exception', reason: 'index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage …];' };
const BLOCKED = { errors: true, took: 1, items: [{ index: { status: 429, error: FULL } }] };

describe('the circuit breakers of an index that nobody asks for anything', () => {
  let under: IndexUnderTest;
  let proxy: UnreliableElasticsearch;
  let live: WriteTarget;
  let behind: OrderIndex;
  let states: string[];
  let resetMs = RESET_MS;
  beforeEach(async () => {
    under = indexUnderTest();
    const index = under.instance();
    await index.open();
    ({ live } = await index.registry());
    proxy = await unreliableElasticsearch();
    states = [];
    behind = under.instance({
      nodes: [proxy.url],
      breakerResetMs: resetMs,
      onBreakerState: (name, state) => states.push(`${name.replace('elasticsearch-', '')} ${state}`),
    });
  });
  afterEach(async () => {
    await under.remove();
    await proxy.close();
  });

  const search = () => behind.search({ sort: '-placedAt', size: 1 });
  const write = async () => (await behind.write(live, [sampleWrite({ orderId: 'O-1' })], 'live'))[0]?.kind;
  const thrice = async (request: () => Promise<unknown>) => {
    for (let n = 0; n < 3; n++) await assert.rejects(request);
  };
  const bulks = () => proxy.seen.filter(({ path }) => path.startsWith('/_bulk'));

  describe('after an outage in which it only read', () => {
    beforeEach(async () => {
      proxy.intercept(() => 'reset');
      await thrice(() => behind.readControl('freshness'));
      await thrice(search);
      assert.equal((await behind.health()).state, 'down');
    });

    it('close by themselves', async () => {
      proxy.intercept(() => 'forward');
      await eventually(async () => assert.equal((await behind.health()).state, 'up'));
      for (const name of ['writes', 'searches']) {
        assert.ok(states.includes(`${name} open`));
        assert.equal(
          states.findLast((state) => state.startsWith(name)),
          `${name} closed`,
        );
      }
    });

    it('stay open until it is over', async () => {
      await eventually(() => assert.ok(states.filter((state) => state.endsWith(' halfOpen')).length >= 6));
      assert.deepEqual(
        states.filter((state) => state.endsWith(' closed')),
        ['writes closed', 'searches closed'],
      );
    });

    it('close on disks that are full: all that it asks for gets through', async () => {
      await eventually(() => assert.ok(states.filter((state) => state === 'writes open').length >= 2, 'probed'));
      proxy.intercept(({ path }) => (path.startsWith('/_bulk') ? { status: 200, body: BLOCKED } : 'forward'));
      await eventually(async () => assert.equal((await behind.health()).state, 'up'));
      assert.deepEqual(bulks(), []);
    });
  });

  describe('after writes failed on full disks', () => {
    beforeEach(async () => {
      proxy.intercept(({ path }) => (path.startsWith('/_bulk') ? { status: 200, body: BLOCKED } : 'forward'));
      for (let n = 0; n < 3; n++) assert.equal(await write(), 'unavailable');
    });

    describe('and nothing is tried again yet', () => {
      before(() => {
        resetMs = 60_000;
      });
      after(() => {
        resetMs = RESET_MS;
      });

      it('keep back no read, and no instance from serving', async () => {
        const { state, reason } = await behind.health();
        assert.equal(state, 'degraded');
        assert.match(reason ?? '', /^writes are held back by their circuit breaker after: cluster_block_exception/);
        assert.equal(await behind.readControl('freshness'), undefined);
        assert.deepEqual((await behind.registry()).live, live);
        assert.equal((await behind.load(live, ['O-1'])).kind, 'loaded');
        await behind.refresh();
        assert.equal(await write(), 'unavailable');
        assert.equal(bulks().length, 3, 'not tried');
      });
    });

    it('keep back reads too once one has failed, and says that nothing gets through', async () => {
      proxy.intercept(() => 'reset');
      await assert.rejects(behind.readControl('freshness'), /no connection/);
      const tried = proxy.seen.length;
      await assert.rejects(behind.registry(), /not tried: .*after reading freshness: no connection/);
      assert.equal(proxy.seen.length, tried);
      proxy.intercept(({ path }) => (path.startsWith('/_bulk') ? { status: 200, body: BLOCKED } : 'forward'));
      const { state, reason } = await behind.health();
      assert.equal(state, 'down');
      assert.match(reason ?? '', /^writes are held back by their circuit breaker after: reading freshness: no conn/);
    });

    it('are not closed by reads, only by a write that gets through, which changes no order', async () => {
      await eventually(async () => {
        const { state, reason } = await behind.health();
        assert.equal(state, 'degraded');
        assert.match(reason ?? '', /^writes are being tried again by their circuit breaker after: cluster_block_exc/);
      });
      await behind.readControl('freshness');
      await eventually(() => assert.ok(bulks().length >= 5, 'probed twice'));
      assert.deepEqual(
        states.filter((state) => state === 'writes closed'),
        ['writes closed'],
      );
      proxy.intercept(() => 'forward');
      await eventually(async () => assert.equal((await behind.health()).state, 'up'));
      for (const { body } of bulks().slice(3)) {
        assert.match(body, new RegExp(`^\\{"index":\\{"_index":"${under.names.control}-writes","_id":"probe",`));
        assert.match(body, /"require_alias":true/);
      }
      await behind.refresh();
      assert.equal((await search()).total, 0);
    });
  });
});
