import assert from 'node:assert/strict';
import { createAutoRebuild, type AutoRebuildDependencies } from '../../../src/rebuild/auto-rebuild.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { viewOf } from '../../../src/rebuild/view.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { aRebuild } from './runs.ts';

const REASON = 'mapped otherwise: customerId';

describe('AUTO_REBUILD', () => {
  let control: MemoryControl;
  let live: { name: string; createdAt: string };
  let code: { mappingHash: string; foldVersion: number };
  let madeBy: { mappingHash: string; foldVersion: number };
  let starts: number;
  let now: number;
  let logged: string[];
  beforeEach(() => {
    control = new MemoryControl();
    live = { name: 'orders-000001', createdAt: '2026-03-01T00:00:00.000Z' };
    code = { mappingHash: 'a', foldVersion: 7 };
    madeBy = { mappingHash: 'former', foldVersion: 6 };
    [starts, now] = [0, 0];
    logged = [];
  });

  const started: AutoRebuildDependencies['start'] = () => {
    starts += 1;
    const rebuild = viewOf({ state: aRebuild(), beatAt: 0, revision: '1' }, { paused: false, cancelled: false }, 0);
    return Promise.resolve({ kind: 'started', rebuild });
  };

  /** A service that starts anew: what it remembers is in the index. */
  function service(start: AutoRebuildDependencies['start'] = started): () => Promise<void> {
    const note = (_: unknown, line?: string) => void logged.push(line ?? '');
    const target = () => ({ generation: live.name, address: `${live.name}-w1` });
    const look = createAutoRebuild({
      index: {
        registry: () => Promise.resolve({ epoch: 1, live: target(), targets: [target()] }),
        readControl: (id) => control.readControl(id),
        writeControl: (id, value) => control.writeControl(id, value),
        generations: {
          origin: () => Promise.resolve({ createdAt: live.createdAt, ...madeBy }),
          code: () => code,
        },
      },
      start,
      now: () => now,
      log: { info: note, warn: note } as AutoRebuildDependencies['log'],
    });
    return () => look(REASON);
  }

  const changes: readonly [string, () => void][] = [
    ['another mapping is wanted', () => (code = { ...code, mappingHash: 'b' })],
    ['it is to be folded by another version', () => (code = { ...code, foldVersion: 8 })],
    ['another generation is live', () => (live = { ...live, name: 'orders-000002' })],
    ['the live generation was made again', () => (live = { ...live, createdAt: '2026-03-02T00:00:00.000Z' })],
  ];
  for (const [what, change] of changes) {
    it(`begins again for the same reason where ${what}, an hour later at the latest`, async () => {
      await service()();
      now += 3_600_000;
      change();
      await service()();
      assert.equal(starts, 2);
    });
  }

  it('begins once for one code and one generation, and says once that the next one is for an operator', async () => {
    await service()();
    const again = service();
    await again();
    await again();
    assert.equal(starts, 1);
    assert.deepEqual(logged, [
      'AUTO_REBUILD: the live generation is not what the code makes',
      "AUTO_REBUILD: this rebuild was begun once already: the next one is an operator's",
    ]);
  });

  it('begins no other one, however much later, where what was rebuilt by this code needs a rebuild all the same', async () => {
    await service()();
    live = { name: 'orders-000002', createdAt: '2026-03-02T00:00:00.000Z' };
    madeBy = code;
    const again = service();
    await again();
    now += 3_600_000;
    await again();
    assert.equal(starts, 1);
    assert.deepEqual(logged.slice(1), [
      "AUTO_REBUILD: the live generation was made by this very code, and another rebuild would make the same (is there an index template?): the next one is an operator's",
    ]);
  });

  it('rebuilds what this code has made, but not by a rebuild', async () => {
    madeBy = code;
    await service()();
    assert.equal(starts, 1);
  });

  it('says once that the next one for the same code is begun after an hour, and begins it then', async () => {
    await service()();
    live = { name: 'orders-000002', createdAt: '2026-03-02T00:00:00.000Z' };
    const again = service();
    await again();
    await again();
    assert.equal(starts, 1);
    assert.deepEqual(logged.slice(1), [
      'AUTO_REBUILD: a rebuild for this code was begun less than an hour ago: the next one is begun after that hour',
    ]);
    now += 3_600_000;
    await again();
    assert.equal(starts, 2);
  });

  it('begins once for each of two releases that run side by side', async () => {
    const [one, other] = [service(), service()];
    for (let time = 0; time < 4; time++) {
      code = { ...code, mappingHash: time % 2 === 0 ? 'a' : 'b' };
      live = { name: `orders-00000${time + 1}`, createdAt: new Date(time).toISOString() };
      await (time % 2 === 0 ? one : other)();
    }
    assert.equal(starts, 2);
  });

  it('begins the one that could not be begun', async () => {
    await assert.rejects(service(() => Promise.reject(new IndexUnavailableError('not now')))(), IndexUnavailableError);
    await service(() => Promise.resolve({ kind: 'refused', reason: 'no' }))();
    assert.deepEqual(logged, ['AUTO_REBUILD: the rebuild could not be begun']);
    await service()();
    assert.equal(starts, 1);
  });
});
