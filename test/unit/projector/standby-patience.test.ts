import assert from 'node:assert/strict';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { createStandbyPatience, type WhyNotWritten } from '../../../src/projector/standby-patience.ts';
import { BLOCK, MemoryIndex } from '../../support/memory-index.ts';
import { protocolInstance, worksOf } from '../../support/protocol.ts';

const NEXT = 'orders-000002';

describe('the patience with a standby', () => {
  let time = 0;
  const [older, live, newer] = ['orders-000001', 'orders-000002', 'orders-000003'];
  beforeEach(() => (time = 0));

  const exhaustedAfter = (target: string, why: WhyNotWritten = 'unavailable'): number => {
    const patience = createStandbyPatience(() => time);
    while (!patience.isExhausted(target, live, why)) time += 1_000;
    return time;
  };

  it('lasts ten seconds for what was live before', () => {
    assert.equal(exhaustedAfter(older), 10_000);
  });

  it('lasts twenty where it is blocked, as by a swap whose runner has died', () => {
    assert.equal(exhaustedAfter(older, 'blocked'), 20_000);
  });

  it('lasts fifty for what is being built', () => {
    for (const why of ['unavailable', 'blocked'] as const) {
      time = 0;
      assert.equal(exhaustedAfter(newer, why), 50_000);
    }
  });

  it('begins anew whenever it works', () => {
    const patience = createStandbyPatience(() => time);
    assert.equal(patience.isExhausted(older, live, 'unavailable'), false);
    time = 9_999;
    patience.worked(older);
    assert.equal(patience.isExhausted(older, live, 'unavailable'), false);
    time = 10_001;
    assert.equal(patience.isExhausted(older, live, 'unavailable'), false);
    time = 19_999;
    assert.equal(patience.isExhausted(older, live, 'unavailable'), true);
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

  describe('when what was live before takes no writes', () => {
    const FORMER = 'orders-000000';
    let index: MemoryIndex;
    let diverged: string[];
    beforeEach(() => {
      [index, diverged] = [new MemoryIndex(), []];
      index.register(FORMER);
      index.blocked.add(FORMER);
    });

    /** Until it is settled; `paused`: after each round that was not, a second later. */
    async function project(paused: (why: string) => void = () => undefined): Promise<void> {
      const { deps } = protocolInstance(index, {
        standbyPatience: createStandbyPatience(() => time),
        diverge: (generation, reason) => {
          diverged.push(`${generation} after ${time} ms: ${reason}`);
          index.unregister(generation);
          return Promise.resolve();
        },
        pause: (_attempt, why) => {
          time += 1_000;
          paused(why);
          return time < 3_600_000 ? Promise.resolve() : Promise.reject(new Error('it waits without end'));
        },
      });
      await projectBatch(worksOf('o', [1]), deps);
    }

    it('has diverged, and live takes them', async () => {
      await project();
      const reason = `it could not be written to, and the live one could: ${BLOCK}`;
      assert.deepEqual(diverged, [`${FORMER} after 20000 ms: ${reason}`]);
      assert.equal(index.generations.get(index.live)?.get('o')?.version, 1);
    });

    it('is not waited for any more once it has diverged', async () => {
      index.blocked.clear();
      index.obstacle = (target) => (target === FORMER ? { kind: 'unavailable', reason: 'closed' } : undefined);
      const pauses: string[] = [];
      await project((why) => pauses.push(why));
      assert.deepEqual(diverged, [
        `${FORMER} after 10000 ms: it could not be written to, and the live one could: closed`,
      ]);
      assert.deepEqual(pauses, [...Array<string>(10).fill('outage'), 'restart']);
      assert.equal(index.generations.get(index.live)?.get('o')?.version, 1);
    });

    it('is waited for while live takes none either', async () => {
      index.blocked.add(index.live);
      await project(() => {
        if (time >= 600_000) index.blocked.clear();
      });
      assert.deepEqual(diverged, []);
    });

    it('is waited for as long again whenever the registry has moved', async () => {
      await project(() => {
        if (time % 15_000 === 0) index.epoch += 1;
        if (time >= 600_000) index.blocked.clear();
      });
      assert.deepEqual(diverged, []);
    });

    it('is not blamed for an address that the registry has moved on from', async () => {
      index.blocked.clear();
      // Whenever it has been looked up, long before it is written to.
      let moves = 100;
      const write = index.write.bind(index);
      index.write = async (target, writes) => {
        if (target.generation === FORMER && moves-- > 0) index.epoch += 1;
        return await write(target, writes);
      };
      const { deps } = protocolInstance(index, {
        standbyPatience: { isExhausted: () => true, worked: () => undefined },
        diverge: (generation) => Promise.reject(new Error(`${generation} has diverged`)),
      });
      await projectBatch(worksOf('o', [1]), deps);
      assert.equal(index.generations.get(FORMER)?.get('o')?.version, 1);
    });
  });
});
