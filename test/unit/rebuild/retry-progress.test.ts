import assert from 'node:assert/strict';
import { RetryProgress } from '../../../src/rebuild/retry-progress.ts';

describe('the progress of what begins anew after a failure', () => {
  let progress: RetryProgress;
  beforeEach(() => {
    progress = new RetryProgress();
  });

  /** Each attempt fails where it has come to. */
  const attempts = (...to: number[]) =>
    to.map((places) => {
      const made = Array.from({ length: places }, (_, at) => progress.isMade(at + 1));
      progress.failed();
      return made;
    });

  describe('when it has failed once', () => {
    it('is made while the same is done once more, and beyond that', () => {
      assert.deepEqual(attempts(2, 4), [
        [true, true],
        [true, true, true, true],
      ]);
    });
  });

  describe('when it fails before it comes anywhere, over and over', () => {
    it('is made by what is done once more after that', () => {
      assert.deepEqual(attempts(2, 0, 0, 0, 2), [[true, true], [], [], [], [true, true]]);
    });

    it('is made no more where it had come to one place twice', () => {
      assert.deepEqual(attempts(2, 0, 2, 0, 3).at(-1), [false, false, true]);
    });
  });

  describe('when it fails at one place over and over', () => {
    it('is made no more until it comes past that', () => {
      assert.deepEqual(attempts(2, 2, 2, 3), [
        [true, true],
        [true, true],
        [false, false],
        [false, false, true],
      ]);
    });

    it('is made once more after that', () => {
      attempts(2, 2, 3);
      assert.deepEqual(attempts(3, 3), [
        [true, true, true],
        [false, false, false],
      ]);
    });
  });
});
