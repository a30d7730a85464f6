import assert from 'node:assert/strict';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { measuring } from '../../../src/rollups/metrics.ts';
import type { LiveRollup, RollupState } from '../../../src/rollups/state.ts';

const stateAsOf = (asOfMs: number): RollupState => ({
  round: 1,
  live: { asOf: new Date(asOfMs).toISOString() } as LiveRollup,
});

describe('the lags of the aggregates', () => {
  it('grow from what was read last while nothing can be read, and nobody waits for it', async () => {
    const metrics = createMetrics();
    let answer: () => Promise<RollupState> = async () => stateAsOf(Date.now() - 5_000);
    const read = async () => [['revenue-daily', await answer()] as const];
    const measure = measuring(read, 60, metrics);
    const lag = async () => {
      const { values } = await metrics.lagSeconds.get();
      return values.find(({ labels }) => labels.projection === 'revenue-daily')?.value;
    };
    await measure();
    assert.ok(Number(await lag()) >= 5);
    metrics.lagSeconds.set({ projection: 'revenue-daily' }, 0);
    answer = () => new Promise(() => undefined);
    void measure();
    assert.ok(Number(await lag()) >= 5);
  });
});
