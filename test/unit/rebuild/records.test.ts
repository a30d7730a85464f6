import assert from 'node:assert/strict';
import { createRunRecords } from '../../../src/rebuild/records.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { aRebuild } from './runs.ts';

describe('the records of runs', () => {
  const recordsOf = (store: MemoryControl, writer: string) => createRunRecords({ store, writer, now: () => 5_000 });

  it('lets one run begin at a time, and the next one once that is over', async () => {
    const records = recordsOf(new MemoryControl(), 'a');
    assert.deepEqual(await records.begin(aRebuild({ id: 'r-1' })), { kind: 'begun' });
    assert.deepEqual(await records.begin(aRebuild({ id: 'r-2' })), { kind: 'busy', id: 'r-1' });
    const kept = await records.read('r-1');
    assert.ok(kept);
    await records.replace(kept, aRebuild({ id: 'r-1', step: 'DONE', finishedAt: 6_000 }));
    assert.deepEqual(await records.begin(aRebuild({ id: 'r-2' })), { kind: 'begun' });
    assert.deepEqual([await records.ids(), await records.active()], [['r-2', 'r-1'], 'r-2']);
  });

  it('lets one of two begin that begin at once', async () => {
    const store = new MemoryControl();
    const [a, b] = [recordsOf(store, 'a'), recordsOf(store, 'b')];
    const begun = await Promise.all([a.begin(aRebuild({ id: 'r-1' })), b.begin(aRebuild({ id: 'r-2' }))]);
    assert.deepEqual(begun.map(({ kind }) => kind).sort(), ['begun', 'busy']);
  });

  it('replaces only what was read, and says so where another process was faster', async () => {
    const store = new MemoryControl();
    const [a, b] = [recordsOf(store, 'a'), recordsOf(store, 'b')];
    await a.begin(aRebuild());
    const [forA, forB] = [await a.read('r-1'), await b.read('r-1')];
    assert.ok(forA && forB);
    const after = await b.replace(forB, aRebuild({ step: 'COPY' }));
    assert.equal(after?.state.step, 'COPY');
    assert.equal(await a.replace(forA, aRebuild({ step: 'REGISTER' })), undefined);
    assert.equal((await a.read('r-1'))?.state.step, 'COPY');
    assert.ok(await b.replace(after, aRebuild({ step: 'CATCH_UP' })));
  });

  it('keeps what operators want: a pause until it is taken back, a cancellation for good', async () => {
    const records = recordsOf(new MemoryControl(), 'a');
    assert.deepEqual(await records.intent('r-1'), { paused: false, cancelled: false });
    await records.command('r-1', 'pause');
    await records.command('r-1', 'pause');
    assert.deepEqual(await records.intent('r-1'), { paused: true, cancelled: false });
    await records.command('r-1', 'cancel');
    assert.deepEqual(await records.intent('r-1'), { paused: true, cancelled: true });
    await records.command('r-1', 'resume');
    assert.deepEqual(await records.intent('r-1'), { paused: false, cancelled: true });
  });
});
