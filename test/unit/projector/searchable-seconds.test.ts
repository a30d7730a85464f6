import assert from 'node:assert/strict';
import { searchableSeconds } from '../../../src/projector/searchable-seconds.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('searchableSeconds', () => {
  describe('when heartbeats come through one by one', () => {
    for (const elapsedMs of [40, 980, 1_000, 1_030, 1_400]) {
      it(`is one sample, of the newest: after ${elapsedMs} ms`, () => {
        assert.deepEqual(searchableSeconds(NOW - 700 - elapsedMs, NOW - 700, NOW), [0.7]);
      });
    }
  });

  describe('when nothing has come through for a while', () => {
    it('is a sample for each second of it, since what was published early has waited longest', () => {
      assert.deepEqual(searchableSeconds(NOW - 5_500, NOW - 500, NOW), [0.5, 1.5, 2.5, 3.5, 4.5]);
    });

    it('is no more than an hour of them, the newest', () => {
      const samples = searchableSeconds(NOW - 86_400_000, NOW - 1_000, NOW);
      assert.deepEqual([samples.length, samples[0], samples.at(-1)], [3_600, 1, 3_600]);
    });
  });

  describe('when another instance has made visible more than that already', () => {
    it('is one sample', () => {
      assert.deepEqual(searchableSeconds(NOW, NOW - 2_000, NOW), [2]);
    });
  });
});
