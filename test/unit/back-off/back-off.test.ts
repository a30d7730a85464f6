import assert from 'node:assert/strict';
import { backOffMs } from '../../../src/back-off/back-off.ts';
import { pause } from '../../../src/back-off/pause.ts';

describe('backOffMs', () => {
  const limits = { firstMs: 100, capMs: 10_000 };

  it('is anything up to a limit that doubles and ends at the cap', () => {
    const most = (attempt: number) => backOffMs(attempt, limits, () => 0.999_999);
    assert.deepEqual([0, 1, 2, 6, 7, 1_000].map(most), [99, 199, 399, 6_399, 9_999, 9_999]);
    assert.equal(
      backOffMs(5, limits, () => 0),
      0,
    );
  });
});

describe('a pause', () => {
  it('ends with the reason of the signal that cuts it short', async () => {
    const stop = new AbortController();
    const waiting = pause(60_000, stop.signal);
    const reason = new Error('the process stops');
    stop.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
  });
});
