import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { shuffledEvents } from '../support/drain.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { beginUnderLoad, EVENTS_PER_SECOND, type UnderLoad } from '../support/under-load.ts';

describe(`a rebuild under ${EVENTS_PER_SECOND} live events a second`, function () {
  this.timeout(600_000);
  let importDir: string;
  let scene: UnderLoad;
  before(async () => {
    importDir = await mkdtemp(join(tmpdir(), 'order-search-import-'));
  });
  afterEach(() => scene.remove());
  after(() => rm(importDir, { recursive: true }));

  async function begin(seed: string): Promise<void> {
    scene = await beginUnderLoad({ seed, environment: { IMPORT_DIR: importDir } });
  }

  async function rebuild(request: Readonly<Record<string, unknown>>): Promise<string> {
    const { id } = await scene.operator.start(request);
    const { state, error, generation } = await scene.operator.over(id, 300_000);
    assert.equal(state, 'DONE', error ?? '');
    return generation;
  }

  async function states(): Promise<string[]> {
    return (await scene.operator.generations()).map(({ state }) => state);
  }

  if (RUNS_LONG_TESTS) {
    describe('when it is from the history', () => {
      it('ends with exactly the right documents, and no reader saw anything go', async () => {
        await begin('history');
        await rebuild({ source: 'history' });
        assert.deepEqual(await states(), ['standby', 'live']);
        await scene.judge(scene.service);
      });
    });

    describe('when it is from a file that has orders of its own', () => {
      it('has them too, and so has what is rolled back to', async () => {
        const backfill = shuffledEvents({ seed: 'file', orders: 300, idPrefix: 'backfill' });
        await writeFile(join(importDir, 'backfill.ndjson.gz'), gzipSync(backfill.map(toLine).join('')));
        await begin('file');
        const [before] = await scene.operator.generations();
        const built = await rebuild({ source: 'file', path: 'backfill.ndjson.gz' });
        await scene.operator.activate(before?.name ?? '');
        assert.deepEqual(await states(), ['live', 'standby']);
        await scene.operator.activate(built);
        await scene.judge(scene.service, backfill);
      });
    });
  }

  describe('when it is from the index, rolled back, and forward again, and so on', () => {
    it('loses nothing at any of the swaps', async () => {
      await begin('rollback');
      const [before] = await scene.operator.generations();
      const built = await rebuild({ source: 'index' });
      assert.deepEqual(await states(), ['standby', 'live']);
      for (const [name, expected] of [
        [before?.name ?? '', ['live', 'standby']],
        [built, ['standby', 'live']],
        [before?.name ?? '', ['live', 'standby']],
      ] as const) {
        await scene.operator.activate(name);
        assert.deepEqual(await states(), expected);
      }
      await scene.judge(scene.service);
    });
  });
});

function toLine(event: CloudEvent): string {
  return `${JSON.stringify(event)}\n`;
}
