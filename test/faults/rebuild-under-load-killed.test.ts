import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RebuildStep } from '../../src/rebuild/run-rebuild.ts';
import type { Step } from '../../src/rebuild/state.ts';
import { shuffledEvents } from '../support/drain.ts';
import { steadily } from '../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { beginUnderLoad, EVENTS_PER_SECOND, freePort, type UnderLoad } from '../support/under-load.ts';

type Point = RebuildStep | `${RebuildStep}#${number}`;

/**
 * In the order of a rebuild: its process dies in every state between an action and the record of it, and inside of some actions. Two
 * states have two actions, of which the second one is meant.
 */
const IN_EVERY_STATE: readonly Point[] = [
  'rebuild CREATE acted#2',
  'rebuild REGISTER acted',
  'rebuild SNAPSHOT acted',
  'rebuild page#2',
  'rebuild COPY acted',
  'rebuild CATCH_UP acted',
  'rebuild RESTORE_SETTINGS acted',
  'rebuild REFRESH acted',
  'rebuild VALIDATE acted',
  'rebuild frozen',
  'rebuild moved',
  'rebuild SWAP acted',
  'rebuild PRUNE acted#2',
];
/** Once what is live is copied, a page is one of the history or the file. */
const WHILE_REPLAYING: readonly Point[] = ['rebuild COPY acted#2', 'rebuild page', 'rebuild COPY acted'];
const IN_AN_ACTIVATION: readonly Point[] = [
  'rebuild REFRESH acted',
  'rebuild VALIDATE acted',
  'rebuild frozen',
  'rebuild moved',
  'rebuild SWAP acted',
];
const CANCELLABLE: readonly Step[] = [
  'CREATE',
  'REGISTER',
  'SNAPSHOT',
  'COPY',
  'CATCH_UP',
  'RESTORE_SETTINGS',
  'REFRESH',
  'VALIDATE',
];
/** What a dead one held comes again, a message at a time from the third time on: not too much of it. */
const SHORT_LIVED: Environment = { PREFETCH: '100' };

describe(`under ${EVENTS_PER_SECOND} live events a second, while processes are killed`, function () {
  this.timeout(600_000);
  let importDir: string;
  let scene: UnderLoad;
  let address: Environment;
  let last: RunningService;
  before(async () => {
    importDir = await mkdtemp(join(tmpdir(), 'order-search-import-'));
  });
  afterEach(async () => {
    await last.kill();
    await scene.remove();
  });
  after(() => rm(importDir, { recursive: true }));

  /** Every process that is to go on with what the one before has left is started on the same port, as after a crash. */
  async function begin(seed: string): Promise<void> {
    address = { PORT: String(await freePort()) };
    scene = await beginUnderLoad({ seed, maxWaiting: 3_000, environment: { IMPORT_DIR: importDir }, first: address });
    last = scene.service;
  }

  async function restart(fault: Environment = {}): Promise<void> {
    await last.kill();
    last = await startService({ ...scene.environment, ...address, ...fault });
  }

  async function dieAtEach(points: readonly Point[]): Promise<void> {
    for (const point of points) {
      await restart({ ...SHORT_LIVED, ORDER_SEARCH_FAULT_POINT: `${point}:kill` });
      assert.equal(await last.ended, 'SIGKILL', `${point}\n${last.log()}`);
    }
    await restart();
  }

  async function states(): Promise<string[]> {
    return (await scene.operator.generations()).map(({ state }) => state);
  }

  async function rebuildDyingAt(points: readonly Point[], request: Readonly<Record<string, unknown>>): Promise<void> {
    await last.kill();
    const { id } = await scene.operator.start(request);
    await dieAtEach(points);
    const { state, error } = await scene.operator.over(id);
    assert.equal(state, 'DONE', error ?? '');
    assert.deepEqual(await states(), ['standby', 'live']);
  }

  async function assertPaused(id: string, step: Step): Promise<void> {
    const { state, paused } = await scene.operator.get(id);
    assert.deepEqual([state, paused], [step, true]);
  }

  describe('when the rebuilding one dies once in every state of a rebuild from the index', () => {
    it('is gone on with, and ends as if nothing had been', async () => {
      await begin('index');
      await rebuildDyingAt(IN_EVERY_STATE, { source: 'index' });
      await scene.judge(last);
    });
  });

  if (RUNS_LONG_TESTS) {
    describe('when it dies while it replays the history', () => {
      it('is gone on with, and ends as if nothing had been', async () => {
        await begin('history');
        await rebuildDyingAt(WHILE_REPLAYING, { source: 'history' });
        await scene.judge(last);
      });
    });

    describe('when it dies while it replays a file', () => {
      it('is gone on with, and so it is in a rollback and forward again', async () => {
        const backfill = shuffledEvents({ seed: 'file', orders: 600, idPrefix: 'backfill' });
        await writeFile(
          join(importDir, 'backfill.ndjson'),
          backfill.map((event) => `${JSON.stringify(event)}\n`).join(''),
        );
        await begin('file');
        await rebuildDyingAt(WHILE_REPLAYING, { source: 'file', path: 'backfill.ndjson' });
        const [before, built] = await scene.operator.generations();
        assert.ok(before && built);
        await last.kill();
        const activation = scene.operator.activate(before.name);
        await dieAtEach(IN_AN_ACTIVATION);
        await activation;
        assert.deepEqual(await states(), ['live', 'standby']);
        await scene.operator.activate(built.name);
        assert.deepEqual(await states(), ['standby', 'live']);
        await scene.judge(last, backfill);
      });
    });

    describe('when it dies while a rebuild is paused or being cancelled, in any state that can be', () => {
      it('is paused still, and cancelled in the end', async () => {
        await begin('cancelled');
        await restart(stallAt(CANCELLABLE[0]));
        for (const [index, step] of CANCELLABLE.entries()) {
          const { id } = await scene.operator.start();
          await scene.operator.in(id, step);
          const isPaused = index % 2 === 0;
          await scene.operator.change(id, isPaused ? 'pause' : 'cancel');
          await restart(stallAt(CANCELLABLE[index + 1]));
          if (isPaused) {
            await untilReady(last);
            await steadily(() => assertPaused(id, step), 20_000);
            await scene.operator.change(id, 'cancel');
          }
          const { state } = await scene.operator.over(id);
          assert.equal(state, 'CANCELLED');
          assert.deepEqual(await states(), ['live']);
        }
        await scene.judge(last);
      });
    });
  }
});

function stallAt(step: Step | undefined): Environment {
  return step === undefined ? {} : { ORDER_SEARCH_FAULT_POINT: `rebuild ${step}:stall=600000` };
}
