import assert from 'node:assert/strict';
import { createVersionWaits } from '../../../src/order-index/version-waits.ts';

const LONG_MS = 60_000;
const NEVER = new AbortController().signal;

describe('waiting for a version', () => {
  it('ends with this version or a newer one of the order', async () => {
    const waits = createVersionWaits();
    const [second, third] = [waits.waitFor('A', 2, LONG_MS, NEVER), waits.waitFor('A', 3, LONG_MS, NEVER)];
    waits.wrote('A', 2);
    assert.equal(await second, true);
    waits.wrote('A', 7);
    assert.equal(await third, true);
  });

  it('takes no other order and no older version', async () => {
    const waits = createVersionWaits();
    const abort = new AbortController();
    const waiting = waits.waitFor('A', 2, LONG_MS, abort.signal);
    waits.wrote('B', 2);
    waits.wrote('A', 1);
    abort.abort();
    assert.equal(await waiting, false);
  });

  it('ends when its time is over', async () => {
    assert.equal(await createVersionWaits().waitFor('A', 1, 5, NEVER), false);
    assert.equal(await createVersionWaits().waitFor('A', 1, 0, NEVER), false);
    assert.equal(await createVersionWaits().waitFor('A', 1, LONG_MS, AbortSignal.abort()), false);
  });

  it('wakes all who wait, each once', async () => {
    const waits = createVersionWaits();
    const waiting = Array.from({ length: 100 }, () => waits.waitFor('A', 1, LONG_MS, NEVER));
    waits.wrote('A', 1);
    waits.wrote('A', 1);
    assert.ok((await Promise.all(waiting)).every((written) => written));
  });
});
