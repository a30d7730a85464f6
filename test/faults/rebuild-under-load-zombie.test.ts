import assert from 'node:assert/strict';
import { Client } from '@elastic/elasticsearch';
import { eventually, steadily } from '../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { beginUnderLoad, EVENTS_PER_SECOND, type UnderLoad } from '../support/under-load.ts';

if (RUNS_LONG_TESTS) {
  describe(`under ${EVENTS_PER_SECOND} live events a second, two processes of which the rebuilding one is stopped`, function () {
    this.timeout(600_000);
    let scene: UnderLoad;
    let elasticsearch: Client;
    const running: RunningService[] = [];
    before(async () => {
      scene = await beginUnderLoad({
        seed: 'zombie',
        maxWaiting: 5_000,
        environment: { SINGLE_ACTIVE_CONSUMER: 'false' },
      });
      elasticsearch = new Client({ node: scene.backend.environment['ELASTICSEARCH_URL'] ?? '' });
      running.push(scene.service);
    });
    after(async () => {
      await elasticsearch.close();
      await Promise.all(running.map((service) => service.kill()));
      await scene.remove();
    });

    /** Started while no other one runs, so that a rebuild is its; the others are stopped. */
    async function first(fault: string): Promise<RunningService> {
      await Promise.all(running.splice(0).map((service) => service.stop()));
      return await another(fault);
    }

    async function another(fault?: string): Promise<RunningService> {
      const service = await startService({
        ...scene.environment,
        ...(fault !== undefined && { ORDER_SEARCH_FAULT_POINT: fault }),
      });
      running.push(service);
      await untilReady(service);
      return service;
    }

    /** Whether writes to it are blocked, and how often its settings were changed. */
    async function settingsOf(index: string): Promise<{ readonly isFrozen: boolean; readonly changes: number }> {
      const settings = await elasticsearch.indices.getSettings({ index, flat_settings: true });
      const state: unknown = await elasticsearch.cluster.state({ metric: 'metadata', index });
      const flat = (settings[index]?.settings ?? {}) as Readonly<Record<string, unknown>>;
      const { metadata } = state as { metadata: { indices: Record<string, { settings_version: number }> } };
      return {
        isFrozen: flat['index.blocks.write'] === 'true',
        changes: metadata.indices[index]?.settings_version ?? 0,
      };
    }

    async function states(): Promise<string[]> {
      return (await scene.operator.generations()).map(({ state }) => state);
    }

    describe('amid its copying, for longer than its lease', () => {
      it('finds that the other one has finished, and does no harm', async () => {
        const zombie = await first('rebuild page#3:stall=5000');
        const { id } = await scene.operator.start();
        await scene.operator.in(id, 'COPY');
        process.kill(zombie.pid, 'SIGSTOP');
        await another();
        const { state, error } = await scene.operator.over(id, 120_000);
        process.kill(zombie.pid, 'SIGCONT');
        assert.equal(state, 'DONE', error ?? '');
        await untilReady(zombie);
        assert.deepEqual(await states(), ['standby', 'live']);
      });
    });

    describe('amid its swap, until the other one is there too', () => {
      it('leaves the write block and the alias to the other one', async () => {
        const zombie = await first('rebuild frozen:stall=5000');
        const live = (await scene.operator.generations()).at(-1)?.name ?? '';
        const { id } = await scene.operator.start();
        await eventually(async () => assert.ok((await settingsOf(live)).isFrozen), 60_000);
        process.kill(zombie.pid, 'SIGSTOP');
        const { changes } = await settingsOf(live);
        await another('rebuild frozen:stall=10000');
        const isFrozenAnew = async () => {
          const now = await settingsOf(live);
          assert.ok(now.isFrozen && now.changes > changes);
        };
        await steadily(isFrozenAnew, 60_000);
        process.kill(zombie.pid, 'SIGCONT');
        await untilReady(zombie);
        await steadily(isFrozenAnew, 5_000);
        assert.equal((await scene.operator.get(id)).state, 'SWAP');
        const { state, error } = await scene.operator.over(id);
        assert.equal(state, 'DONE', error ?? '');
        assert.deepEqual(await states(), ['standby', 'live']);
      });
    });

    describe('when all of that has happened', () => {
      it('there are exactly the right documents, and no reader saw anything go', async () => {
        const [zombie, other] = running;
        assert.ok(zombie && other);
        await zombie.stop();
        await scene.judge(other);
      });
    });
  });
}
