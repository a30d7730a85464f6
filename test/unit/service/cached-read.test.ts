import assert from 'node:assert/strict';
import { cachedRead } from '../../../src/service/cached-read.ts';

describe('cachedRead', () => {
  let now: number;
  let reads: PromiseWithResolvers<number>[];
  let remembered: () => Promise<number>;
  beforeEach(() => {
    [now, reads] = [0, []];
    remembered = cachedRead(
      () => {
        const reading = Promise.withResolvers<number>();
        reads.push(reading);
        return reading.promise;
      },
      () => now,
    );
  });

  describe('when several ask while it is being read', () => {
    it('is read once, for all of them', async () => {
      const answers = Promise.all([remembered(), remembered(), remembered()]);
      reads[0]?.resolve(7);
      assert.deepEqual(await answers, [7, 7, 7]);
      assert.equal(reads.length, 1);
    });
  });

  describe('when it was read less than a quarter of a second ago', () => {
    it('is not read again', async () => {
      const first = remembered();
      reads[0]?.resolve(7);
      await first;
      now = 249;
      assert.equal(await remembered(), 7);
      assert.equal(reads.length, 1);
    });
  });

  describe('when it was read less than half a second ago', () => {
    beforeEach(async () => {
      const first = remembered();
      reads[0]?.resolve(7);
      await first;
      now = 250;
    });

    it('is told as it was, while it is read again, once', async () => {
      assert.equal(await remembered(), 7);
      now = 499;
      assert.equal(await remembered(), 7);
      assert.equal(reads.length, 2);
      now = 500;
      const second = remembered();
      reads[1]?.resolve(8);
      assert.equal(await second, 8, 'of what is under way, which is young enough');
      assert.equal(await remembered(), 8, 'and the age of which counts from when it was asked for');
      assert.equal(reads.length, 3);
    });

    it('is asked again by the next one where that fails, and fails for nobody before', async () => {
      assert.equal(await remembered(), 7);
      reads[1]?.reject(new RangeError('away'));
      await Promise.allSettled(reads.map(({ promise }) => promise));
      assert.equal(await remembered(), 7);
      assert.equal(reads.length, 3);
      now = 500;
      const last = remembered();
      reads[2]?.reject(new RangeError('still away'));
      await assert.rejects(last, { message: 'still away' });
    });
  });

  describe('when it was asked for half a second ago', () => {
    it('is read again, however long the answer took', async () => {
      const first = remembered();
      now = 500;
      const second = remembered();
      reads[1]?.resolve(8);
      assert.equal(await second, 8);
      reads[0]?.resolve(7);
      assert.equal(await first, 7);
      assert.equal(await remembered(), 8, 'of two that were under way the later one stays');
    });
  });

  describe('when reading fails', () => {
    it('fails for whoever has asked meanwhile, and is asked again by the next one', async () => {
      const both = [remembered(), remembered()];
      reads[0]?.reject(new RangeError('away'));
      for (const one of both) await assert.rejects(one, RangeError);
      const next = remembered();
      reads[1]?.resolve(9);
      assert.equal(await next, 9);
    });

    it('does not make a later answer forgotten', async () => {
      const failing = remembered();
      now = 500;
      const later = remembered();
      reads[1]?.resolve(8);
      await later;
      reads[0]?.reject(new RangeError('away'));
      await assert.rejects(failing, RangeError);
      assert.equal(await remembered(), 8);
    });
  });
});
