import assert from 'node:assert/strict';
import type { WriteTarget } from '../../../src/order-index/port.ts';
import { perform } from '../../../src/rebuild/actions.ts';
import type { RebuildIndex } from '../../../src/rebuild/state.ts';
import { dependenciesOf } from './action-dependencies.ts';
import { aRebuild, TARGET } from './runs.ts';

const LIVE: WriteTarget = { generation: 'orders-000001', address: 'orders-000001-w7' };
const STANDBY: WriteTarget = { generation: 'orders-000000', address: 'orders-000000-w7' };

describe('a generation that is registered to be built', () => {
  /** What is done to the index, in its order. */
  async function done(targets: readonly WriteTarget[]): Promise<string[]> {
    const calls: string[] = [];
    const registry = { epoch: 7, live: LIVE, targets };
    const generations = {
      paceRefreshes: ({ address }: WriteTarget, pace: string) => Promise.resolve(calls.push(`${address} ${pace}`) > 0),
      renameEpoch: (epoch: number) => {
        calls.push(`from epoch ${epoch}`);
        return Promise.resolve({ kind: 'moved', registry: { ...registry, epoch: epoch + 1 } });
      },
    };
    const index = { registry: () => Promise.resolve(registry), generations } as unknown as RebuildIndex;
    const action = { kind: 'register', generation: TARGET.generation, epoch: 7 } as const;
    const response = await perform(action, aRebuild({ step: 'REGISTER' }), dependenciesOf(index));
    assert.deepEqual(response, { kind: 'done', patch: { epoch: 8 } });
    return calls;
  }

  it('finds the live one refreshed as usual, since beside another target nobody puts that back', async () => {
    assert.deepEqual(await done([LIVE]), ['orders-000001-w7 usual', 'from epoch 7']);
  });

  it('leaves the live one alone that another swap may be freezing', async () => {
    assert.deepEqual(await done([STANDBY, LIVE]), ['from epoch 7']);
  });
});
