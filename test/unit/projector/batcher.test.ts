import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { Batcher } from '../../../src/projector/batcher.ts';

describe('Batcher', () => {
  let emitted: string[][];
  let isFree: boolean;
  let batcher: Batcher<string>;
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    [emitted, isFree] = [[], true];
    batcher = new Batcher({
      ...{ maxCount: 4, maxBytes: 100, delayMs: 50 },
      mayBegin: () => isFree,
      bytesOf: (item) => item.length,
      emit: (items) => emitted.push(items),
    });
  });
  afterEach(() => mock.timers.reset());

  describe('when a batch could be begun with', () => {
    it('emits what has come within the delay of the first item', () => {
      batcher.add('a');
      mock.timers.tick(49);
      batcher.add('b');
      assert.deepEqual(emitted, []);
      mock.timers.tick(1);
      assert.deepEqual(emitted, [['a', 'b']]);
    });

    it('emits a full one at once, by count or by bytes', () => {
      for (const item of ['a', 'b', 'c', 'd', 'e']) batcher.add(item);
      assert.deepEqual(emitted, [['a', 'b', 'c', 'd']]);
      batcher.add('x'.repeat(99));
      assert.deepEqual(emitted[1], ['e', 'x'.repeat(99)]);
    });
  });

  describe('when none could be begun with', () => {
    beforeEach(() => {
      isFree = false;
      batcher.add('a');
      mock.timers.tick(50);
    });

    it('lets the one that is due grow until one could', () => {
      batcher.add('b');
      mock.timers.tick(1_000);
      batcher.offer();
      assert.deepEqual(emitted, []);
      isFree = true;
      batcher.offer();
      assert.deepEqual(emitted, [['a', 'b']]);
    });

    it('lets it grow no further than full', () => {
      for (const item of ['b', 'c', 'd']) batcher.add(item);
      assert.deepEqual(emitted, [['a', 'b', 'c', 'd']]);
    });

    it('begins to wait anew after one was emitted, or dropped', () => {
      batcher.drop();
      isFree = true;
      batcher.add('b');
      batcher.offer();
      assert.deepEqual(emitted, []);
      mock.timers.tick(50);
      assert.deepEqual(emitted, [['b']]);
    });
  });
});
