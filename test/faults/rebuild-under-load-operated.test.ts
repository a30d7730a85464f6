import assert from 'node:assert/strict';
import { STEPS, type Step } from '../../src/rebuild/state.ts';
import { eventually, steadily } from '../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { beginUnderLoad, EVENTS_PER_SECOND, freePort, type UnderLoad } from '../support/under-load.ts';

/** The others are done to their end. */
const PAUSABLE = STEPS.slice(0, STEPS.indexOf('SWAP'));

if (RUNS_LONG_TESTS) {
  describe(`under ${EVENTS_PER_SECOND} live events a second, an operator`, function () {
    this.timeout(600_000);
    let scene: UnderLoad;
    let port: string;
    let last: RunningService;
    before(async () => {
      port = String(await freePort());
      scene = await beginUnderLoad({ seed: 'operated', maxWaiting: 3_000, first: { PORT: port } });
      last = scene.service;
    });
    after(async () => {
      await last.kill();
      await scene.remove();
    });

    async function restart(more: Environment): Promise<void> {
      await last.kill();
      last = await startService({ ...scene.environment, PORT: port, ...more });
      await untilReady(last);
    }

    async function states(): Promise<string[]> {
      return (await scene.operator.generations()).map(({ state }) => state);
    }

    async function rebuild(request: Readonly<Record<string, unknown>>): Promise<void> {
      const { id } = await scene.operator.start(request);
      const { state, error } = await scene.operator.over(id);
      assert.equal(state, 'DONE', error ?? '');
    }

    async function assertPausedIn(id: string, step: Step): Promise<void> {
      const { state, paused } = await scene.operator.get(id);
      assert.deepEqual([state, paused], [step, true]);
    }

    describe('who pauses and resumes a rebuild in every state', () => {
      it('holds it where it is each time, and it ends well', async () => {
        const { operator } = scene;
        const stallAt = (step: Step) => ({ ORDER_SEARCH_FAULT_POINT: `rebuild ${step}:stall=600000` });
        await restart(stallAt('CREATE'));
        const { id } = await operator.start();
        for (const [index, step] of PAUSABLE.entries()) {
          await operator.in(id, step);
          await operator.change(id, 'pause');
          // Stalled at the next state by now, if it were not for the pause.
          const next = PAUSABLE[index + 1];
          await restart(next ? stallAt(next) : {});
          await steadily(() => assertPausedIn(id, step), 30_000);
          await operator.change(id, 'resume');
        }
        const { state, error } = await operator.over(id);
        assert.equal(state, 'DONE', error ?? '');
        assert.deepEqual(await states(), ['standby', 'live']);
      });
    });

    describe('who cancels a rebuild amid its copying', () => {
      it('finds it gone, with what it has built', async () => {
        await restart({ ORDER_SEARCH_FAULT_POINT: 'rebuild page#2:stall=3000' });
        const { id } = await scene.operator.start();
        await scene.operator.in(id, 'COPY');
        await scene.operator.change(id, 'cancel');
        assert.equal((await scene.operator.over(id)).state, 'CANCELLED');
        assert.deepEqual(await states(), ['standby', 'live']);
        assert.match(await scene.operator.refused('POST', `/admin/rebuilds/${id}/pause`, 409), /too late to pause/);
      });
    });

    describe('who starts a second rebuild, or meddles with the generations of one', () => {
      it('is told by which one that is refused', async () => {
        const { operator } = scene;
        await restart({ ORDER_SEARCH_FAULT_POINT: 'rebuild CATCH_UP:stall=600000' });
        const { id } = await operator.start();
        const { generation } = await operator.in(id, 'CATCH_UP');
        const [standby, live] = await operator.generations();
        assert.ok(standby && live);
        assert.match(
          await operator.refused('POST', '/admin/rebuilds', 409, {}),
          new RegExp(`Rebuild ${id}, .* CATCH_UP`),
        );
        assert.match(await operator.refused('DELETE', `/admin/generations/${live.name}`, 409), /is live/);
        assert.match(await operator.refused('DELETE', `/admin/generations/${generation}`, 409), new RegExp(id));
        assert.match(
          await operator.refused('POST', `/admin/generations/${generation}/activate`, 409),
          /is being built/,
        );
        assert.match(
          await operator.refused('POST', `/admin/generations/${standby.name}/activate`, 409),
          new RegExp(id),
        );
        await operator.change(id, 'cancel');
        await restart({});
        assert.equal((await operator.over(id)).state, 'CANCELLED');
      });
    });

    describe('who keeps fewer or more standbys', () => {
      it('finds as many', async () => {
        await rebuild({ keep: 2 });
        assert.deepEqual(await states(), ['standby', 'standby', 'live']);
        await rebuild({ keep: 1 });
        assert.deepEqual(await states(), ['standby', 'live']);
        await rebuild({ keep: 0 });
        assert.deepEqual(await states(), ['live']);
      });
    });

    describe('who wants no standby for longer than no time (STANDBY_TTL_HOURS=0)', () => {
      it('finds them dropped after the rebuild', async () => {
        await rebuild({});
        assert.deepEqual(await states(), ['standby', 'live']);
        await restart({ STANDBY_TTL_HOURS: '0' });
        await eventually(async () => assert.deepEqual(await states(), ['live']), 30_000);
      });
    });

    describe('who has done all of that', () => {
      it('has exactly the right documents in the end, and no reader saw anything go', () => scene.judge(last));
    });
  });
}
