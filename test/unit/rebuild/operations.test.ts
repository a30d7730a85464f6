import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS, FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import { IndexConfigurationError, IndexUnavailableError, type OrderIndex } from '../../../src/order-index/port.ts';
import { createLease } from '../../../src/order-index/lease.ts';
import { createGenerationOperations, createRebuildOperations } from '../../../src/rebuild/operations.ts';
import { createRunRecords } from '../../../src/rebuild/records.ts';
import { RebuildRunner } from '../../../src/rebuild/rebuild-runner.ts';
import { eventually } from '../../support/eventually.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { aRebuild } from './runs.ts';
import { NO_AGGREGATES } from '../../support/no-aggregates.ts';

const log = createLogger('silent');

describe('what operators do about rebuilds and generations', () => {
  let dataDir: string;
  let index: OrderIndex;
  let runner: RebuildRunner;
  let generations: OrderIndex['generations'];
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-operations-'));
    const embedded = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
    await embedded.open();
    generations = { ...embedded.generations };
    index = { ...embedded, generations };
  });
  afterEach(async () => {
    await runner.stop();
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** What an operator sees of an index of which single operations do not work. */
  function operated(
    broken: Partial<OrderIndex['generations']>,
    activationLimitMs = 60_000,
    startPatienceMs = 10_000,
    givingUpLimitMs = 30_000,
    signal = new AbortController().signal,
  ) {
    Object.assign(generations, broken);
    const records = createRunRecords({ store: index, writer: 'test', now: () => Date.now() });
    const clock = () => performance.now();
    runner = new RebuildRunner({
      ...{
        index,
        rollups: NO_AGGREGATES,
        records,
        log,
        storageLimits: DEFAULT_STORAGE_LIMITS,
        maxMessageBytes: 1_000_000,
      },
      lease: createLease({ index, name: 'rebuild', instance: 'test', expiryMs: 10_000, renewMs: 1_000, clock }),
      openSource: () => Promise.reject(new Error('there is nothing to read')),
      now: () => new Date(),
      reached: () => Promise.resolve(),
      onState: () => undefined,
      housekeeping: () => Promise.resolve(),
    });
    runner.start();
    const deps = {
      ...{ index, records, importDir: '/imports', runsElsewhere: false, now: () => Date.now() },
      ...{ wake: () => runner.wake(), signal },
      ...{ activationLimitMs, startPatienceMs, givingUpLimitMs },
    };
    return { rebuilds: createRebuildOperations(deps), generations: createGenerationOperations(deps) };
  }

  const { request } = aRebuild();

  describe('when the file that is to be read lies elsewhere', () => {
    for (const path of ['../orders.ndjson', '/etc/orders.ndjson', '.', 'a/../..', 'orders\0.ndjson']) {
      it(`does not begin: ${JSON.stringify(path)}`, async () => {
        const { rebuilds } = operated({});
        const started = await rebuilds.start({ ...request, source: 'file', path });
        const message = 'must name a file in IMPORT_DIR, relative to it';
        assert.deepEqual(started, { kind: 'invalid', path: 'path', message });
        assert.deepEqual(await rebuilds.list(), []);
      });
    }
  });

  describe('when what Elasticsearch refuses for good stands in the way', () => {
    it('fails, says why, and lets the next one begin', async () => {
      const refusal = 'an index template makes a data stream of it';
      const { rebuilds } = operated({ create: () => Promise.reject(new IndexConfigurationError(refusal)) });
      for (let time = 1; time <= 2; time++) {
        const started = await rebuilds.start(request);
        assert.ok(started.kind === 'started');
        await eventually(async () => {
          const { state, error, finishedAt } = (await rebuilds.get(started.rebuild.id)) ?? {};
          assert.deepEqual([state, error, finishedAt === null], ['FAILED', refusal, false]);
        });
      }
    });
  });

  describe('when the index does not answer at once', () => {
    /** From now on, so many times. */
    function fail(method: 'open' | 'readControl', times: number): void {
      const working = index[method].bind(index) as (...args: unknown[]) => Promise<unknown>;
      let left = times;
      const failing = async (...args: unknown[]) => {
        left -= 1;
        if (left < 0) return await working(...args);
        throw new IndexUnavailableError('no shard is there yet');
      };
      Object.assign(index, { [method]: failing });
    }

    /** Of the first time that the list of runs is written. */
    function loseAnswer(): void {
      const working = index.writeControl.bind(index);
      let isLost = false;
      index.writeControl = async (id, ...args) => {
        const answer = await working(id, ...args);
        if (isLost || id !== 'rebuilds') return answer;
        isLost = true;
        throw new IndexUnavailableError('the answer was lost');
      };
    }

    it('begins as soon as it does: where all indices are gone they are made anew', async () => {
      const { rebuilds } = operated({});
      fail('open', 2);
      fail('readControl', 2);
      assert.equal((await rebuilds.start(request)).kind, 'started');
    });

    it('begins once where only the answer was lost', async () => {
      const { rebuilds } = operated({});
      loseAnswer();
      assert.equal((await rebuilds.start(request)).kind, 'started');
      assert.equal((await rebuilds.list()).length, 1);
    });

    it('says so where that goes on', async () => {
      const { rebuilds } = operated({}, 60_000, 500);
      fail('open', Infinity);
      await assert.rejects(rebuilds.start(request), IndexUnavailableError);
    });
  });

  describe('when a generation becomes live while it is to be deleted', () => {
    it('is not deleted, and the answer says why', async () => {
      const { generation } = (await registerGeneration(index, 2)).target;
      const operations = operated({}).generations;
      const registry = index.registry.bind(index);
      index.registry = async () => {
        index.registry = registry;
        await generations.renameEpoch((await registry()).epoch, { live: generation });
        return await registry();
      };
      const { kind, ...answer } = await operations.remove(generation);
      assert.deepEqual([kind, answer], ['refused', { reason: `${generation} is live: activate another one first` }]);
      assert.equal((await index.registry()).live.generation, generation);
    });
  });

  describe('when a rebuild has no generation yet', () => {
    it('says which rebuild stands in the way of a change of generations, and of no generation', async () => {
      const { target } = await registerGeneration(index, 2);
      const readControl = index.readControl.bind(index);
      index.readControl = (id) =>
        id === 'generation-numbers' ? Promise.reject(new IndexUnavailableError('no primary')) : readControl(id);
      const { rebuilds, generations: operations } = operated({});
      const started = await rebuilds.start(request);
      assert.ok(started.kind === 'started');
      const refused = { kind: 'refused', reason: `the rebuild ${started.rebuild.id} is in CREATE` };
      assert.deepEqual(await operations.activate(target.generation), refused);
      assert.deepEqual(await operations.remove(target.generation), refused);
    });
  });

  describe('when a rebuild has failed and is still being cleaned up', () => {
    it('says so to who changes generations', async () => {
      const { target } = await registerGeneration(index, 2);
      const { rebuilds, generations: operations } = operated({
        create: () => Promise.reject(new IndexConfigurationError('refused')),
        drop: () => Promise.reject(new IndexUnavailableError('no primary')),
      });
      const started = await rebuilds.start(request);
      assert.ok(started.kind === 'started');
      const failed = await eventually(async () => {
        const view = await rebuilds.get(started.rebuild.id);
        assert.deepEqual([view?.state, view?.finishedAt], ['FAILED', null]);
        return view;
      });
      const reason = `the rebuild ${failed?.id} of ${failed?.generation} has failed and is being cleaned up: try again in a moment`;
      assert.deepEqual(await operations.remove(target.generation), { kind: 'refused', reason });
      assert.deepEqual(await operations.activate(target.generation), { kind: 'refused', reason });
    });
  });

  describe('when an activation is held up', () => {
    it('is listed as one, can be cancelled, and leaves readers where they are', async () => {
      const { target } = await registerGeneration(index, 2);
      const { rebuilds, generations: operations } = operated({
        refresh: () => Promise.reject(new IndexUnavailableError('no primary')),
      });
      const activating = operations.activate(target.generation);
      const id = await eventually(async () => {
        const [run] = await rebuilds.list();
        assert.deepEqual([run?.kind, run?.generation], ['activation', target.generation]);
        return run?.id ?? '';
      });
      const refused = await rebuilds.start(request);
      assert.equal(refused.kind === 'busy' && refused.canBeCancelled, true);
      assert.equal((await rebuilds.change(id, 'cancel')).kind, 'accepted');
      assert.deepEqual(await activating, { kind: 'refused', reason: 'CANCELLED' });
      assert.notEqual((await index.registry()).live.generation, target.generation);
    });

    it('fails where its generation is no write target any more', async () => {
      const { target } = await registerGeneration(index, 2);
      const { generations: operations } = operated({
        refresh: async () => {
          const { epoch } = await index.registry();
          await index.generations.renameEpoch(epoch, { unregister: [target.generation] });
          throw new IndexUnavailableError('it is gone');
        },
      });
      const activated = await operations.activate(target.generation);
      assert.match(activated.kind === 'refused' ? activated.reason : '', /is no write target any more/);
    });
  });

  describe('when an activation takes too long', () => {
    const LIMIT_MS = 2_500;

    it('is given up for good, saying why, since nobody expects readers to be moved later', async () => {
      const { target } = await registerGeneration(index, 2);
      const working = { ...generations };
      const { rebuilds, generations: operations } = operated(
        { refresh: () => Promise.reject(new IndexUnavailableError('no primary')) },
        LIMIT_MS,
      );
      const reason = 'it was given up after 2.5 s: no primary';
      assert.deepEqual(await operations.activate(target.generation), { kind: 'refused', reason });
      Object.assign(generations, working);
      await eventually(async () => {
        const [run] = await rebuilds.list();
        assert.deepEqual([run?.state, run?.finishedAt === null], ['CANCELLED', false]);
      });
      assert.notEqual((await index.registry()).live.generation, target.generation);
    });

    /** Once it is to be given up, and before that is written, its runner goes on with the comparison and begins to move readers. */
    function movingAsItIsGivenUp(freeze: OrderIndex['generations']['freeze']): Partial<OrderIndex['generations']> {
      const [compared, moving] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const commanded = Promise.withResolvers<void>();
      const [writeControl, working] = [index.writeControl.bind(index), { ...generations }];
      index.writeControl = async (id, ...args) => {
        if (!id.startsWith('rebuild-intent:')) return await writeControl(id, ...args);
        compared.resolve();
        await moving.promise;
        const isWritten = await writeControl(id, ...args);
        commanded.resolve();
        return isWritten;
      };
      return {
        refresh: async (generation) => {
          await compared.promise;
          await working.refresh(generation);
        },
        freeze: async (generation) => {
          moving.resolve();
          await commanded.promise;
          await freeze(generation);
        },
      };
    }

    it('is done where readers were moved all the same by the time that its runner heard of that', async () => {
      const { target } = await registerGeneration(index, 2);
      const working = { ...generations };
      const freeze = (generation: string) => working.freeze(generation);
      const { generations: operations } = operated(movingAsItIsGivenUp(freeze), 500);
      assert.equal((await operations.activate(target.generation)).kind, 'activated');
      assert.equal((await index.registry()).live.generation, target.generation);
    });

    it('says that readers are being moved where its runner had begun with that, and does not get on', async () => {
      const { target } = await registerGeneration(index, 2);
      const freeze = () => Promise.reject(new IndexUnavailableError('writes go on'));
      const { generations: operations } = operated(movingAsItIsGivenUp(freeze), 500, 10_000, 500);
      const activated = await operations.activate(target.generation);
      assert.match(
        activated.kind === 'refused' ? activated.reason : '',
        /^readers are being moved, which takes longer/,
      );
    });

    it('says so where nobody runs it that could tell what becomes of it', async () => {
      const { target } = await registerGeneration(index, 2);
      const { generations: operations } = operated({}, 200, 10_000, 200);
      await runner.stop();
      const reason =
        'it was given up after 0.2 s; no instance has heard of that yet: look which generation is live before you go on';
      assert.deepEqual(await operations.activate(target.generation), { kind: 'refused', reason });
    });

    it('is done to its end where readers are being moved already, and says so', async () => {
      const { target } = await registerGeneration(index, 2);
      const working = { ...generations };
      const { rebuilds, generations: operations } = operated(
        { freeze: () => Promise.reject(new IndexUnavailableError('writes go on')) },
        LIMIT_MS,
      );
      const reason = 'readers are being moved, which takes longer than 2.5 s: writes go on';
      assert.deepEqual(await operations.activate(target.generation), { kind: 'refused', reason });
      const refused = await rebuilds.start(request);
      assert.equal(refused.kind === 'busy' && refused.canBeCancelled, false);
      Object.assign(generations, working);
      await eventually(async () => {
        assert.equal((await index.registry()).live.generation, target.generation);
      });
    });
  });

  describe('when an activation has moved readers, and is long about what comes after', () => {
    it('is told as done', async () => {
      const { target } = await registerGeneration(index, 2);
      const { generations: operations } = operated({}, 1_500);
      const writeControl = index.writeControl.bind(index);
      // What an activation remembers of the generation that was live.
      index.writeControl = (id, ...args) =>
        id === 'standbys' ? Promise.reject(new IndexUnavailableError('slow')) : writeControl(id, ...args);
      const activated = await operations.activate(target.generation);
      assert.equal(activated.kind, 'activated', JSON.stringify(activated));
      assert.equal((await index.registry()).live.generation, target.generation);
    });
  });

  describe('when the service stops while an operation waits', () => {
    it('rejects as in an outage', async () => {
      const { target } = await registerGeneration(index, 2);
      const stopping = new AbortController();
      const { generations: operations } = operated({}, 60_000, 10_000, 30_000, stopping.signal);
      await runner.stop();
      const activating = operations.activate(target.generation);
      const ended = assert.rejects(activating, IndexUnavailableError);
      stopping.abort(new IndexUnavailableError('the service is stopping'));
      await ended;
    });
  });

  describe('when a generation is built to stand by', () => {
    it('costs no standby that was there, whatever is to be kept', async () => {
      const { target } = await registerGeneration(index, 2);
      const { rebuilds } = operated({});
      for (const [keep, expected] of [
        [1, 3],
        [0, 2],
      ] as const) {
        const started = await rebuilds.start({ ...request, activate: false, keep });
        assert.ok(started.kind === 'started');
        const { generation } = await eventually(async () => {
          const run = await rebuilds.get(started.rebuild.id);
          assert.equal(run?.state, 'DONE');
          return run;
        });
        const targets = (await index.registry()).targets.map((one) => one.generation);
        assert.ok(targets.includes(generation));
        assert.equal(targets.includes(target.generation), keep === 1);
        assert.equal(targets.length, expected);
      }
    });
  });

  describe('when generations have been dropped', () => {
    it('gives no number twice', async () => {
      const { rebuilds, generations: operations } = operated({});
      const built: string[] = [];
      for (let time = 1; time <= 2; time++) {
        const started = await rebuilds.start({ ...request, activate: false });
        assert.ok(started.kind === 'started');
        const { generation } = await eventually(async () => {
          const run = await rebuilds.get(started.rebuild.id);
          assert.equal(run?.state, 'DONE');
          return run;
        });
        built.push(generation);
        assert.equal((await operations.remove(generation)).kind, 'deleted');
      }
      assert.deepEqual(built, ['orders-000002', 'orders-000003']);
    });
  });
});
