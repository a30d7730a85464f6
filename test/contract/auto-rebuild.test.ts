import assert from 'node:assert/strict';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { IndexConfigurationError, IndexUnavailableError, type OrderIndex } from '../../src/order-index/port.ts';
import { createRebuilding, type Rebuilding } from '../../src/rebuilding.ts';
import { describeForEachBackend, type BrokerPlace, type IndexPlace } from '../support/backends.ts';
import { eventually } from '../support/eventually.ts';
import { NO_AGGREGATES } from '../support/no-aggregates.ts';

const NEWER = 1_000;

describeForEachBackend('AUTO_REBUILD, after the code has changed', (backend) => {
  let place: IndexPlace;
  let brokerPlace: BrokerPlace;
  let index: OrderIndex;
  let rebuilding: Rebuilding | undefined;

  beforeEach(async () => {
    place = backend.index();
    brokerPlace = backend.broker();
    const before = place.instance();
    await before.open();
    await before.close();
    index = place.instance({ foldVersion: NEWER });
    await index.open();
  });
  afterEach(async () => {
    await rebuilding?.stop();
    await place.remove();
    await brokerPlace.remove();
  });

  /** A service that starts anew, over an index of which single operations do not work. Resolves when it has looked at the drift. */
  async function start(broken: Partial<OrderIndex['generations']> = {}): Promise<Rebuilding> {
    await rebuilding?.stop();
    const read = readConfig({ AUTO_REBUILD: 'true' });
    assert.ok(read.ok);
    const looked = Promise.withResolvers<void>();
    const drift: OrderIndex['generations']['drift'] = async () => {
      const found = await (broken.drift ?? index.generations.drift)();
      looked.resolve();
      return found;
    };
    const started = createRebuilding({
      backends: {
        broker: brokerPlace.instance(),
        index: { ...index, generations: { ...index.generations, ...broken, drift } },
      },
      ...{ config: read.config, metrics: createMetrics(), log: createLogger('silent'), instance: 'test' },
      aggregating: { rollups: NO_AGGREGATES, projections: [] },
      ...{ reached: () => Promise.resolve(), stopping: new AbortController().signal },
    });
    rebuilding = started;
    started.start();
    await looked.promise;
    return started;
  }

  const isIn = (state: string) =>
    eventually(async () => {
      const [run, ...others] = (await rebuilding?.rebuilds.list()) ?? [];
      assert.deepEqual([run?.state, run?.finishedAt === null, others], [state, state === 'CREATE', []]);
      return run?.id ?? '';
    });

  /** What is looked at when a service starts is done when it has stopped. */
  async function assertNoOther(): Promise<void> {
    const again = await start();
    await again.stop();
    assert.equal((await again.rebuilds.list()).filter(({ kind }) => kind === 'rebuild').length, 1);
  }

  describe('when the rebuild has failed', () => {
    it('leaves the next one to an operator', async () => {
      await start({ create: () => Promise.reject(new IndexConfigurationError('it is refused')) });
      await isIn('FAILED');
      await assertNoOther();
    });

    it('begins again for another change, whose reason may be the same', async () => {
      await start({ create: () => Promise.reject(new IndexConfigurationError('it is refused')) });
      await isIn('FAILED');
      const again = await start({ code: () => ({ ...index.generations.code(), mappingHash: 'another' }) });
      await eventually(async () => assert.equal((await again.rebuilds.list()).length, 2));
    });
  });

  describe('when the rebuild was cancelled', () => {
    it('leaves the next one to an operator', async () => {
      const { rebuilds } = await start({ create: () => Promise.reject(new IndexUnavailableError('not now')) });
      const id = await isIn('CREATE');
      assert.equal((await rebuilds.change(id, 'cancel')).kind, 'accepted');
      await isIn('CANCELLED');
      await assertNoOther();
    });
  });

  describe('when what was rebuilt was rolled back', () => {
    it('leaves the next one to an operator', async () => {
      const { live: before } = await index.registry();
      const { generations } = await start();
      await isIn('DONE');
      assert.equal((await generations.activate(before.generation)).kind, 'activated');
      await assertNoOther();
      assert.equal((await index.registry()).live.generation, before.generation);
    });
  });
});
