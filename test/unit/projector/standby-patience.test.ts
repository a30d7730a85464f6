import assert from 'node:assert/strict';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { createStandbyPatience } from '../../../src/projector/standby-patience.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { protocolInstance, worksOf } from '../../support/protocol.ts';

const NEXT = 'orders-000002';

describe('the patience with a standby', () => {
  let time = 0;
  const [older, live, newer] = ['orders-000001', 'orders-000002', 'orders-000003'];
  beforeEach(() => (time = 0));

  const exhaustedAfter = (target: string): number => {
    const patience = createStandbyPatience(() => time);
    while (!patience.isExhausted(target, live)) time += 1_000;
    return time;
  };

  it('lasts ten seconds for what was live before', () => {
    assert.equal(exhaustedAfter(older), 10_000);
  });

  it('lasts fifty for what is being built', () => {
    assert.equal(exhaustedAfter(newer), 50_000);
  });

  it('begins anew whenever it works', () => {
    const patience = createStandbyPatience(() => time);
    assert.equal(patience.isExhausted(older, live), false);
    time = 9_999;
    patience.worked(older);
    assert.equal(patience.isExhausted(older, live), false);
    time = 10_001;
    assert.equal(patience.isExhausted(older, live), false);
    time = 19_999;
    assert.equal(patience.isExhausted(older, live), true);
  });

  it("begins anew with a generation that uses a former one's name", async () => {
    let time = 0;
    const index = new MemoryIndex();
    const diverged: string[] = [];
    const { deps } = protocolInstance(index, {
      standbyPatience: createStandbyPatience(() => time),
      diverge: (generation) => {
        diverged.push(generation);
        return Promise.resolve();
      },
      // Whoever builds it has given it up meanwhile.
      pause: () => {
        index.unregister(NEXT);
        return Promise.resolve();
      },
    });
    index.obstacle = (generation) =>
      generation === NEXT ? { kind: 'unavailable', reason: 'too many requests' } : undefined;
    for (const sequence of [1, 2]) {
      index.register(NEXT);
      await projectBatch(worksOf('o', [sequence]), deps);
      time += 3_600_000;
    }
    assert.deepEqual(diverged, []);
  });
});
