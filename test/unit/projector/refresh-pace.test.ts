import assert from 'node:assert/strict';
import { createLogger } from '../../../src/observability/logging.ts';
import { IndexUnavailableError, type WriteTarget } from '../../../src/order-index/port.ts';
import { RefreshPace, type Backlog } from '../../../src/projector/refresh-pace.ts';

const FULL_BATCH = 1_000;
const BACKLOG: Backlog = { lagMs: 11_000, inHand: FULL_BATCH };
const CAUGHT_UP: Backlog = { lagMs: 900, inHand: 0 };
const BETWEEN: Backlog = { lagMs: 7_000, inHand: FULL_BATCH };

const targetOf = (number: number, epoch: number): WriteTarget => ({
  generation: `orders-${number}`,
  address: `orders-${number}-w${epoch}`,
});

describe('RefreshPace', () => {
  let targets: WriteTarget[];
  let epoch: number;
  let prefetch: number;
  let set: string[];
  let answer: () => Promise<boolean>;
  let pace: RefreshPace;
  const paceOfAnother = () =>
    new RefreshPace({
      ...{ batchSize: FULL_BATCH, prefetch },
      log: createLogger('silent'),
      index: {
        registry: () => Promise.resolve({ epoch, targets, live: targets.at(-1) ?? targetOf(0, 0) }),
        generations: {
          paceRefreshes: ({ address }, wanted) => {
            set.push(`${address} ${wanted}`);
            return answer();
          },
        },
      },
    });
  beforeEach(() => {
    [targets, epoch, set, answer] = [[targetOf(1, 1)], 1, [], () => Promise.resolve(true)];
    prefetch = 10 * FULL_BATCH;
    pace = paceOfAnother();
  });

  const looks = async (...backlogs: readonly Backlog[]) => {
    for (const backlog of backlogs) {
      pace.look(backlog);
      await pace.stop();
    }
    return set;
  };

  it('relaxes once when what waits is more than a batch, and old', async () => {
    assert.deepEqual(await looks(BACKLOG, BACKLOG, BACKLOG), ['orders-1-w1 relaxed']);
  });

  it('leaves it where answers are old, and little is to be written', async () => {
    assert.deepEqual(await looks({ ...BACKLOG, inHand: FULL_BATCH - 1 }), []);
  });

  it('relaxes where no whole batch can be in hand, and half of what can is', async () => {
    prefetch = FULL_BATCH / 2;
    pace = paceOfAnother();
    assert.deepEqual(await looks({ ...BACKLOG, inHand: FULL_BATCH / 4 - 1 }), []);
    assert.deepEqual(await looks({ ...BACKLOG, inHand: FULL_BATCH / 4 }), ['orders-1-w1 relaxed']);
  });

  it('leaves it where much is to be written, and answers are not old', async () => {
    assert.deepEqual(await looks(BETWEEN), []);
  });

  it('puts it back once it has caught up, and not before', async () => {
    assert.deepEqual(await looks(BACKLOG, BETWEEN), ['orders-1-w1 relaxed']);
    assert.deepEqual(await looks(CAUGHT_UP, CAUGHT_UP), ['orders-1-w1 relaxed', 'orders-1-w1 usual']);
  });

  it('puts back, at its start, what one that died has left', async () => {
    assert.deepEqual(await looks(CAUGHT_UP, CAUGHT_UP), ['orders-1-w1 usual']);
  });

  it('puts back what another one has relaxed that has died since', async () => {
    await looks(CAUGHT_UP, { ...BACKLOG, inHand: 0 });
    assert.deepEqual(await looks(CAUGHT_UP), ['orders-1-w1 usual', 'orders-1-w1 usual']);
  });

  it('leaves generations alone that may be swapped', async () => {
    targets = [targetOf(2, 2), targetOf(1, 2)];
    assert.deepEqual(await looks(BACKLOG, CAUGHT_UP), []);
    targets = [targetOf(1, 3)];
    assert.deepEqual(await looks(BACKLOG), ['orders-1-w3 relaxed']);
  });

  it('relaxes the next live one too', async () => {
    await looks(BACKLOG);
    targets = [targetOf(2, 4)];
    assert.deepEqual(await looks(BACKLOG), ['orders-1-w1 relaxed', 'orders-2-w4 relaxed']);
  });

  it('tries again where the registry has moved, or the index is away', async () => {
    answer = () => Promise.resolve(false);
    await looks(BACKLOG);
    answer = () => Promise.reject(new IndexUnavailableError('no index'));
    await looks(BACKLOG);
    answer = () => Promise.resolve(true);
    assert.equal((await looks(BACKLOG, BACKLOG)).length, 3);
  });

  it('has one change under way at a time', async () => {
    let free = () => {};
    answer = () => new Promise((resolve) => (free = () => resolve(true)));
    pace.look(BACKLOG);
    await new Promise(setImmediate);
    pace.look(CAUGHT_UP);
    assert.deepEqual(set, ['orders-1-w1 relaxed']);
    free();
    await pace.stop();
    answer = () => Promise.resolve(true);
    assert.deepEqual(await looks(CAUGHT_UP), ['orders-1-w1 relaxed', 'orders-1-w1 usual']);
  });

  it('hides no bug', async () => {
    answer = () => Promise.reject(new TypeError('a bug'));
    const bugs: unknown[] = [];
    const unhandled = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.once('unhandledRejection', (reason) => bugs.push(reason));
    try {
      pace.look(BACKLOG);
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      for (const listener of unhandled) process.on('unhandledRejection', listener);
    }
    assert.match(String(bugs), /a bug/);
  });
});
