import assert from 'node:assert/strict';
import { sharedRead } from '../../../src/service/shared-read.ts';

describe('sharedRead', () => {
  it('reads once for all who ask while it is being read, and again for who asks then', async () => {
    let reads = 0;
    const answer = Promise.withResolvers<undefined>();
    const read = sharedRead(async () => {
      reads += 1;
      await answer.promise;
      return reads;
    });
    const asked = Array.from({ length: 100 }, () => read());
    answer.resolve(undefined);
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([1]));
    assert.equal(await read(), 2);
  });

  it('fails for all who wait, and is tried again for the next', async () => {
    let reads = 0;
    const read = sharedRead(() => {
      reads += 1;
      return reads === 1 ? Promise.reject(new Error('away')) : Promise.resolve(reads);
    });
    const asked = await Promise.allSettled([read(), read()]);
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(await read(), 2);
  });
});
