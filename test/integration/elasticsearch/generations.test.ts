import assert from 'node:assert/strict';
import { IndexConfigurationError, IndexUnavailableError, RegistryError } from '../../../src/order-index/port.ts';
import { indexUnderTest } from './index-under-test.ts';
import type { IndexUnderTest } from './index-under-test.ts';
import { sampleWrite } from './sample-orders.ts';
import { unreliableElasticsearch } from './unreliable-elasticsearch.ts';
import type { Treatment } from './unreliable-elasticsearch.ts';

describe('generations in Elasticsearch', () => {
  let under: IndexUnderTest;
  beforeEach(() => {
    under = indexUnderTest();
  });
  afterEach(() => under.remove());

  const firstRegistry = () => {
    const generation = under.names.generation(1);
    const target = { generation, address: `${generation}-w1` };
    return { epoch: 1, live: target, targets: [target] };
  };

  describe('when nothing is there', () => {
    it('creates the first generation with its registry, and the technical indices', async () => {
      const index = under.instance();
      await index.open();
      assert.deepEqual(await index.registry(), firstRegistry());
      const { alias, parked, deadLetters, control } = under.names;
      const mappings = await under.elasticsearch.indices.getMapping({ index: [parked, deadLetters, control] });
      assert.deepEqual(Object.keys(mappings).sort(), [control, deadLetters, parked]);
      const generation = under.names.generation(1);
      const settings = await under.elasticsearch.indices.getSettings({ index: alias });
      assert.equal(settings[generation]?.settings?.index?.refresh_interval, '60s');
      const { _meta } = (await under.elasticsearch.indices.getMapping({ index: alias }))[generation]!.mappings;
      assert.equal(_meta?.['foldVersion'], 1);
      assert.equal(_meta?.['number'], 1);
      assert.match(String(_meta?.['mappingHash']), /^[0-9a-f]{16}$/);
      assert.ok(Number.isFinite(Date.parse(String(_meta?.['createdAt']))));
    });

    it('is created once by several instances that start at once', async () => {
      const indices = Array.from({ length: 6 }, () => under.instance());
      await Promise.all(indices.map((index) => index.open()));
      for (const index of indices) assert.deepEqual(await index.registry(), firstRegistry());
    });

    it('answers whoever has opened it at once, though another instance has just created it', async () => {
      const openAndAsk = async () => {
        const index = under.instance();
        await index.open();
        assert.equal(await index.readControl('nothing'), undefined);
        const { live } = await index.registry();
        assert.equal((await index.load(live, ['O-1'])).kind, 'loaded');
      };
      await Promise.all(Array.from({ length: 12 }, openAndAsk));
    });

    it('answers that the indices are gone, before they are there', async () => {
      await assert.rejects(under.instance().registry(), (error) => {
        assert.ok(error instanceof IndexUnavailableError);
        assert.match(error.message, /gone/);
        return true;
      });
    });
  });

  describe('when it is there already', () => {
    it('is left as it is', async () => {
      const index = under.instance();
      await index.open();
      await index.write((await index.registry()).live, [sampleWrite({ orderId: 'O-1' })], 'live');
      const again = under.instance();
      await again.open();
      assert.deepEqual(await again.registry(), firstRegistry());
      const loaded = await again.load((await again.registry()).live, ['O-1']);
      assert.equal(loaded.kind === 'loaded' && loaded.documents.size, 1);
      assert.equal((await again.health()).details?.['mapping'], 'current');
    });

    it('is opened only once the shards of what another instance has just created have started', async () => {
      const { elasticsearch, names } = under;
      const settings = { number_of_replicas: 0, 'index.routing.allocation.require._name': 'nobody' };
      await elasticsearch.indices.create({ index: names.control, settings, wait_for_active_shards: 0 });
      const index = under.instance({ requestTimeoutMs: 1_000 });
      await assert.rejects(index.open(), IndexUnavailableError);
      const anywhere = { 'index.routing.allocation.require._name': null };
      await elasticsearch.indices.putSettings({ index: names.control, settings: anywhere });
      await index.open();
      assert.equal(await index.readControl('anything'), undefined);
    });

    it('gets the fields that only the code has', async () => {
      const { elasticsearch, names } = under;
      const generation = names.generation(1);
      await elasticsearch.indices.create({
        index: generation,
        mappings: {
          dynamic: false,
          _meta: { foldVersion: 1, number: 1, mappingHash: 'older' },
          properties: {
            orderId: { type: 'keyword' },
            search: { properties: { exact: { type: 'keyword', ignore_above: 8191, doc_values: false } } },
          },
        },
        settings: { number_of_replicas: 0 },
        aliases: { [names.alias]: {}, [`${generation}-w1`]: {}, [names.marker(1)]: {} },
      });
      const index = under.instance();
      await index.open();
      const { properties, _meta } = (await elasticsearch.indices.getMapping({ index: generation }))[generation]!
        .mappings;
      assert.ok(properties?.['status']);
      assert.ok((properties['search'] as { properties: Record<string, unknown> }).properties['all']);
      assert.equal(_meta?.['mappingHash'], 'older');
      assert.equal((await index.health()).details?.['mapping'], 'additive');
    });

    it('says that a rebuild is needed where a field is mapped otherwise, and adds the others', async () => {
      const { elasticsearch, names } = under;
      const generation = names.generation(1);
      await elasticsearch.indices.create({
        index: generation,
        mappings: { dynamic: false, _meta: { foldVersion: 1 }, properties: { totalCents: { type: 'keyword' } } },
        settings: { number_of_replicas: 0 },
        aliases: { [names.alias]: {}, [`${generation}-w1`]: {}, [names.marker(1)]: {} },
      });
      const index = under.instance();
      await index.open();
      const { details } = await index.health();
      assert.equal(details?.['mapping'], 'rebuild needed');
      assert.match(String(details['reason']), /totalCents/);
      const { properties } = (await elasticsearch.indices.getMapping({ index: generation }))[generation]!.mappings;
      assert.ok(properties?.['status']);
    });

    it('says that a rebuild is needed where older code has folded it', async () => {
      await under.instance().open();
      const newer = under.instance({ foldVersion: 2 });
      await newer.open();
      const { details } = await newer.health();
      assert.equal(details?.['mapping'], 'rebuild needed');
      assert.match(String(details['reason']), /version 1, the code's is 2/);
    });
  });

  describe('when the aliases make no sense', () => {
    const refused = async (message: RegExp) => {
      await assert.rejects(under.instance().open(), (error) => {
        assert.ok(error instanceof IndexConfigurationError, String(error));
        assert.match(error.message, message);
        return true;
      });
    };

    it("refuses an index that has the alias's name", async () => {
      await under.elasticsearch.indices.create({ index: under.prefix });
      await refused(/is an index, and must be an alias: rename or delete/);
    });

    it('refuses an alias on two generations', async () => {
      await under.instance().open();
      const second = under.names.generation(2);
      await under.elasticsearch.indices.create({ index: second, aliases: { [under.names.alias]: {} } });
      await refused(/is on .*-000001 and .*-000002: take it off .*-000002 .*, since .*-000001 has .*-epoch-1$/);
    });

    it('tells of no generation what it is, until the aliases tell which one is live', async () => {
      const { elasticsearch, names } = under;
      const index = under.instance();
      await index.open();
      const [first, second] = [names.generation(1), names.generation(2)];
      const unreadable = (problem: RegExp) =>
        assert.rejects(
          index.generations.list(),
          (error) => error instanceof RegistryError && problem.test(error.message),
        );
      await elasticsearch.indices.create({ index: second, aliases: { [names.alias]: {} } });
      await unreadable(/take it off .*-000002/);
      await elasticsearch.indices.deleteAlias({ index: [first, second], name: names.alias });
      await unreadable(/put it back on .*-000001, which has .*-epoch-1 /);
      await elasticsearch.indices.putAlias({ index: first, name: names.alias });
      const states = (await index.generations.list()).map(({ isLive, isTarget }) => ({ isLive, isTarget }));
      assert.deepEqual(states, [
        { isLive: true, isTarget: true },
        { isLive: false, isTarget: false },
      ]);
    });

    it('refuses an alias on a stranger', async () => {
      const stranger = `${under.prefix}-stranger`;
      await under.elasticsearch.indices.create({ index: stranger, aliases: { [under.names.alias]: {} } });
      await refused(/-stranger", which is no generation/);
    });

    it('refuses a live generation without its write alias', async () => {
      await under.instance().open();
      const index = under.names.generation(1);
      await under.elasticsearch.indices.deleteAlias({ index, name: `${index}-w1` });
      await refused(/has lost its write alias .*-000001-w1/);
    });

    it('refuses two markers', async () => {
      await under.instance().open();
      await under.elasticsearch.indices.putAlias({ index: under.names.generation(1), name: under.names.marker(4) });
      await refused(/exactly one alias/);
    });

    it('refuses a technical name that is an alias', async () => {
      await under.elasticsearch.indices.create({ index: `${under.prefix}-x`, aliases: { [under.names.parked]: {} } });
      await refused(/-parked cannot be created: .*already exists as alias/);
    });

    it('never takes over the generations of a longer prefix', async () => {
      const longer = under.instance({ prefix: `${under.prefix}-eu` });
      await longer.open();
      await under.instance().open();
      assert.equal((await longer.registry()).live.generation, `${under.prefix}-eu-000001`);
    });
  });

  describe('when newer code has registered a write target', () => {
    it('refuses to open and to answer the registry', async () => {
      const older = under.instance({ foldVersion: 1 });
      const newer = under.instance({ foldVersion: 2 });
      await older.open();
      await newer.generations.create(2);
      await newer.generations.renameEpoch(1, { register: [under.names.generation(2)] });
      await assert.rejects(older.registry(), /-000002.* is folded by version 2, and this instance's code is version 1/);
      // Readers of the older one are still answered: it must not leave service for that.
      const { state, reason } = await older.health();
      assert.equal(state, 'degraded');
      assert.match(reason ?? '', /this instance's code is version 1: upgrade it/);
      await assert.rejects(under.instance({ foldVersion: 1 }).open(), IndexConfigurationError);
      assert.equal((await newer.registry()).epoch, 2);
    });
  });

  describe('when only its aliases are gone', () => {
    it('answers which generations are there, and not that they are gone', async () => {
      const index = under.instance();
      await index.open();
      const first = under.names.generation(1);
      await under.elasticsearch.indices.deleteAlias({ index: first, name: '*' });
      await assert.rejects(index.registry(), (error) => {
        assert.ok(error instanceof IndexUnavailableError);
        assert.match(error.message, /-000001 exist, but the alias .* and its markers are gone: .*put the aliases back/);
        return true;
      });
    });
  });

  describe('when the registry is moved', () => {
    const opened = async () => {
      const index = under.instance();
      await index.open();
      await index.generations.create(2);
      return { index, first: under.names.generation(1), second: under.names.generation(2) };
    };

    it('registers a second generation, live one last, and refuses writes under the epoch before', async () => {
      const { index, first, second } = await opened();
      const { live: before } = await index.registry();
      const { kind } = await index.generations.renameEpoch(1, { register: [second] });
      assert.equal(kind, 'moved');
      const { epoch, live, targets } = await index.registry();
      assert.equal(epoch, 2);
      assert.deepEqual(live, { generation: first, address: `${first}-w2` });
      assert.deepEqual(targets, [{ generation: second, address: `${second}-w2` }, live]);
      const [late] = await index.write(before, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(late?.kind, 'moved');
      for (const target of targets) {
        assert.deepEqual(await index.write(target, [sampleWrite({ orderId: 'O-1' })], 'live'), [{ kind: 'written' }]);
      }
    });

    it('unregisters what is read-only, which then is no more', async () => {
      const { index, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      await under.elasticsearch.indices.putSettings({ index: second, settings: { 'index.blocks.read_only': true } });
      await assert.rejects(index.generations.renameEpoch(2, {}), IndexUnavailableError);
      const { kind, registry } = await index.generations.renameEpoch(2, { unregister: [second] });
      assert.deepEqual([kind, registry.epoch, registry.targets.length], ['moved', 3, 1]);
      await index.generations.drop(second);
      assert.equal((await index.generations.list()).length, 1);
    });

    it('keeps a read-only block that is on another one than it unregisters', async () => {
      const { index, first, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      const setReadOnly = (on: true | null) =>
        under.elasticsearch.indices.putSettings({ index: first, settings: { 'index.blocks.read_only': on } });
      await setReadOnly(true);
      await assert.rejects(index.generations.renameEpoch(2, { unregister: [second] }), IndexUnavailableError);
      assert.equal(await index.generations.writeBlock(first), 'index.blocks.read_only');
      await setReadOnly(null);
    });

    it('swaps the read alias with the epoch, and back', async () => {
      const { index, first, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      const result = await index.generations.renameEpoch(2, { live: second });
      assert.equal(result.kind, 'moved');
      assert.deepEqual(await index.registry(), result.registry);
      assert.deepEqual(result.registry.live, { generation: second, address: `${second}-w3` });
      assert.deepEqual(
        result.registry.targets.map(({ generation }) => generation),
        [first, second],
      );
      await index.generations.renameEpoch(3, { live: first, unregister: [second] });
      const { live, targets } = await index.registry();
      assert.equal(live.generation, first);
      assert.deepEqual(targets, [{ generation: first, address: `${first}-w4` }]);
    });

    it('lets exactly one of two racers win', async () => {
      const { index, second } = await opened();
      const rival = under.instance();
      await index.generations.create(3);
      const third = under.names.generation(3);
      for (let epoch = 1; epoch <= 9; epoch += 2) {
        const results = await Promise.all([
          index.generations.renameEpoch(epoch, { register: [second] }),
          rival.generations.renameEpoch(epoch, { register: [third] }),
        ]);
        assert.deepEqual(results.map(({ kind }) => kind).sort(), ['lost_race', 'moved']);
        const winner = results[0].kind === 'moved' ? second : third;
        const { targets } = await index.registry();
        assert.deepEqual(
          targets.map(({ generation }) => generation),
          [winner, under.names.generation(1)],
        );
        await index.generations.renameEpoch(epoch + 1, { unregister: [winner] });
      }
    });

    it('lets a zombie with an old epoch change nothing at all', async () => {
      const { index, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      await index.generations.renameEpoch(2, {});
      const before = await index.registry();
      const { kind } = await under.instance().generations.renameEpoch(1, { live: second, register: [second] });
      assert.equal(kind, 'lost_race');
      assert.deepEqual(await index.registry(), before);
    });

    it('succeeds in a repeat of what was carried out, and only of that', async () => {
      const { index, first, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      const moved = await index.registry();
      const repeat = await under.instance().generations.renameEpoch(1, { register: [second] });
      assert.deepEqual(repeat, { kind: 'moved', registry: moved });
      assert.equal((await index.generations.renameEpoch(1, { live: second, register: [second] })).kind, 'lost_race');
      assert.equal((await index.registry()).live.generation, first);
    });

    it('is repeated after a lost answer and finds its own epoch there', async () => {
      const { index, second } = await opened();
      const proxy = await unreliableElasticsearch();
      try {
        const behind = under.instance({ nodes: [proxy.url] });
        proxy.intercept(({ path }) => (path.startsWith('/_aliases') ? 'lose the answer' : 'forward'));
        await assert.rejects(behind.generations.renameEpoch(1, { register: [second] }), IndexUnavailableError);
        proxy.intercept(() => 'forward');
        assert.equal((await behind.generations.renameEpoch(1, { register: [second] })).kind, 'moved');
        assert.equal((await index.registry()).epoch, 2);
      } finally {
        await proxy.close();
      }
    });

    it('counts only once every node has acknowledged it', async () => {
      const { second } = await opened();
      const proxy = await unreliableElasticsearch();
      const unacknowledged = { status: 200, body: { acknowledged: false } } as const;
      try {
        const behind = under.instance({ nodes: [proxy.url] });
        const register = () => behind.generations.renameEpoch(1, { register: [second] });
        const answers = (treatment: Treatment) =>
          proxy.intercept(({ path }) => (path.startsWith('/_aliases') ? treatment : 'forward'));
        answers(unacknowledged);
        await assert.rejects(register(), /did not move/);
        answers({ ...unacknowledged, carryOut: true });
        await assert.rejects(register(), /not every node has acknowledged/);
        await assert.rejects(register(), /not every node has acknowledged/);
        answers('forward');
        assert.equal((await register()).kind, 'moved');
        assert.equal((await behind.registry()).epoch, 2);
      } finally {
        await proxy.close();
      }
    });

    it('refuses a generation that is not there, and moves nothing', async () => {
      const { index } = await opened();
      await assert.rejects(
        index.generations.renameEpoch(1, { register: [under.names.generation(7)] }),
        /no such index/,
      );
      assert.equal((await index.registry()).epoch, 1);
    });

    it('refuses to unregister the live generation', async () => {
      const { index, first } = await opened();
      await assert.rejects(index.generations.renameEpoch(1, { unregister: [first] }), /must stay a write target/);
    });

    it('works on a write-blocked generation, whose writes are told to look again', async () => {
      const { index, first, second } = await opened();
      await index.generations.renameEpoch(1, { register: [second] });
      await under.elasticsearch.indices.addBlock({ index: first, block: 'write' });
      const { live } = await index.registry();
      const [blocked] = await index.write(live, [sampleWrite({ orderId: 'O-1' })], 'live');
      assert.equal(blocked?.kind, 'moved');
      assert.equal((await index.generations.renameEpoch(2, { live: second })).kind, 'moved');
    });

    it('creates a generation once', async () => {
      const { index } = await opened();
      assert.equal(await index.generations.create(2), 'exists');
      assert.equal(await index.generations.create(3), 'created');
      const third = under.names.generation(3);
      const settings = await under.elasticsearch.indices.getSettings({ index: third });
      assert.equal(settings[third]?.settings?.index?.refresh_interval, '-1');
    });
  });
});
